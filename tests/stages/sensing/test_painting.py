"""Points take the class of what they lie on from images that show them, and from no others."""

from __future__ import annotations

import numpy as np
from box_street import AHEAD, STREET, K, Thing, drive, images, seen, sweeps
from numpy.typing import NDArray

from occlabel.schemas.arrays import SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.sensing.painting import NOTHING, SegmentImage, painted

KITTI = TAXONOMIES["semantickitti"]
ROAD, BUILDING = KITTI.names.index("road"), KITTI.names.index("building")
FENCE = Thing("fence", (8, -4, 0), (8.3, 4, 1.2))


def photographed(things: tuple[Thing, ...], ahead: Matrix = AHEAD) -> SegmentImage:
    seen = images(drive(1, ahead=ahead), things, KITTI)
    return SegmentImage(seen[SEGMENT_CLASS.on("front").name][0], seen[SEGMENT_SCORE.on("front").name][0], K, ahead)


def scanned(things: tuple[Thing, ...], height: float = 1.8) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Points of a sweep from ``height`` in the ego frame, and what they lie on."""
    log = drive(1)
    sweep = log.frames[0].sweep
    assert sweep is not None
    sweep.ego_from_lidar[2, 3] = height
    points = transform_points(sweep.ego_from_lidar, sweeps(log, things, 64).points(sweep))
    start = sweep.ego_from_lidar[:3, 3]
    _, what = seen((points - start) * 1.001, start, things, 0)
    return points, np.array([ROAD, *(KITTI.names.index(thing.name) for thing in things)], np.uint8)[what]


def test_points_are_of_the_class_of_what_they_lie_on() -> None:
    points, true = scanned(STREET)
    paint = painted(points, [photographed(STREET)])
    known = paint[:, 0] != UNKNOWN
    ahead = (points[:, 0] > 9) & (np.abs(points[:, 1]) < 0.8 * (points[:, 0] - 1.5))
    assert known[ahead].mean() > 0.95 and not known[points[:, 0] < 1.5].any()
    assert (paint[known, 0] == true[known]).mean() > 0.98
    assert (paint[known, 1] == 255).all() and (paint[~known] == NOTHING).all()


def test_nothing_is_painted_through_a_fence() -> None:
    """A LiDAR looks over the fence onto the road behind it, a camera does not."""
    points, true = scanned((FENCE, STREET[0]), height=3.0)
    paint = painted(points, [photographed((FENCE, STREET[0]))])
    behind = (true == ROAD) & (np.abs(points[:, 1]) < 3) & (points[:, 0] > 12) & (points[:, 0] < 25)
    assert behind.sum() > 500
    fence = KITTI.names.index("fence")
    assert (paint[behind, 0] != fence).all()
    on_it = (true == fence) & (np.abs(points[:, 1]) < 3.8)
    assert (paint[on_it, 0] == fence).mean() > 0.9


def test_a_camera_paints_from_where_it_was_when_it_took_the_image() -> None:
    """The car drove 3 m between the sweep and the image."""
    later = AHEAD.copy()
    later[0, 3] += 3
    points, true = scanned(STREET)
    image = photographed(STREET, later)
    wrong = {}
    for name, place in (("then", later), ("now", AHEAD)):
        paint = painted(points, [SegmentImage(image.classes, image.scores, K, place)])
        known = paint[:, 0] != UNKNOWN
        wrong[name] = (paint[known, 0] != true[known]).mean()
    assert wrong["then"] < 0.02 < wrong["now"] / 2


def test_the_surest_image_is_believed_and_the_first_of_equals() -> None:
    points = np.array([[12.0, 0, 1.6], [12, 0, 1.6 - 1e-9]])

    def saying(class_id: int, score: int) -> SegmentImage:
        shape = photographed(()).classes.shape
        return SegmentImage(np.full(shape, class_id, np.uint8), np.full(shape, score, np.uint8), K, AHEAD)

    assert painted(points, [saying(3, 100), saying(5, 101)]).tolist() == [[5, 101]] * 2
    assert painted(points, [saying(3, 100), saying(5, 100)]).tolist() == [[3, 100]] * 2
    assert painted(points, [saying(UNKNOWN, 0), saying(5, 1)]).tolist() == [[5, 1]] * 2
    assert painted(points, [saying(5, 0)]).tolist() == [NOTHING.tolist()] * 2, "who is not sure at all says nothing"


def test_what_is_nowhere_in_the_image_stays_unpainted() -> None:
    points = np.array([[-5.0, 0, 0], [np.nan, 0, 0], [np.inf, 0, 0], [2, 40, 0], [1.6, 0, 1.6], [5, np.nan, 0]])
    assert (painted(points, [photographed(STREET)]) == NOTHING).all()
    assert (painted(points, []) == NOTHING).all() and painted(np.empty((0, 3)), [photographed(())]).shape == (0, 2)
