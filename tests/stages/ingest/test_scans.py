"""A scan is what its format says, or it is refused with what was found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile
from occlabel.stages.ingest.scans import KITTI, NUSCENES, ScanFormat, read_scan

Array = NDArray[Any]


def sweep(format: ScanFormat, points: int = 600) -> NDArray[np.float32]:
    """600 points are whole numbers of rows of three, five and six columns too."""
    draw = np.random.default_rng(0)
    rows = np.zeros((points, format.columns), np.float32)
    rows[:, :3] = draw.uniform((-60, -60, -2), (60, 60, 10), (points, 3))
    rows[:, 3] = draw.integers(0, 256, points) / (255 if format is KITTI else 1)
    if format.rings:
        rows[:, 4] = draw.integers(0, 32, points)
    return rows


def refused(path: Path, rows: Array, format: ScanFormat) -> str:
    rows.tofile(path)
    with pytest.raises(DamagedFile) as caught:
        read_scan(path, format)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("format", [KITTI, NUSCENES])
def test_a_sweep_is_read(tmp_path: Path, format: ScanFormat) -> None:
    rows = sweep(format)
    rows[5:9] = 0  # beams without a return
    rows.tofile(tmp_path / "a.bin")
    points = read_scan(tmp_path / "a.bin", format)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points[:, :3], rows[:, :3])
    np.testing.assert_array_equal(points[:, 3], rows[:, 3] if format is KITTI else rows[:, 3] / np.float32(255))


@pytest.mark.parametrize("format", [KITTI, NUSCENES])
@pytest.mark.parametrize(
    "written",
    [
        lambda rows: rows[:, :3],
        lambda rows: np.hstack([rows, rows[:, :1]]),
        lambda rows: np.hstack([rows, rows[:, :2]]),
        lambda rows: rows.astype("<f8"),
        lambda rows: rows.astype("<f2"),
        lambda rows: rows.astype(">f4"),
        lambda rows: (rows * 1000).astype("<i4"),
        lambda rows: (rows * 100).astype("<i2"),
        lambda rows: rows * np.where(np.arange(rows.shape[1]) < 3, np.float32(1000), np.float32(1)),
        lambda rows: rows * np.where(np.arange(rows.shape[1]) < 3, np.float32(0.001), np.float32(1)),
        lambda rows: np.zeros_like(rows),
        lambda rows: rows[:, [3, 0, 1, 2, *range(4, rows.shape[1])]],
    ],
    ids=[
        "3-columns",
        "one-more",
        "two-more",
        "f8",
        "f2",
        "big-endian",
        "int32-mm",
        "int16-cm",
        "mm",
        "km",
        "zeros",
        "intensity-first",
    ],
)
def test_another_format_is_never_read_as_points(tmp_path: Path, format: ScanFormat, written: Any) -> None:
    rows = sweep(format)
    for count in (600, 599, 597, 400):
        sentence = refused(tmp_path / "a.bin", np.ascontiguousarray(written(rows[:count])), format)
        assert f"has {format.columns} little-endian float32 a point" in sentence


def test_the_value_and_its_place_are_named(tmp_path: Path) -> None:
    rows = sweep(KITTI)
    rows[17, 0] = 43_440
    assert "point 17 lies at (4.344e+04, " in refused(tmp_path / "a.bin", rows, KITTI)
    rows = sweep(KITTI)
    rows[3, 3] = -0.5
    assert "point 3 has the intensity -0.5" in refused(tmp_path / "a.bin", rows, KITTI)
    rows = sweep(NUSCENES)
    rows[9, 4] = 2.5
    assert "point 9 has the ring 2.5" in refused(tmp_path / "a.bin", rows, NUSCENES)
    rows = sweep(KITTI)
    rows[8, 1] = np.inf
    assert "point 8 holds NaN or infinite" in refused(tmp_path / "a.bin", rows, KITTI)


def test_intensities_of_another_sensor_are_refused_with_the_remedy(tmp_path: Path) -> None:
    rows = sweep(KITTI) * np.array([1, 1, 1, 255], np.float32)
    assert "those of a scan of KITTI from 0 to 1: divide them by 255" in refused(tmp_path / "a.bin", rows, KITTI)
    rows = sweep(NUSCENES) / np.array([1, 1, 1, 255, 1], np.float32)
    assert "those of a scan of nuScenes to 255: multiply them by 255" in refused(tmp_path / "a.bin", rows, NUSCENES)


def test_zeros_at_the_end_were_never_written(tmp_path: Path) -> None:
    rows = sweep(KITTI)
    rows[400:] = 0
    assert "points 400 to 599, the last ones, are zeros or NaN" in refused(tmp_path / "a.bin", rows, KITTI)
    rows[400:] = np.nan
    assert "points 400 to 599" in refused(tmp_path / "a.bin", rows, KITTI)


@pytest.mark.parametrize("format", [KITTI, NUSCENES])
def test_beams_without_a_return_keep_their_place(tmp_path: Path, format: ScanFormat) -> None:
    rows = sweep(format)
    rows[3:400:5, :3] = np.nan
    rows[3:400:10, 3] = np.nan
    rows.tofile(tmp_path / "a.bin")
    points = read_scan(tmp_path / "a.bin", format)
    assert len(points) == len(rows) and not points[3:400:5, :3].any() and points[4, :3].any()
    rows[:, 1] = np.nan
    assert "holds NaN or infinite" in refused(tmp_path / "a.bin", rows, format)
    rows[:, :3] = np.nan
    assert "point 0 holds NaN or infinite" in refused(tmp_path / "a.bin", rows, format)


def test_a_file_is_looked_at_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bin")
    (tmp_path / "folder.bin").mkdir()
    (tmp_path / "loop.bin").symlink_to("loop.bin")
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(20 << 30)
    for name, reason in (
        ("pipe.bin", "a folder, a pipe or a device"),
        ("folder.bin", "a folder, a pipe or a device"),
        ("loop.bin", "cannot be read"),
        ("huge.bin", "has 21474836480 bytes, and files of its kind have at most 64000000"),
    ):
        with pytest.raises(DamagedFile, match=reason):
            read_scan(tmp_path / name, KITTI)
