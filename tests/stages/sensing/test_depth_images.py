"""Images of depth, put back into space, are the surfaces that were seen, and nothing stands before these."""

from __future__ import annotations

import numpy as np
import pytest
from box_street import AHEAD, STREET, K, Thing, drive, images
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.arrays import DEPTH, SEGMENT_CLASS
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.sensing.depth_images import MOST_IMAGES, DepthImage, Tally, on

GRID = Grid(origin=(0, -12.9, -0.5), voxel_size=0.2, shape=(200, 129, 40), frame="ego")
"""The road and the walls lie in the middle of voxels."""


def look(things: tuple[Thing, ...]) -> tuple[DepthImage, NDArray[np.uint8]]:
    seen = images(drive(1), things, TAXONOMIES["semantickitti"])
    image = on(seen[DEPTH.on("front").name][0], None, K, AHEAD)
    assert image is not None
    return image, seen[SEGMENT_CLASS.on("front").name][0]


def add(tally: Tally, image: DepthImage, classes: NDArray[np.uint8]) -> None:
    points, elements = image.surface(0.1, classes)
    tally.add(image, points, image.sureness(0.2).ravel()[elements], np.eye(4))


def hit(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    result = np.zeros(GRID.shape, np.bool_)
    cells, inside = GRID.cells(points)
    result[tuple(cells[inside].T)] = True
    return result


def test_a_tally_has_room_for_the_images_that_it_says() -> None:
    image, classes = look(STREET)
    tally = Tally(GRID)
    add(tally, image, classes)
    for counted in (tally.hits, tally.passed):
        assert np.iinfo(counted.dtype).max // int(counted.max()) == MOST_IMAGES


@pytest.mark.parametrize("sure", [(0, 9, 4), (9, 0, 4), (0, 4, 9)])
def test_a_voxel_counts_as_the_surest_of_its_points_in_any_order(sure: tuple[int, ...]) -> None:
    image, _ = look(STREET)
    tally, points = Tally(GRID), np.array([[10.05, 0, 0]] * 3, np.float32)
    for many in (1, 2):
        tally.add(image, points, np.array(sure, np.uint8), np.eye(4))
        assert tally.hits.max() == tally.hits.sum() == 9 * many


def test_points_lie_on_what_was_seen() -> None:
    image, classes = look(STREET)
    points, elements = image.surface(0.1, classes)
    off = np.abs(points[:, 2])
    for thing in STREET:
        beyond = np.maximum(np.maximum(thing.low - points, points - thing.high), 0)
        off = np.minimum(off, np.linalg.norm(beyond, axis=1))
    assert np.quantile(off, 0.99) < 0.05, "float16 depth, and rows that are joined across an edge of one class"
    road = TAXONOMIES["semantickitti"].names.index("road")
    assert np.quantile(np.abs(points[classes.ravel()[elements] == road, 2]), 0.99) < 0.05


def test_a_road_seen_from_afar_has_no_holes_and_is_not_bridged_to_what_stands_behind_it() -> None:
    image, classes = look(())
    joined, alone = (hit(image.surface(spacing, classes)[0]) for spacing in (0.1, 1e9))
    strip = joined[42:170, 59:70, 2]
    assert strip.mean() > 0.99 and alone[100:170, 59:70, 2].mean() < 0.2
    assert not joined[:, :, 4:].any() and not joined[:, :, :1].any()
    image, classes = look((Thing("car", (12, -2, 0), (16, 2, 1.5)), Thing("car", (22, -2, 0), (24, 2, 3))))
    between = hit(image.surface(0.1, classes)[0])[85:108, 56:73, 5:]
    assert not between.any(), "two cars of one class, one behind the other"


def test_what_lies_before_a_surface_was_seen_through_and_behind_it_nothing_was() -> None:
    image, classes = look((Thing("building", (20, -6, 0), (24, 6, 6)),))
    tally = Tally(GRID)
    add(tally, image, classes)
    seen, through = tally.hits > 0, tally.passed > 0
    assert seen[100, 40:90, 4:20].all(), "its face at x = 20"
    assert through[50:98, 60:68, 6:10].all()
    behind = np.s_[103:119, 45:84, 4:12]
    assert not seen[behind].any() and not through[behind].any()
    assert not (seen & through).any(), "one image does not see through what it hits"
    assert not through[:, :, :2].any(), "nor through the road"


def test_what_is_unknown_stays_unknown() -> None:
    image, classes = look(STREET)
    image.depth[:, 80:] = np.nan
    tally = Tally(GRID)
    add(tally, image, classes)
    known = (tally.hits > 0) | (tally.passed > 0)
    assert not known[15:, :60].any() and known[15:, 70:].any(), "the right half of the image"
    assert on(np.full((4, 4), np.nan), None, K, AHEAD) is None
    assert on(image.depth, None, None, AHEAD) is None


def test_deviation_keeps_away_from_the_surface() -> None:
    image, classes = look((Thing("building", (20, -6, 0), (24, 6, 6)),))
    doubted = on(image.depth, np.full(image.depth.shape, 0.2), K, AHEAD)
    assert doubted is not None
    tally = Tally(GRID)
    add(tally, doubted, classes)
    assert not (tally.passed > 0)[85:100, 60:68, 8:12].any() and (tally.passed > 0)[40:75, 60:68, 8].all()


def test_a_camera_that_looks_anywhere_sees_through_what_its_image_shows_before_something() -> None:
    """Against every voxel put into the image by itself, for cameras that look up, down, back and from outside."""
    draw = np.random.default_rng(0)
    for _ in range(8):
        place = np.eye(4)
        place[:3, :3] = Rotation.random(random_state=draw).as_matrix()
        place[:3, 3] = GRID.centres().mean((0, 1, 2)) + draw.normal(0, 8, 3)
        depth = draw.uniform(1, 20, (48, 64)).astype(np.float32)
        image = DepthImage(depth, None, np.array([[100.0, 0, 130], [0, 110, 90], [0, 0, 1]]), place)
        tally = Tally(GRID)
        tally.add(image, np.empty((0, 3), np.float32), np.empty(0, np.uint8), np.eye(4))
        wrong = np.count_nonzero((tally.passed > 0) != seen_through(image))
        assert wrong <= 1e-5 * GRID.voxels, "rounding alone"


def seen_through(image: DepthImage) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis((GRID.centres() - image.ego_from_camera[:3, 3]) @ image.ego_from_camera[:3, :3], -1, 0)
    fx, fy, cx, cy = image.pinhole
    u, v = np.floor(fx * x / z + cx), np.floor(fy * y / z + cy)
    rows, columns = image.depth.shape
    inside = (z >= 0.3) & (u >= 0) & (v >= 0) & (u < columns) & (v < rows)
    result = np.zeros(GRID.shape, np.bool_)
    at = v[inside].astype(int), u[inside].astype(int)
    result[inside] = z[inside] < image.clear(GRID)[at]
    return result


def test_a_tally_that_forgets_is_as_new() -> None:
    (one, classes), (other, others) = look(STREET), look((Thing("car", (12, -2, 0), (16, 2, 1.5)),))
    used, new = Tally(GRID), Tally(GRID)
    add(used, other, others)
    used.forget()
    for tally in (used, new):
        add(tally, one, classes)
    assert np.array_equal(used.hits, new.hits) and np.array_equal(used.passed, new.passed)
