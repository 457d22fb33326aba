"""KITTI itself: scans fill the voxels of the benchmark, poses lay them on each other, cars are where cars are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from kitti_sequence import only

from occlabel.schemas.formats.semantickitti import read_flags
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.grid import GRIDS
from occlabel.stages.ingest.kitti import KittiReader


@pytest.fixture(scope="session")
def real(shared: Path) -> Path:
    return shared / "data/kitti"


def test_real_scans_fill_the_voxels_of_the_benchmark(real: Path) -> None:
    log = only(real)
    reader = KittiReader(real)
    # The published voxels of this release start at -2.2 m, not at the documented -2.0.
    grid = GRIDS["semantickitti"].model_copy(update={"origin": (0.0, -25.6, -2.2)})
    for index in (0, 5):
        cells, inside = grid.cells(reader.points(log.frames[index].sweep).astype(np.float64))
        voxels = np.zeros(grid.shape, bool)
        voxels[tuple(cells[inside].T)] = True
        published = read_flags(real / f"sequences/00/voxels/{index:06d}.bin")
        assert (voxels & published).sum() / (voxels | published).sum() > 0.95


def test_real_poses_move_the_car_forward_and_lay_scans_on_each_other(real: Path) -> None:
    log = only(real)
    reader = KittiReader(real)
    steps = [inverse(a.world_from_ego) @ b.world_from_ego for a, b in zip(log.frames, log.frames[1:], strict=False)]
    for step in steps:
        assert 0.6 < step[0, 3] < 1.0
        assert abs(step[1, 3]) < 0.05
        assert abs(step[2, 3]) < 0.05
    first, last = (log.frames[i] for i in (0, 9))
    moved = transform_points(inverse(first.world_from_ego) @ last.world_from_ego, reader.points(last.sweep))
    assert shared_voxels(reader.points(first.sweep), moved) > 1.4 * shared_voxels(
        reader.points(first.sweep), reader.points(last.sweep)
    )


def shared_voxels(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the occupied 0.2 m voxels of ``b`` within 25 m, ground left out, that ``a`` occupies too."""

    def voxels(points: np.ndarray) -> set[tuple[int, ...]]:
        near = points[(np.abs(points[:, :2]) < 25).all(axis=1) & (points[:, 2] > -1.2), :3]
        return set(map(tuple, np.floor(near / 0.2).astype(int).tolist()))

    return len(voxels(a) & voxels(b)) / len(voxels(b))


def test_a_real_scan_that_is_missing_shifts_nothing(real: Path, tmp_path: Path) -> None:
    source, target = real / "sequences/00", tmp_path / "sequences/00"
    for index in (0, 1, 3, 4):
        (target / "velodyne").mkdir(parents=True, exist_ok=True)
        shutil.copy(source / f"velodyne/{index:06d}.bin", target / "velodyne")
    for name in ("calib.txt", "times.txt", "poses.txt"):
        shutil.copy(source / name, target)
    whole, log = only(real), only(tmp_path)
    assert log.warnings == ("no sensor has frame 000002",)
    for frame in log.frames:
        expected = whole.frames[int(frame.name)]
        assert frame.time == expected.time
        np.testing.assert_array_equal(frame.world_from_ego, expected.world_from_ego)
        assert frame.sweep.path.name == expected.sweep.path.name


def test_real_cars_are_labelled_where_cars_are(real: Path) -> None:
    log = only(real)
    reader = KittiReader(real)
    truth, points = reader.point_truth(log.frames[0]), reader.points(log.frames[0].sweep)
    assert len(truth.semantics) == len(points)
    road = points[truth.semantics == 9]
    assert abs(np.median(road[:, 2]) + 1.73) < 0.15
    nearest = points[(truth.semantics == 1) & (np.abs(points[:, 1]) < 6) & (points[:, 0] > 3)]
    assert -1.8 < np.median(nearest[:, 2]) < 0
    assert len(np.unique(truth.segments.instance[truth.semantics == 1])) > 3
