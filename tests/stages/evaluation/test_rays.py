"""Rays and their scores: bit for bit those of the benchmark, and by hand on other grids."""

import math
from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.evaluation.ray_scores import THRESHOLDS, RayCounts, cast_rays, ray_origins
from occlabel.stages.evaluation.rays import BESIDE, cast, lidar_directions
from occlabel.stages.evaluation.segments import Labels

CASES = ["all_free_pred", "class_absent", "origin_on_voxel_borders_and_low", "two_samples"]
GRID, TAXONOMY = GRIDS["occ3d"], TAXONOMIES["occ3d"]
FREE, CAR, ROAD = 17, 4, 11
AHEAD = np.array([[1, 0, 0]] * 12, np.float32)


def test_the_rays_are_those_of_the_benchmark(shared: Path) -> None:
    np.testing.assert_array_equal(lidar_directions(), np.load(shared / "golden/rayiou/case_rays.npz")["lidar_rays"])


def test_single_rays_stop_where_the_benchmark_says(shared: Path) -> None:
    case = np.load(shared / "golden/rayiou/case_single_rays.npz")
    voxels, depths = cast_rays(case["semantics"] != FREE, GRID, case["origins_ego"], case["directions"])
    np.testing.assert_array_equal(voxels, case["voxel"].reshape(-1, 3))
    np.testing.assert_array_equal(depths, case["dist"].ravel())
    np.testing.assert_array_equal(case["semantics"][tuple(voxels.T)], case["label"].ravel())


@pytest.mark.parametrize("name", CASES)
def test_scores_equal_the_benchmark(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/rayiou/case_{name}.npz")
    counts = RayCounts(GRID, TAXONOMY)
    for sample in range(len(case["semantics_gt"])):
        mine = case["origin_sample"] == sample
        predicted, true = (
            Labels(case[f"semantics_{side}"][sample], case[f"instances_{side}"][sample]) for side in ("pred", "gt")
        )
        for side, labels in (("pred", predicted), ("gt", true)):
            voxels, depths = cast_rays(labels.semantics != FREE, GRID, case["origins_ego"][mine], lidar_directions())
            rays = np.repeat(mine, len(lidar_directions()))
            np.testing.assert_array_equal(voxels, case[f"{side}_voxel"][rays])
            np.testing.assert_array_equal(depths, case[f"{side}_dist"][rays])
        counts.add(predicted, true, case["origins_ego"][mine])
    scores = counts.scores()
    np.testing.assert_array_equal(scores.iou_per_class, case["iou_per_class"])
    assert scores.ray_iou == pytest.approx(float(case["rayiou"]), rel=1e-14)
    assert scores.ray_pq == pytest.approx(float(case["raypq"]), rel=1e-13)
    for which, threshold in enumerate(THRESHOLDS):
        assert scores.ray_iou_at[threshold] == pytest.approx(float(case[f"rayiou_{threshold:g}"]), rel=1e-14)
        assert scores.ray_pq_at[threshold] == pytest.approx(float(case[f"raypq_{threshold:g}"]), rel=1e-13)
        found = counts.panoptic[which]
        for key, count in (("tp", found.matches), ("fp", found.false), ("fn", found.missed)):
            np.testing.assert_array_equal(count, case[f"raypq_{key}"][which])
        np.testing.assert_allclose(found.iou, case["raypq_iou_sum"][which], rtol=1e-13)


def stop(occupied: np.ndarray, origin: list[float], direction: list[float]) -> tuple[list[int], float]:
    voxels, distances = cast(occupied, np.array(origin), np.array([origin], float) + direction)
    return voxels[0].tolist(), float(distances[0])


def test_a_ray_stops_at_the_far_side_of_the_first_occupied_voxel() -> None:
    occupied = np.zeros((6, 4, 3), bool)
    occupied[3, 1, 1] = occupied[5, 1, 1] = True
    assert stop(occupied, [0.5, 1.5, 1.5], [1, 0, 0]) == ([3, 1, 1], 3.5)
    assert stop(occupied, [0.5, 1.5, 1.5], [40, 0, 0]) == ([3, 1, 1], 3.5), "how far the end lies does not matter"
    assert stop(occupied, [5.9, 1.5, 1.5], [-1, 0, 0])[0] == [5, 1, 1], "its own voxel counts"
    assert stop(occupied, [0.5, 2.5, 1.5], [1, 0, 0]) == ([5, 2, 1], 5.5), "nothing: the last voxel of the grid"
    assert stop(occupied, [-3.5, 1.5, 1.5], [1, 0, 0]) == ([3, 1, 1], 7.5)
    assert stop(occupied, [3.5, 1.5, 9.5], [0, 0, -1]) == ([3, 1, 1], 8.5)


@pytest.mark.parametrize(
    ("origin", "direction"),
    [
        ([7.5, 1.5, 1.5], [1, 0, 0]),
        ([0.5, 9.5, 1.5], [1, 0, 0]),
        ([-5.0, -5.0, 1.5], [1, -1, 0]),
        ([9, 9, 9], [0, 0, 0]),
    ],
)
def test_a_ray_that_passes_the_grid_by_has_no_depth(origin: list[float], direction: list[float]) -> None:
    assert stop(np.ones((6, 4, 3), bool), origin, direction) == ([0, 0, 0], BESIDE)


def test_rays_in_any_direction_stop_where_small_steps_do() -> None:
    rng = np.random.default_rng(3)
    occupied = rng.random((20, 24, 12)) < 0.02
    origin = np.array([10.3, 11.7, 5.2])
    directions = rng.normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    voxels, distances = cast(occupied, origin, origin + directions)
    steps = np.arange(0, 40, 1e-3)
    differing = 0
    for direction, voxel, distance in zip(directions, voxels, distances, strict=True):
        path = np.floor(origin + steps[:, None] * direction).astype(int)
        inside = ((path >= 0) & (path < occupied.shape)).all(axis=1)
        path = path[inside]
        hits = np.flatnonzero(occupied[tuple(path.T)])
        expected = path[hits[0]] if len(hits) else path[-1]
        last = steps[inside][(path == expected).all(axis=1)].max()
        differing += not (voxel == expected).all() or abs(distance - last) > 2e-3
    assert differing <= 2, "a step of a thousandth may leap over a corner"


def test_scores_on_another_grid_by_hand() -> None:
    # A wall of road 6 m ahead, predicted 1.5 m too near: wrong at 1 m, right at 2 and 4 m.
    grid = Grid(origin=(-10, -10, -2), voxel_size=0.5, shape=(40, 40, 8), frame="lidar")
    true, found = (np.full(grid.shape, FREE, np.uint8) for _ in range(2))
    true[32], found[29] = ROAD, ROAD
    none = np.zeros(grid.shape, np.uint16)
    # Every ray is level, so that its error does not grow with its slope.
    counts = RayCounts(grid, TAXONOMY, AHEAD)
    counts.add(Labels(found, none), Labels(true, none), np.array([[0.1, 0.1, 0.1]]))
    scores = counts.scores()
    assert list(scores.ray_iou_at.values()) == [0.0, 1.0, 1.0]
    assert list(scores.ray_pq_at.values()) == [0.0, 1.0, 1.0]
    assert scores.ray_iou == pytest.approx(2 / 3)
    assert scores.facts()["ray_iou_1m"] == 0.0


def test_an_id_of_two_classes_is_nobodys_and_unknown_truth_is_not_scored() -> None:
    grid = Grid(origin=(0, 0, 0), voxel_size=1.0, shape=(4, 8, 2), frame="ego")
    true = np.full(grid.shape, FREE, np.uint8)
    true[3, 0:3], true[3, 3:6], true[3, 6:] = CAR, 10, UNKNOWN
    instance = np.where(true < FREE, 5, 0)
    counts = RayCounts(grid, TAXONOMY, AHEAD)
    origins = np.stack([np.full(8, 0.5), np.arange(8) + 0.5, np.full(8, 0.5)], axis=1)
    counts.add(Labels(true, instance), Labels(true, instance), origins[:6])
    assert counts.panoptic[0].matches[[CAR, 10]].tolist() == [1, 1]
    counts.add(Labels(np.full_like(true, FREE), instance * 0), Labels(true, instance), origins[6:])
    assert counts.true.sum() == 72
    assert math.isnan(RayCounts(grid, TAXONOMY).scores().ray_iou)
    with pytest.raises(BadPredictions, match="frame 7 predicts an id that is no class"):
        counts.add(Labels(np.full_like(true, 99), instance), Labels(true, instance), origins[:1], "frame 7")


def test_a_frame_is_looked_at_from_near_places_only() -> None:
    places = [np.array([float(x), 0.0, 1.8]) for x in range(-60, 61, 5)]
    chosen = ray_origins(places)[:, 0].tolist()
    assert chosen == [-35, -25, -15, -5, 5, 15, 25, 35]
    assert ray_origins(places[:1]).shape == (0, 3)
