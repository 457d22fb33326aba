"""Poses, K and places of cameras from files of other programs, held against a drive that is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from box_street import AHEAD, K, drive
from contract import facts_of, inputs_of
from numpy.typing import NDArray
from pydantic import ValidationError
from written_poses import colmap, kitti, tum

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.drive_log import Camera, DriveLog, Frame
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.stage import Clip, Hands
from occlabel.stages.geometry.stored.stage import StoredPoses

SPACE = load_recipe("nuscenes_camera").space
TURNED = yaw_rotation(0.7)
TURNED[:3, 3] = 400, -30, 7
"""Of a world that is not the log's."""


def curved(log: DriveLog, step: float = 0.03) -> DriveLog:
    """The same drive in a bend to the left."""
    pose, frames = np.eye(4), []
    for frame in log.frames:
        frames.append(replace(frame, world_from_ego=pose))
        move = yaw_rotation(step)
        move[0, 3] = 1.0
        pose = pose @ move
    return replace(log, frames=tuple(frames))


def poses_of(log: DriveLog) -> list[NDArray[np.float64]]:
    return [frame.world_from_ego for frame in log.frames if frame.world_from_ego is not None]


LOG = curved(drive(12))
EGO = poses_of(LOG)
TIMES = [frame.time for frame in LOG.frames]
NAMES = [frame.name for frame in LOG.frames]


def without(log: DriveLog, **lacking: None) -> DriveLog:
    """The log without poses, and what is named of its cameras."""
    return replace(log, frames=tuple(_without(frame, lacking) for frame in log.frames))


def _without(frame: Frame, lacking: dict[str, None]) -> Frame:
    cameras = tuple(replace(camera, **lacking) for camera in frame.cameras)  # type: ignore[arg-type]
    return replace(frame, world_from_ego=None, cameras=cameras)


BARE = without(LOG)


def found(stage: StoredPoses, log: DriveLog = BARE, start: int = 0, stop: int | None = None) -> dict[str, Any]:
    clip = Clip(log.id, start, len(log.frames) if stop is None else stop)
    assert stage.refuse(SPACE, log.rig) is None
    return stage.setup(SPACE, log.rig, Hands())(clip, inputs_of(stage, log, clip, {}))


def test_a_file_of_times_and_poses_of_the_car_is_taken_as_it_is(tmp_path: Path) -> None:
    tum(tmp_path / "log.txt", TIMES, [TURNED @ pose for pose in EGO])
    poses = found(StoredPoses(path=tmp_path / "{log}.txt"))
    np.testing.assert_allclose(poses[POSES.name], [TURNED @ pose for pose in EGO], atol=1e-6)
    assert np.isnan(poses[SCALE_DEVIATION.name]).all() and set(poses) == {POSES.name, SCALE_DEVIATION.name}


def test_poses_between_those_of_a_file_and_by_another_clock(tmp_path: Path) -> None:
    straight = poses_of(drive(20, 0.4))
    tum(tmp_path / "log.tum", [1e9 + 0.02 + 0.1 * n for n in range(20)], straight)
    stage = StoredPoses(path=tmp_path / "{log}.tum", later=-1e9, scale=2.0, deviation=0.1)
    poses = found(stage)
    # The first frame lies before the first line; those that follow between two.
    assert np.isnan(poses[POSES.name][0]).all() and np.isnan(poses[SCALE_DEVIATION.name][0])
    np.testing.assert_allclose(poses[POSES.name][1:, 0, 3], 2 * 0.4 * (np.arange(1, 12) - 0.2), atol=1e-4)
    np.testing.assert_array_equal(poses[SCALE_DEVIATION.name][1:], 0.1)


def test_frames_in_a_gap_have_no_pose(tmp_path: Path) -> None:
    kept = [n for n in range(12) if n not in (4, 5, 6, 7)]
    tum(tmp_path / "log.txt", [TIMES[n] for n in kept], [EGO[n] for n in kept])
    stage = StoredPoses(path=tmp_path / "{log}.txt")
    poses = found(stage)[POSES.name]
    assert np.flatnonzero(np.isnan(poses).any(axis=(1, 2))).tolist() == [4, 5, 6, 7]
    assert "log.txt has no pose of 4 of 12 frames, such as 000004" in (stage.doubts(SPACE, facts_of(BARE)) or "")


def test_poses_of_the_lidar_and_of_a_camera_lead_to_the_car(tmp_path: Path) -> None:
    mount = LOG.frames[0].sweep
    assert mount is not None
    kitti(tmp_path / "lidar/log.txt", [TURNED @ pose @ mount.ego_from_lidar for pose in EGO])
    kitti(tmp_path / "camera/log.txt", [TURNED @ pose @ AHEAD for pose in EGO])
    lidar = found(StoredPoses(path=tmp_path / "lidar/{log}.txt", of="lidar"))
    np.testing.assert_allclose(lidar[POSES.name], [TURNED @ pose for pose in EGO], atol=1e-6)
    camera = found(StoredPoses(path=tmp_path / "camera/{log}.txt", of="front"))
    np.testing.assert_allclose(camera[POSES.name], EGO, atol=1e-6)
    assert StoredPoses(path="{log}.txt").own_world and not StoredPoses(path="{log}.txt", world="log").own_world


def test_lines_are_of_frames_by_number_where_there_are_more_of_them(tmp_path: Path) -> None:
    kitti(tmp_path / "log.txt", EGO)
    lost = replace(BARE, frames=tuple(frame for n, frame in enumerate(BARE.frames) if n not in (3, 11)))
    stage = StoredPoses(path=tmp_path / "{log}.txt")
    poses = found(stage, lost)[POSES.name]
    np.testing.assert_allclose(poses, [EGO[n] for n in range(11) if n != 3], atol=1e-6)
    assert "has 12 poses for 10 frames: line i is taken for frame number i" in (
        stage.doubts(SPACE, facts_of(lost)) or ""
    )
    kitti(tmp_path / "log.txt", EGO[:9])
    with pytest.raises(
        BadLog,
        match=r"log log: .*log\.txt has 9 rows, and there should be 12, .*: whose each is cannot be told",
    ):
        stage.doubts(SPACE, facts_of(BARE))


def test_times_that_were_rounded_are_those_of_frames(tmp_path: Path) -> None:
    slow = replace(BARE, frames=tuple(replace(f, time=1.6e9 + n / 2 + 1 / 3) for n, f in enumerate(BARE.frames)))
    place = tum(tmp_path / "log.txt", [frame.time for frame in slow.frames], EGO)
    rows = [line.split() for line in place.read_text().splitlines()[1:]]
    place.write_text("\n".join(" ".join([f"{float(row[0]):.4f}", *row[1:]]) for row in rows) + "\n")
    np.testing.assert_allclose(found(StoredPoses(path=tmp_path / "{log}.txt"), slow)[POSES.name], EGO, atol=1e-6)


@pytest.mark.parametrize("before", ["r11 r12 r13 tx r21 r22 r23 ty r31 r32 r33 tz\n", "# poses\n", "\ufeff"])
def test_headers_are_no_poses(tmp_path: Path, before: str) -> None:
    place = kitti(tmp_path / "log.txt", EGO)
    place.write_text(before + place.read_text(), encoding="utf-8")
    np.testing.assert_allclose(found(StoredPoses(path=tmp_path / "{log}.txt"))[POSES.name], EGO, atol=1e-6)


def test_a_blank_line_stands_for_the_pose_that_is_missing(tmp_path: Path) -> None:
    place = kitti(tmp_path / "log.txt", EGO)
    lines = place.read_text().splitlines()
    place.write_text("\n".join([*lines[:4], "", *lines[5:]]) + "\n")
    poses = found(StoredPoses(path=tmp_path / "{log}.txt"))[POSES.name]
    assert np.isnan(poses[4]).all()
    np.testing.assert_allclose(np.delete(poses, 4, axis=0), EGO[:4] + EGO[5:], atol=1e-6)


@pytest.mark.parametrize("yaw", [np.pi, np.pi / 2, -2.0])
def test_a_camera_may_look_back_or_aside(tmp_path: Path, yaw: float) -> None:
    turned = yaw_rotation(yaw) @ AHEAD
    turned[:3, 3] = 0, 0, 1.6
    straight = poses_of(drive(12))
    kitti(tmp_path / "log.txt", [TURNED @ pose @ turned for pose in straight])
    stage = StoredPoses(path=tmp_path / "{log}.txt", of="front", camera_height=1.6)
    arrays = found(stage, without(LOG, ego_from_camera=None))
    np.testing.assert_allclose(arrays[POSES.name], straight, atol=1e-6)
    np.testing.assert_allclose(arrays[EXTRINSICS.name][:, 0], np.tile(turned, (12, 1, 1)), atol=1e-6)


def test_images_in_the_folder_of_another_camera_are_of_no_frame(tmp_path: Path) -> None:
    shots = {f"front/{name}.png": pose @ AHEAD for name, pose in zip(NAMES, EGO, strict=True)}
    shots |= {f"rear/{name}.png": pose @ yaw_rotation(np.pi) @ AHEAD for name, pose in zip(NAMES, EGO, strict=True)}
    colmap(tmp_path / "log", shots)
    stage = StoredPoses(path=tmp_path / "{log}")
    np.testing.assert_allclose(found(stage)[POSES.name], EGO, atol=1e-6)
    assert "12 of 24 images of" in (stage.doubts(SPACE, facts_of(BARE)) or "")
    colmap(tmp_path / "log", {name.replace("front", "image_9"): pose for name, pose in shots.items()})
    with pytest.raises(BadLog, match=r"is of a frame, such as image_9/000000\.png"):
        stage.doubts(SPACE, facts_of(BARE))


def test_a_camera_that_others_place_goes_on_where_they_are_blind(tmp_path: Path) -> None:
    log, beside = two_cameras()
    shots = {f"front/{name}.png": pose @ AHEAD for name, pose in zip(NAMES[:6], EGO[:6], strict=True)}
    shots |= {f"left/{name}.png": pose @ beside for name, pose in zip(NAMES[4:], EGO[4:], strict=True)}
    colmap(tmp_path / "log", shots)
    arrays = found(StoredPoses(path=tmp_path / "{log}"), log)
    np.testing.assert_allclose(arrays[POSES.name], EGO, atol=1e-5)
    for n, name in enumerate(NAMES[4:6], 4):
        shots[f"left/{name}.png"] = EGO[n] @ yaw_rotation(0.3 * n) @ beside
    colmap(tmp_path / "log", shots)
    with pytest.raises(BadLog, match=r"left sits now here, now there beside the other cameras, .* degrees off"):
        found(StoredPoses(path=tmp_path / "{log}"), log)


def test_the_height_is_that_of_a_camera_in_the_model(tmp_path: Path) -> None:
    log, _ = two_cameras()
    frames = []
    for frame in log.frames:
        front, left = frame.cameras
        frames.append(replace(frame, cameras=(replace(front, ego_from_camera=None), replace(left, height=1.6))))
    bare = replace(log, frames=tuple(frames))
    stage = StoredPoses(path=tmp_path / "{log}")
    straight = poses_of(drive(12))
    colmap(tmp_path / "log", {f"left/{name}.png": pose @ AHEAD for name, pose in zip(NAMES, straight, strict=True)})
    np.testing.assert_allclose(found(stage, bare)[POSES.name], straight, atol=1e-6)
    colmap(tmp_path / "log", {f"front/{name}.png": pose @ AHEAD for name, pose in zip(NAMES, straight, strict=True)})
    with pytest.raises(BadLog, match="how high front sits above the road is not known"):
        found(stage, bare)


def test_a_model_may_be_written_as_windows_does(tmp_path: Path) -> None:
    colmap(tmp_path / "log", {f"{n} left.png": pose @ AHEAD for n, pose in enumerate(EGO)})
    log = replace(BARE, frames=tuple(replace(frame, name=f"{n} left") for n, frame in enumerate(BARE.frames)))
    for name in ("cameras.txt", "images.txt"):
        place = tmp_path / "log" / name
        place.write_text(place.read_text().replace("\n", "\r\n"), encoding="utf-16")
    np.testing.assert_allclose(found(StoredPoses(path=tmp_path / "{log}"), log)[POSES.name], EGO, atol=1e-6)


def test_how_a_camera_sits_is_seen_in_how_it_drives(tmp_path: Path) -> None:
    pitched = AHEAD.copy()
    c, s = np.cos(0.08), np.sin(0.08)
    pitched[:3, :3] = AHEAD[:3, :3] @ [[1, 0, 0], [0, c, -s], [0, s, c]]
    straight = poses_of(drive(12))
    kitti(tmp_path / "log.txt", [TURNED @ pose @ pitched for pose in straight])
    bare = without(LOG, ego_from_camera=None)
    stage = StoredPoses(path=tmp_path / "{log}.txt", of="front")
    assert "how high front sits above the road is not known" in (stage.refuse(SPACE, bare.rig) or "")
    poses = found(stage.model_copy(update={"camera_height": 1.6}), bare)
    expected = pitched.copy()
    expected[:2, 3] = 0  # the ego frame lies below the camera
    np.testing.assert_allclose(poses[EXTRINSICS.name][:, 0], np.tile(expected, (12, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(poses[POSES.name][0], np.eye(4), atol=1e-9)
    np.testing.assert_allclose(poses[POSES.name], straight, atol=1e-6)
    kitti(tmp_path / "log.txt", [EGO[0] @ AHEAD] * 12)
    with pytest.raises(BadLog, match="the camera hardly moves, so nothing tells how it sits"):
        found(stage.model_copy(update={"camera_height": 1.6}), bare)


def two_cameras() -> tuple[DriveLog, NDArray[np.float64]]:
    """A log without poses, with a second camera beside the first of which nothing is known, and where that sits."""
    beside = AHEAD.copy()
    beside[1, 3] = 0.7
    frames = []
    for frame in BARE.frames:
        other = Camera("left", Path(f"left/{frame.name}"), None, None, frame.time, (320, 96))
        frames.append(replace(frame, cameras=(*frame.cameras, other)))
    return replace(BARE, frames=tuple(frames)), beside


def test_a_model_tells_poses_lenses_and_where_cameras_sit(tmp_path: Path) -> None:
    log, beside = two_cameras()
    shots = {f"front/{name}.png": (TURNED @ pose @ AHEAD) for name, pose in zip(NAMES, EGO, strict=True)}
    shots |= {f"left/{name}.png": (TURNED @ pose @ beside) for name, pose in zip(NAMES[:-1], EGO[:-1], strict=True)}
    for pose in shots.values():
        pose[:3, 3] /= 3
    colmap(tmp_path / "log/sparse/0", shots | {"front/000099.png": np.eye(4)})
    stage = StoredPoses(path=tmp_path / "{log}/sparse/0", scale=3.0)
    arrays = found(stage, log)
    np.testing.assert_allclose(arrays[POSES.name], EGO, atol=1e-5)
    np.testing.assert_allclose(arrays[EXTRINSICS.name][:, 0], np.tile(AHEAD, (12, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(arrays[EXTRINSICS.name][:, 1], np.tile(beside, (12, 1, 1)), atol=1e-5)
    np.testing.assert_array_equal(arrays[INTRINSICS.name][:, 0], np.tile(K, (12, 1, 1)))
    # K of images twice as large; COLMAP's first pixel has its middle at a half.
    half = np.array([[185, 0, 159.75], [0, 185, 47.75], [0, 0, 1]])
    np.testing.assert_allclose(arrays[INTRINSICS.name][:, 1], np.tile(half, (12, 1, 1)))
    said = stage.doubts(SPACE, facts_of(log)) or ""
    assert "1 of 24 images of" in said and "are of no frame, such as front/000099.png" in said
    assert "has no image of left of 1 frames, such as 000011" in said
    part = found(stage, log, 4, 8)
    for name, array in part.items():
        np.testing.assert_array_equal(array, arrays[name][4:8])


def test_images_without_a_folder_are_of_the_only_camera(tmp_path: Path) -> None:
    shots = {f"{n}.jpg": TURNED @ pose @ AHEAD for n, pose in enumerate(EGO)}
    colmap(tmp_path / "log", shots)
    np.testing.assert_allclose(found(StoredPoses(path=tmp_path / "{log}"))[POSES.name], EGO, atol=1e-6)
    log, _ = two_cameras()
    with pytest.raises(BadLog, match=r"no image of .* is of a frame, such as 0\.jpg: images are named like frames"):
        StoredPoses(path=tmp_path / "{log}").doubts(SPACE, facts_of(log))
    told = found(StoredPoses(path=tmp_path / "{log}", of="front"), log)
    np.testing.assert_allclose(told[POSES.name], EGO, atol=1e-6)


@pytest.mark.parametrize(
    ("lens", "said"),
    [
        ("SIMPLE_RADIAL 640 192 370 320.5 96.5 0.1", "the lens of front bends images by up to 27 pixels"),
        ("SIMPLE_RADIAL 640 192 370 320.5 96.5 0.0001", None),
        ("SIMPLE_PINHOLE 640 480 370 320 240", "K of front is of images of 640x480, which those of 640x192 cannot"),
    ],
)
def test_what_of_a_lens_is_left_out_is_said(tmp_path: Path, lens: str, said: str | None) -> None:
    colmap(tmp_path / "log", {f"{name}.png": pose @ AHEAD for name, pose in zip(NAMES, EGO, strict=True)}, lens)
    doubts = StoredPoses(path=tmp_path / "{log}").doubts(SPACE, facts_of(BARE)) or ""
    begins = f"log log has no poses: {tmp_path}/log has them"
    assert doubts.startswith(f"{begins}; {tmp_path}/log/cameras.txt: {said}") if said else doubts == begins


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("cameras.txt", "1 FISHEYE 640 192 370 320 96", "line 1: lenses of the model FISHEYE are not read; undistort"),
        ("cameras.txt", "1 PINHOLE 640 192 370 320 96", "line 1: PINHOLE has 4 numbers, and here are 3"),
        ("cameras.txt", "2 PINHOLE 640 192 370 370 320 96", r"images\.txt, line 3: cameras\.txt has no camera 1"),
        (
            "images.txt",
            "1 1 0 0 0 0 0 0 1 front/000000.png\n2 1 0 0 0 0 0 0 1 a/front/0.png",
            "two images of front at frame 000000",
        ),
        ("images.txt", "# none", r"images\.txt has no image; a line is IMAGE_ID"),
        ("images.txt", "1 0.9 0 0 0 0 0 0 1 000000.png", r"images\.txt, line 1: no rotation and place"),
        ("images.bin", "", r"model_converter --input_path .*/log --output_path .*/log --output_type TXT"),
        ("nothing", "", r"images\.txt cannot be read: No such file or directory; a model of COLMAP has it"),
    ],
)
def test_models_that_are_none_get_a_sentence(tmp_path: Path, file: str, text: str, said: str) -> None:
    colmap(tmp_path / "log", {f"{name}.png": pose @ AHEAD for name, pose in zip(NAMES, EGO, strict=True)})
    if not file.endswith(".txt"):
        (tmp_path / "log/images.txt").unlink()
    (tmp_path / "log" / file).write_text(text)
    with pytest.raises(BadLog, match=said):
        StoredPoses(path=tmp_path / "{log}").doubts(SPACE, facts_of(BARE))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no numbers a line; a line is a time"),
        ("0 0 0 0 0 0 1\n" * 12, "has 7 numbers a line"),
        ("0 0 0 0 0 0 0 9\n", "holds no pose: on no line is a rotation and a place, such as on line 1"),
        ("1600000000000000000 0 0 0 0 0 0 1\n", "has times such as 1600000000000000000, which are no seconds"),
        ("1 0 0 0 0 1 0 0 0 0 2 0\n" * 12, "holds no pose"),
    ],
)
def test_files_that_hold_no_poses_get_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log.txt").write_text(text)
    with pytest.raises(BadLog, match=f"log log: .*log.txt {said}.*leave the log out with --log"):
        StoredPoses(path=tmp_path / "{log}.txt").doubts(SPACE, facts_of(BARE))
    (tmp_path / "log.txt").unlink()
    with pytest.raises(BadLog, match="cannot be read: No such file"):
        StoredPoses(path=tmp_path / "{log}.txt").doubts(SPACE, facts_of(BARE))


def test_a_line_that_is_none_costs_its_frame(tmp_path: Path) -> None:
    place = kitti(tmp_path / "log.txt", EGO)
    lines = place.read_text().splitlines()
    lines[5] = "overwritten"
    place.write_text("\r\n".join(lines)[:-6])  # and the last is cut off
    stage = StoredPoses(path=tmp_path / "{log}.txt")
    assert "log.txt has no pose of 2 of 12 frames, such as 000005" in (stage.doubts(SPACE, facts_of(BARE)) or "")
    poses = found(stage)[POSES.name]
    assert np.flatnonzero(np.isnan(poses).any(axis=(1, 2))).tolist() == [5, 11]


def test_what_does_not_move_as_a_car_does_is_told(tmp_path: Path) -> None:
    stage = StoredPoses(path=tmp_path / "{log}.txt")
    for poses, said in (
        (EGO, None),
        (
            [pose @ AHEAD for pose in EGO],
            "ego moves along its own z, as a camera does that looks ahead: set geometry.of",
        ),
        ([np.linalg.inv(pose) for pose in EGO], "the car drives backwards: are they world from car, and not the other"),
    ):
        kitti(tmp_path / "log.txt", poses)
        doubts = stage.doubts(SPACE, facts_of(BARE)) or ""
        assert said in doubts if said else "by these poses" not in doubts


def test_poses_that_are_not_of_this_drive_are_refused(tmp_path: Path) -> None:
    stage = StoredPoses(path=tmp_path / "{log}.txt")
    tum(tmp_path / "log.txt", [time + 60 for time in TIMES], EGO)
    said = r"has poses from 60\.000 to 61\.100 s, .* from 0\.000 to 1\.100 s; set geometry\.later"
    with pytest.raises(BadLog, match=said):
        found(stage)
    with pytest.raises(BadLog, match=said):
        stage.doubts(SPACE, facts_of(BARE))
    leaping = [pose.copy() for pose in EGO]
    for pose in leaping[7:]:
        pose[1, 3] += 5
    kitti(tmp_path / "log.txt", leaping)
    with pytest.raises(BadLog, match=r"frame 000007 lies 5\.\d m off the motion before it, as .*log\.txt has it"):
        found(stage)


def test_options_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match=r"names one place for all logs; write \{log\}"):
        StoredPoses(path="poses.txt")
    with pytest.raises(ValidationError, match="poses of cameras begin at the first frame"):
        StoredPoses(path="{log}.txt", of="front", world="log")
    with pytest.raises(ValidationError, match="later"):
        StoredPoses(path="{log}.txt", later=float("nan"))
    with pytest.raises(ValidationError, match="is a folder with a model of images, which are not of lidar"):
        StoredPoses(path="{log}/sparse", of="lidar")
    rig = without(LOG).rig
    assert "there is no camera 'back'; there is front" in (
        StoredPoses(path="{log}.txt", of="back").refuse(SPACE, rig) or ""
    )
    blind = rig.model_copy(update={"cameras": (), "lidar": False})
    assert "the log has no cameras" in (StoredPoses(path="{log}").refuse(SPACE, blind) or "")
    assert "the log has no LiDAR" in (StoredPoses(path="{log}.txt", of="lidar").refuse(SPACE, blind) or "")
    assert StoredPoses(path="{log}.txt").refuse(SPACE, blind) is None
