"""A written sequence is a SemanticKITTI sequence: read back, it is the drive that was recorded."""

from __future__ import annotations

from pathlib import Path

import made_up_town as town
import numpy as np
import pykitti
import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.semantickitti import read_flags, read_point_labels, read_volume
from occlabel.schemas.geometry import inverse
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.town.writers.kitti import write_kitti


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("kitti")
    rig = town.rig("kitti", ("image_2",))
    frames = town.frames(rig, 3)
    write_kitti("04", frames, rig, root)
    return root, rig, frames, next(KittiReader(root).logs())


def test_poses_and_times_are_those_of_the_drive(written) -> None:
    _, rig, frames, log = written
    assert (log.id, log.warnings) == ("04", ())
    first = frames[0].world_from_ego @ rig.lidar.ego_from_lidar
    for frame, recorded in zip(log.frames, frames, strict=True):
        expected = inverse(first) @ recorded.world_from_ego @ rig.lidar.ego_from_lidar
        np.testing.assert_allclose(frame.world_from_ego, expected, atol=1e-9)
        assert frame.time == pytest.approx(recorded.time)


def test_points_images_and_calibration_come_back(written) -> None:
    root, rig, frames, log = written
    reader = KittiReader(root)
    for frame, recorded in zip(log.frames, frames, strict=True):
        np.testing.assert_array_equal(reader.points(frame.sweep), recorded.scan.points)
        (camera,) = frame.cameras
        np.testing.assert_array_equal(reader.image(camera), recorded.images["image_2"].pixels)
        np.testing.assert_allclose(camera.intrinsics, rig.cameras[0].intrinsics)
        lidar_from_camera = inverse(rig.lidar.ego_from_lidar) @ rig.cameras[0].ego_from_camera
        np.testing.assert_allclose(camera.ego_from_camera, lidar_from_camera, atol=1e-9)


def test_voxel_truth_is_what_was_recorded(written) -> None:
    root, _, frames, log = written
    truth = KittiReader(root).voxel_truth(log.frames[1])
    recorded = frames[1].truth
    assert truth.semantics[0, 0, 0] == 9
    assert truth.semantics[12, 21, 2] == 1
    assert truth.semantics[30, 40, 3] == 6
    assert truth.semantics[50, 60, 1] == UNKNOWN
    assert truth.semantics[100, 100, 20] == 0
    np.testing.assert_array_equal(truth.scored, recorded.seen_ever & (truth.semantics != UNKNOWN))
    voxels = root / "sequences/04/voxels"
    assert read_volume(voxels / "000001.label")[30, 40, 3] == 254, "a person that moves"
    np.testing.assert_array_equal(read_flags(voxels / "000001.bin"), recorded.hit_now)
    np.testing.assert_array_equal(read_flags(voxels / "000001.occluded"), ~recorded.seen_now)


def test_point_truth_is_what_was_recorded(written) -> None:
    root, _, frames, log = written
    scan = frames[2].scan
    raw, instance = read_point_labels(root / "sequences/04/labels/000002.label", len(scan.points))
    np.testing.assert_array_equal(instance, scan.objects)
    assert set(raw[scan.moving].tolist()) == {254}
    truth = KittiReader(root).point_truth(log.frames[2])
    assert set(truth.semantics[scan.objects == 7].tolist()) == {1}
    assert set(np.unique(truth.semantics).tolist()) == {1, 6, 9, UNKNOWN}


def test_boxes_come_back_in_the_world_of_the_log(written) -> None:
    _, rig, frames, log = written
    first_from_world = inverse(frames[0].world_from_ego @ rig.lidar.ego_from_lidar)
    for frame, recorded in zip(log.frames, frames, strict=True):
        car, person = frame.truth.boxes
        assert (car.instance, car.category, car.size, car.lidar_points) == ("7", "car", (4.2, 1.8, 1.5), 11)
        assert (person.instance, person.category) == ("9", "person")
        for box, expected in zip((car, person), recorded.boxes, strict=True):
            np.testing.assert_allclose(box.world_from_box, first_from_world @ expected.world_from_box, atol=1e-9)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("000000 7 car 4 2", "5 fields, expected 19"), (" ".join(["000000 7 car 4 2 1 -1", *["2"] * 12]), "not a rigid"),
     (" ".join(["000000 7 car 4 2 wide -1", *["0"] * 12]), "could not convert")],
)  # fmt: skip
def test_a_log_with_broken_boxes_goes_on_without(written, tmp_path: Path, line: str, complaint: str) -> None:
    _, rig, frames, _ = written
    write_kitti("04", iter(frames), rig, tmp_path)
    path = tmp_path / "sequences/04/boxes.txt"
    path.write_text(path.read_text() + line + "\n")
    log = next(KittiReader(tmp_path).logs())
    (warning,) = log.warnings
    assert "boxes.txt, line 7, is no box" in warning and complaint in warning
    assert not any(frame.truth.boxes for frame in log.frames)


def test_pykitti_reads_the_same(written) -> None:
    root, rig, frames, log = written
    (root / "poses").mkdir(exist_ok=True)
    (root / "poses/04.txt").write_bytes((root / "sequences/04/poses.txt").read_bytes())
    data = pykitti.odometry(str(root), "04")
    np.testing.assert_allclose(data.calib.K_cam2, rig.cameras[0].intrinsics)
    np.testing.assert_allclose(data.calib.T_cam2_velo, inverse(log.frames[0].cameras[0].ego_from_camera), atol=1e-9)
    assert data.calib.b_rgb == pytest.approx(0.54)
    np.testing.assert_allclose(data.poses[0], np.eye(4), atol=1e-9)
    np.testing.assert_array_equal(data.get_velo(1), frames[1].scan.points)


def test_the_same_frames_give_the_same_bytes_and_replace_what_was_there(written, tmp_path: Path) -> None:
    root, rig, frames, _ = written
    (tmp_path / "sequences/04").mkdir(parents=True)
    (tmp_path / "sequences/04/left-over").touch()
    write_kitti("04", iter(frames), rig, tmp_path)
    ours = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert ours == sorted(path.relative_to(root) for path in (root / "sequences").rglob("*") if path.is_file())
    assert all((tmp_path / path).read_bytes() == (root / path).read_bytes() for path in ours)


def test_a_drive_that_fails_leaves_no_log(tmp_path: Path) -> None:
    rig = town.rig("kitti", ("image_2",))

    def broken():
        yield town.frames(rig, 1, truth=False)[0]
        raise RuntimeError("out of road")

    with pytest.raises(RuntimeError):
        write_kitti("00", broken(), rig, tmp_path)
    assert KittiReader(tmp_path).log_ids() == []


def test_cameras_that_look_elsewhere_are_refused(tmp_path: Path) -> None:
    rig = town.rig("kitti", ("image_2", "image_3"))
    with pytest.raises(OcclabelError, match="image_3 looks elsewhere than image_2"):
        write_kitti("00", town.frames(rig, 1), rig, tmp_path)


def test_a_log_without_images_has_no_cameras(tmp_path: Path) -> None:
    rig = town.rig("kitti", ("image_2",))
    write_kitti("00", town.frames(rig, 2, images=False, truth=False), rig, tmp_path)
    log = next(KittiReader(tmp_path).logs())
    assert log.warnings == ()
    assert not any(frame.cameras for frame in log.frames)
