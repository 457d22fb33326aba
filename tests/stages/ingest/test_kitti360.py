"""KITTI-360: rows of poses are of the frame that they name, and frames without one have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chain import Voxelise
from fuzzing.logs import label_them
from kitti360_drive import DRIVE, IMAGES, POSED, pose, row, write_drive

from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import transform_points
from occlabel.stages.ingest.kitti360 import Kitti360Reader
from occlabel.stages.ingest.recognise import open_logs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_drive(tmp_path / "root")


def only(root: Path) -> DriveLog:
    reader = open_logs(root)
    assert isinstance(reader, Kitti360Reader)
    return next(iter(reader.logs()))


def test_each_frame_has_the_pose_that_names_it(root: Path) -> None:
    log = only(root)
    assert (log.id, [frame.name for frame in log.frames]) == (DRIVE, [f"{n:010d}" for n in range(4)])
    assert [frame.world_from_ego is not None for frame in log.frames] == [True, True, False, True]
    assert log.warnings == ("poses.txt has no pose of 1 of 4 frames: 0000000002",)
    assert [frame.time - log.frames[0].time for frame in log.frames] == pytest.approx([0, 0.1, 0.2, 0.3])
    for frame in (log.frames[0], log.frames[3]):
        assert frame.world_from_ego is not None and frame.sweep is not None
        world = transform_points(frame.world_from_ego, Kitti360Reader(root).points(frame.sweep))
        # From the unit to camera 0 are 1.5 m ahead, from the camera to the LiDAR 0.8 m back.
        np.testing.assert_allclose(world[:, 0], 100 + 12 + 1.5 - 0.8, atol=1e-5)
        np.testing.assert_allclose(world[:, 2].max(), 2.0 - 0.4 + 0.3 + 1.0, atol=1e-5)


def test_cameras_are_the_two_rectified_ones(root: Path) -> None:
    left, right = only(root).frames[0].cameras
    assert (left.name, right.name, left.size) == ("image_00", "image_01", (64, 48))
    np.testing.assert_array_equal(left.intrinsics, np.array([[40, 0, 31.5], [0, 41, 23.5], [0, 0, 1]]))
    assert left.ego_from_camera is not None and right.ego_from_camera is not None
    np.testing.assert_allclose(left.ego_from_camera[:3, 3], [0.8, 0.1, -0.3])
    np.testing.assert_allclose(right.ego_from_camera[:3, 3], [0.8, 0.1 - 0.6, -0.3], atol=1e-12)
    np.testing.assert_allclose(left.ego_from_camera[:3, 2], [1, 0, 0])


def test_poses_of_the_left_camera_will_do(root: Path) -> None:
    expected = [frame.world_from_ego for frame in only(root).frames]
    unit_from_camera = np.vstack([np.reshape([0, 0, 1, 1.5, 1, 0, 0, 0, 0, 1, 0, 0.4], (3, 4)), [0, 0, 0, 1]])
    rows = [row(n, np.vstack([pose(n), [0, 0, 0, 1]]) @ unit_from_camera) for n in POSED]
    folder = root / "data_poses" / DRIVE
    (folder / "poses.txt").write_text("\n".join(" ".join("1" * 8) for _ in POSED))
    (folder / "cam0_to_world.txt").write_text("\n".join(rows) + "\n")
    log = only(root)
    assert any("poses.txt has 8 numbers a line, and a row has 13 or 17" in words for words in log.warnings)
    for frame, known in zip(log.frames, expected, strict=True):
        assert (frame.world_from_ego is None) == (known is None)
        if known is not None and frame.world_from_ego is not None:
            np.testing.assert_allclose(frame.world_from_ego, known, atol=1e-9)


def test_rows_that_are_none_are_skipped_and_said(root: Path) -> None:
    file = root / "data_poses" / DRIVE / "poses.txt"
    good = [row(n, pose(n)) for n in range(4)]
    file.write_bytes(
        b"\xef\xbb\xbf# frame pose\n" + "\n".join([good[0], "1 a bcd", good[0], "", good[3][:-2]]).encode()
    )
    log = only(root)
    assert [frame.world_from_ego is not None for frame in log.frames] == [True, False, False, False]
    assert "poses.txt, lines 3-4, 6: no row of a frame and its pose" in " ".join(log.warnings)
    file.write_text("".join(" ".join(map(str, pose(n).ravel())) + "\n" for n in range(4)))
    log = only(root)
    assert all(frame.world_from_ego is None for frame in log.frames), "rows without the number of a frame are no one's"
    assert any("poses.txt has 12 numbers a line" in words for words in log.warnings)


def test_such_a_log_is_labelled(root: Path) -> None:
    labels = label_them(root)
    filled = {key.split("/")[1]: value for key, value in labels.values.items() if key.endswith("/semantics")}
    assert [f"{n:010d}" for n in POSED] == [name for name in sorted(filled) if name != f"{2:010d}"]
    assert any((filled[f"{n:010d}"] == Voxelise().label).any() for n in POSED)


def test_what_is_missing_is_not_known(root: Path) -> None:
    (root / "calibration/calib_cam_to_velo.txt").write_text("0 0 1\n")
    log = only(root)
    assert all(frame.world_from_ego is None and frame.cameras[0].ego_from_camera is None for frame in log.frames)
    assert log.frames[0].cameras[0].intrinsics is not None
    assert any("calib_cam_to_velo.txt has no line of 12 numbers" in words for words in log.warnings)
    (root / "calibration/perspective.txt").unlink()
    assert only(root).frames[0].cameras[0].intrinsics is None
    with pytest.raises(BadLog, match="has no drive 'x'; it has 2013_05_28_drive_0000_sync"):
        next(iter(open_logs(root).logs(["x"])))


def test_a_drive_without_frames_says_so(tmp_path: Path) -> None:
    (tmp_path / IMAGES).mkdir(parents=True)
    with pytest.raises(BadLog, match=r"has no frames: neither .*data_rect"):
        only(tmp_path)
