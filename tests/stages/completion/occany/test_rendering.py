"""What other cameras see of points: the nearest, where they fall; and where those cameras are."""

from __future__ import annotations

import numpy as np
from box_street import AHEAD, STREET, K, drive, images, photographs

from occlabel.schemas.arrays import DEPTH, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.completion.occany.clouds import Cloud, cloud_of, nothing, together
from occlabel.stages.completion.occany.rendering import rendered
from occlabel.stages.completion.occany.views import novel_views
from occlabel.stages.sensing.depth_images import on
from occlabel.stages.sensing.resized import scales, squeezed

SIZE = (48, 160)
SMALL = squeezed(K, scales((192, 640), SIZE))
CLASSES = TAXONOMIES["occ3d"]


def street(frame: int = 0) -> Cloud:
    log = drive(frame + 1)
    shown, camera = images(log, STREET, CLASSES), log.frames[frame].cameras[0]
    depth, classes, scores = (shown[spec.on("front").name][frame] for spec in (DEPTH, SEGMENT_CLASS, SEGMENT_SCORE))
    image = on(depth, None, camera.intrinsics, camera.ego_from_camera)
    photo = photographs(log, STREET).images[str(camera.path)]
    assert image is not None
    return cloud_of(image, photo, classes, scores)


def test_the_camera_itself_sees_what_it_saw() -> None:
    log = drive(1)
    truth = images(log, STREET, CLASSES)[DEPTH.on("front").name][0].astype(np.float32)
    # Elements are of every fourth pixel, pixels of the view lie in the middle of four.
    view = rendered(street(), AHEAD, K / [[4], [4], [1]], SIZE)
    np.testing.assert_allclose(view.depth[view.seen], truth[view.seen], rtol=1e-3)
    assert (view.seen == np.isfinite(truth)).mean() > 0.99
    assert set(np.unique(view.classes)) >= {CLASSES.names.index(name) for name in ("car", "manmade")}
    assert (view.classes[~view.seen] == UNKNOWN).all() and not view.scores[~view.seen].any()


def test_what_is_nearer_hides_what_is_behind() -> None:
    points = np.array([[10, 0, 1.6], [20, 0, 1.6], [-5, 0, 1.6]], np.float32)
    grey, names = np.zeros((3, 3), np.uint8), np.arange(3, dtype=np.uint8)
    cloud = Cloud(points, np.zeros(3, np.float32), grey, names, np.full(3, 9, np.uint8))
    view = rendered(cloud, AHEAD, SMALL, SIZE)
    assert view.seen.sum() == 1
    (row,), (column,) = np.nonzero(view.seen)
    assert view.depth[row, column] == 8.5 and view.classes[row, column] == 0
    np.testing.assert_allclose(SMALL @ [0, 0, 1], [column, row, 1], atol=0.5)


def test_ahead_and_aside_are_where_they_are_called() -> None:
    ahead, left, right = novel_views(AHEAD, 1, 3.0, 2.0, 60.0)
    assert not ahead.turned and left.turned and right.turned
    np.testing.assert_allclose(ahead.ego_from_camera[:3, 3], [4.5, 0, 1.6], atol=1e-12)
    np.testing.assert_allclose(left.ego_from_camera[:3, 3], [4.5, 2, 1.6], atol=1e-12)
    np.testing.assert_allclose(right.ego_from_camera[:3, 3], [4.5, -2, 1.6], atol=1e-12)
    # Axes of the cameras in the ego frame, x ahead and y to the left.
    np.testing.assert_allclose(left.ego_from_camera[:3, 2], [0.5, np.sqrt(0.75), 0], atol=1e-12)
    np.testing.assert_allclose(right.ego_from_camera[:3, 2], [0.5, -np.sqrt(0.75), 0], atol=1e-12)
    assert novel_views(AHEAD, 0, 3.0, 2.0, 60.0) == []


def test_rays_point_down_where_the_road_is() -> None:
    view = rendered(street(), AHEAD, SMALL, SIZE)
    assert (view.rays[-1, :, 2] < 0).all() and (view.rays[0, :, 2] > 0).all()
    np.testing.assert_allclose(view.rays[..., 0], 1, atol=1e-6)


def test_images_of_another_frame_fall_on_those_of_the_own() -> None:
    """The second frame lies a metre ahead."""
    away = np.eye(4)
    away[0, 3] = 1.0
    both = together([street(0), street(1).moved(away)])
    assert len(both) == len(street(0)) + len(street(1)) and len(together([])) == len(nothing()) == 0
    alone, view = (rendered(cloud, AHEAD, SMALL, SIZE) for cloud in (street(0), both))
    both_seen = alone.seen & view.seen
    assert both_seen.sum() > 4000
    assert (np.abs(alone.depth - view.depth)[both_seen] < 0.25 * alone.depth[both_seen]).mean() > 0.95
