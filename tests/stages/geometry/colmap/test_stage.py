"""Poses and focal lengths from the images of a whole log: found where they can be, and a sentence where not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from bent_street import FOCAL, STEP, TURN, bare, bend, bent, shown
from contract import facts_of, inputs_of
from dark_tube import tube
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.stage import Arrays, Clip, Hands

pytest.importorskip("pycolmap", reason="the extra colmap is not installed")

from occlabel.stages.geometry.colmap.stage import PosesFromModel

SPACE = load_recipe("nuscenes_camera").space
STAGE = PosesFromModel(camera_height=1.6)
FRAMES = 8
Images = list[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def film() -> tuple[DriveLog, Images]:
    return bent(FRAMES)


def found(log: DriveLog, images: Images, stage: PosesFromModel = STAGE) -> Arrays:
    whole = Clip(log.id, 0, len(log.frames))
    return stage.setup(SPACE, log.rig, Hands())(whole, inputs_of(stage, log, whole, {}, shown(log, images)))


def test_a_bend_tells_the_lens_and_the_way_in_metres(
    film: tuple[DriveLog, Images], capfd: pytest.CaptureFixture[str]
) -> None:
    log, images = film
    arrays = found(bare(log), images)
    assert capfd.readouterr() == ("", ""), "colmap keeps to itself"
    k = arrays[INTRINSICS.name][:, 0].astype(float)
    np.testing.assert_allclose(k[:, 0, 0], FOCAL, rtol=0.06)
    np.testing.assert_allclose(k[:, :2, 2], [[159.5, 47.5]] * FRAMES)
    cameras = arrays[POSES.name].astype(float) @ arrays[EXTRINSICS.name][:, 0].astype(float)
    true = np.array([bend(i) @ log.frames[i].cameras[0].ego_from_camera for i in range(FRAMES)])
    way = np.linalg.norm(np.diff(cameras[:, :3, 3], axis=0), axis=1)
    np.testing.assert_allclose(way, np.linalg.norm(np.diff(true[:, :3, 3], axis=0), axis=1), rtol=0.12)
    turns = np.linalg.inv(cameras[0])[:3, :3] @ cameras[:, :3, :3]
    np.testing.assert_allclose(turns, np.linalg.inv(true[0])[:3, :3] @ true[:, :3, :3], atol=0.02)
    mounted = log.frames[0].cameras[0].ego_from_camera[:3, :3].T @ arrays[EXTRINSICS.name][0, 0, :3, :3].astype(float)
    slip = np.arctan(log.frames[0].cameras[0].ego_from_camera[0, 3] * TURN / STEP)
    # In a bend a camera before the axle drives aside.
    assert abs(Rotation.from_matrix(mounted).magnitude() - slip) < 0.02
    deviation = arrays[SCALE_DEVIATION.name].astype(float)
    assert ((deviation >= 0.05) & (deviation < 0.3)).all()


def test_a_lens_that_is_known_stays_as_it_is_and_a_dark_frame_has_no_place(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    dark = [*images[:3], np.zeros_like(images[3]), *images[4:]]
    arrays = found(bare(log, k=True), dark)
    known = log.frames[0].cameras[0].intrinsics
    np.testing.assert_array_equal(arrays[INTRINSICS.name][:, 0], np.stack([known] * FRAMES))
    assert np.flatnonzero(np.isnan(arrays[POSES.name]).any(axis=(1, 2))).tolist() == [3]
    assert np.flatnonzero(np.isnan(arrays[SCALE_DEVIATION.name])).tolist() == [3]
    way = np.linalg.norm(np.diff(arrays[POSES.name][[0, 2, 7], :3, 3].astype(float), axis=0), axis=1)
    np.testing.assert_allclose(way, [1.6, 3.96], rtol=0.1)


def test_extrinsics_that_the_images_contradict_are_refused(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    frames = []
    for frame in log.frames:
        (camera,) = frame.cameras
        assert camera.ego_from_camera is not None
        turned = replace(camera, ego_from_camera=np.linalg.inv(camera.ego_from_camera))
        frames.append(replace(frame, world_from_ego=None, sweep=None, mount=None, cameras=(turned,)))
    with pytest.raises(BadLog, match=r"has the road .* degrees off -z: extrinsics are ego_from_camera"):
        found(replace(log, frames=tuple(frames)), images)


def test_a_camera_that_stands_is_refused(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    draw = np.random.default_rng(0)
    noisy = [np.clip(images[0] + draw.normal(0, 3, (96, 320, 1)), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    with pytest.raises(BadLog, match="from frame 000000 to 000007 the camera stands: nothing tells its focal length"):
        found(bare(log), noisy)


def test_a_camera_that_only_turns_is_refused(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    k = log.frames[0].cameras[0].intrinsics
    assert k is not None
    turns = [k @ Rotation.from_euler("y", 0.8 * i, degrees=True).as_matrix() @ np.linalg.inv(k) for i in range(FRAMES)]
    turning = [np.asarray(cv2.warpPerspective(images[0], turn, (320, 96)), np.uint8) for turn in turns]
    with pytest.raises(BadLog, match="from frame 000000 to 000007 the camera only turns, or all it sees is far away"):
        found(bare(log), turning)


def test_a_cut_in_the_film_is_found(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    torn = [*images[:4], *(np.ascontiguousarray(image[::-1]) for image in images[4:])]
    with pytest.raises(BadLog, match="frame 000004 shows nothing of what was seen before it, and the film goes on"):
        found(bare(log), torn)


def test_a_dark_film_and_one_that_cannot_be_read_are_refused(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    with pytest.raises(BadLog, match=r"no frame from 000000 to 000007 shares enough .* \(they have 0 points each"):
        found(bare(log), [np.zeros_like(images[0])] * FRAMES)
    with pytest.raises(BadLog, match=r"no frame from 000000 to 000007 shares enough"):
        found(bare(log), [])


def test_nothing_is_made_up_in_a_tunnel_whose_lamps_all_look_the_same(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    k = log.frames[0].cameras[0].intrinsics
    assert k is not None
    tunnel = [tube(k, (320, 96), STEP * i, STEP, i) if i in (4, 5) else image for i, image in enumerate(images)]
    poses = found(bare(log, k=True), tunnel)[POSES.name].astype(float)
    assert np.flatnonzero(np.isnan(poses).any(axis=(1, 2))).tolist() == [4, 5]
    way = np.linalg.norm(np.diff(poses[[3, 6], :3, 3], axis=0))
    assert abs(way - 2.4) < 0.3, "and the way is as long as it is"


def test_three_frames_do_not_tell_a_lens(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    with pytest.raises(BadLog, match=r"from frame 000000 to 000002 .*nothing that holds.*write intrinsics into cal"):
        found(bare(replace(log, frames=log.frames[:3])), images)


def test_a_lens_that_changes_is_refused(film: tuple[DriveLog, Images]) -> None:
    log, images = film
    (camera,) = log.frames[5].cameras
    zoomed = replace(camera, intrinsics=np.diag([1.2, 1.2, 1]) @ camera.intrinsics)
    frames = [*log.frames[:5], replace(log.frames[5], cameras=(zoomed,)), *log.frames[6:]]
    with pytest.raises(BadLog, match="K of front changes at frame 000005, and structure from motion takes one lens"):
        found(bare(replace(log, frames=tuple(frames)), k=True), images)


def test_what_is_not_known_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = PosesFromModel()
    no_k = RigCamera(name="camera", size=(640, 192), intrinsics=False, extrinsics=False, height=1.5)
    assert stage.refuse(SPACE, Rig(cameras=(no_k,))) is None, "K is found"
    no_height = no_k.model_copy(update={"height": None})
    assert "how high camera sits above the road is not known" in str(stage.refuse(SPACE, Rig(cameras=(no_height,))))
    strange = PosesFromModel(camera="left").refuse(SPACE, Rig(cameras=(no_k,)))
    assert strange == "there is no camera 'left'; there is camera; set geometry.camera"
    said = stage.doubts(SPACE, facts_of(bare(bent(2)[0])))
    assert said == "log log has no poses: they are made from its images, and K of front with them"
    monkeypatch.setattr("occlabel.stages.geometry.colmap.stage.util.find_spec", lambda name: None)
    assert stage.refuse(SPACE, None) == "it needs pycolmap; install it with pip install occlabel[colmap]"
