"""Cameras on one car are mapped as one: how they sit is kept, or found, and a rig that is none is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bent_street import SHARE, bend
from box_street import AHEAD, SIZE, STREET, K, drive, photographs
from contract import ScriptedSensors, inputs_of
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.drive_log import Camera, DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.stage import Arrays, Clip, Hands

pytest.importorskip("pycolmap", reason="the extra colmap is not installed")

from occlabel.stages.geometry.colmap.stage import PosesFromModel

SPACE = load_recipe("nuscenes_camera").space
STAGE = PosesFromModel(camera_height=1.6, cameras=("front", "left"))
FRAMES = 8
K_SMALL = np.diag([SHARE, SHARE, 1]) @ K
K_SMALL[:2, 2] = 159.5, 47.5
LEFT = AHEAD.copy()
LEFT[:3, :3] = Rotation.from_euler("z", 45, degrees=True).as_matrix() @ AHEAD[:3, :3]
LEFT[:3, 3] = 0.9, 0.8, 1.5


@pytest.fixture(scope="module")
def film() -> tuple[DriveLog, ScriptedSensors]:
    straight = drive(FRAMES)
    seen: dict[str, NDArray[np.uint8]] = {}
    cameras: list[list[Camera]] = [[] for _ in range(FRAMES)]
    for name, place in {"front": AHEAD, "left": LEFT}.items():
        frames = []
        for i, frame in enumerate(straight.frames):
            camera = replace(frame.cameras[0], name=name, path=Path(f"{name}/{i}"), ego_from_camera=place)
            frames.append(replace(frame, world_from_ego=bend(i), cameras=(camera,)))
            small = round(SHARE * SIZE[0]), round(SHARE * SIZE[1])
            cameras[i].append(replace(camera, intrinsics=K_SMALL, size=small))
        for path, image in photographs(replace(straight, frames=tuple(frames)), STREET).images.items():
            seen[path] = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    log = replace(
        straight,
        frames=tuple(
            replace(f, world_from_ego=None, sweep=None, cameras=tuple(cameras[i]))
            for i, f in enumerate(straight.frames)
        ),
    )
    return log, ScriptedSensors(images=seen)


def told(log: DriveLog, change: Callable[[Camera], Camera]) -> DriveLog:
    """The log, of whose cameras something else is known."""
    return replace(log, frames=tuple(replace(f, cameras=tuple(map(change, f.cameras))) for f in log.frames))


def found(log: DriveLog, images: ScriptedSensors, stage: PosesFromModel = STAGE) -> Arrays:
    whole = Clip(log.id, 0, len(log.frames))
    return stage.setup(SPACE, log.rig, Hands())(whole, inputs_of(stage, log, whole, {}, images))


def steps(arrays: Arrays) -> NDArray[np.float64]:
    """Metres between the places of the camera ahead."""
    places = (arrays[POSES.name].astype(float) @ arrays[EXTRINSICS.name][:, 0].astype(float))[:, :3, 3]
    return np.linalg.norm(np.diff(places, axis=0), axis=1)


def true_steps() -> NDArray[np.float64]:
    return np.linalg.norm(np.diff([(bend(i) @ AHEAD)[:3, 3] for i in range(FRAMES)], axis=0), axis=1)


def test_cameras_that_are_known_to_sit_apart_tell_metres(film: tuple[DriveLog, ScriptedSensors]) -> None:
    log, images = film
    arrays = found(log, images)
    np.testing.assert_allclose(steps(arrays), true_steps(), rtol=0.03)
    poses = arrays[POSES.name].astype(float)
    turns = poses[0, :3, :3].T @ poses[-1, :3, :3]
    np.testing.assert_allclose(turns, bend(FRAMES - 1)[:3, :3], atol=5e-3)
    np.testing.assert_allclose(arrays[EXTRINSICS.name][:, 1].astype(float), [LEFT] * FRAMES, atol=1e-6)
    assert (arrays[SCALE_DEVIATION.name].astype(float) < 0.05).all(), "surer than any road"


def test_how_cameras_sit_is_found_and_the_lens_of_one_too(film: tuple[DriveLog, ScriptedSensors]) -> None:
    log, images = film

    def bare(camera: Camera) -> Camera:
        return replace(camera, ego_from_camera=None, intrinsics=K_SMALL if camera.name == "front" else None)

    arrays = found(told(log, bare), images)
    np.testing.assert_allclose(steps(arrays), true_steps(), rtol=0.12)
    k = arrays[INTRINSICS.name].astype(float)
    np.testing.assert_allclose(k[:, 1, [0, 1], [0, 1]], K_SMALL[0, 0], rtol=0.03)
    sits = arrays[EXTRINSICS.name].astype(float)
    beside = np.linalg.inv(sits[:, 0]) @ sits[:, 1]
    assert np.allclose(beside, beside[0], atol=1e-5), "it sits the same in all frames"
    true = np.linalg.inv(AHEAD) @ LEFT
    assert Rotation.from_matrix(beside[0, :3, :3].T @ true[:3, :3]).magnitude() < np.radians(1.0)
    np.testing.assert_allclose(beside[0, :3, 3], true[:3, 3], atol=0.2)
    assert (arrays[SCALE_DEVIATION.name].astype(float) >= 0.05).all(), "the road says it"


def moved(turn: float, apart: float) -> Callable[[Camera], Camera]:
    """The camera to the left is said to be turned otherwise [degrees], and all to sit so many times as far apart."""

    def change(camera: Camera) -> Camera:
        place: Matrix = camera.ego_from_camera.copy() if camera.ego_from_camera is not None else np.eye(4)
        if camera.name == "left":
            place[:3, :3] = Rotation.from_euler("z", turn, degrees=True).as_matrix() @ place[:3, :3]
            place[:3, 3] = AHEAD[:3, 3] + apart * (place[:3, 3] - AHEAD[:3, 3])
        return replace(camera, ego_from_camera=place)

    return change


@pytest.mark.parametrize(
    ("turn", "apart", "said"),
    [
        (
            6.0,
            1.0,
            r"of what left and others see both, \d+% lie where both see them, so that it does not sit as its ext",
        ),
        (0.0, 2.0, r"by how far cameras sit apart, all is (1\.[789]|2\.[01])\d times as long as the road says"),
    ],
)
def test_extrinsics_that_are_wrong_are_refused(
    film: tuple[DriveLog, ScriptedSensors], turn: float, apart: float, said: str
) -> None:
    log, images = film
    with pytest.raises(BadLog, match=rf"000000 to 000007 the cameras cannot be mapped as one: {said}"):
        found(told(log, moved(turn, apart)), images)


def test_a_camera_that_sees_nothing_of_what_the_others_see_is_named(film: tuple[DriveLog, ScriptedSensors]) -> None:
    log, images = film
    bare = told(log, lambda camera: replace(camera, ego_from_camera=None))
    odd = {n: i if "front" in n else np.ascontiguousarray(i[::-1]) for n, i in images.images.items()}
    with pytest.raises(
        BadLog, match=r"left sees too little of what others see \(0 of its images could be placed\); leave"
    ):
        found(bare, ScriptedSensors(images=odd))
    dark = {n: i if "front" in n else np.zeros_like(i) for n, i in images.images.items()}
    with pytest.raises(BadLog, match="mapped as one: left has no image that can be read; leave a camera out"):
        found(bare, ScriptedSensors(images=dark))


def test_what_is_not_known_of_a_rig_is_asked_for() -> None:
    front = RigCamera(name="front", size=(640, 192), extrinsics=False, height=1.5)
    left = RigCamera(name="left", size=(640, 192))
    both = Rig(cameras=(front, left))
    said = STAGE.refuse(SPACE, both)
    assert said is not None and "where left sits on the car is known, and where front does is not" in said
    bare = Rig(cameras=(front, left.model_copy(update={"extrinsics": False})))
    assert STAGE.refuse(SPACE, bare) is None, "it is found"
    strange = PosesFromModel(cameras=("front", "right")).refuse(SPACE, bare)
    assert strange == "there is no camera 'right'; there is front, left; set geometry.cameras"
