"""Poses from images: found where they can be, and a sentence where not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from box_street import AHEAD, SIZE, STREET, K, Thing, drive, photographs
from contract import ScriptedSensors, facts_of, inputs_of
from dark_tube import tube
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import EXTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.stage import Arrays, Clip, Hands
from occlabel.stages.geometry.odometry.stage import PosesFromImages

SPACE = load_recipe("nuscenes_camera").space
STAGE = PosesFromImages(camera_height=1.6)
LOG = drive(8, 0.6)


@pytest.fixture(scope="module")
def taken() -> ScriptedSensors:
    return photographs(LOG, STREET)


def bare(log: DriveLog) -> DriveLog:
    """Without poses, and without the place of the camera on the car."""
    return replace(
        log,
        frames=tuple(
            replace(
                frame,
                world_from_ego=None,
                cameras=tuple(replace(camera, ego_from_camera=None) for camera in frame.cameras),
            )
            for frame in log.frames
        ),
    )


def found(log: DriveLog, images: ScriptedSensors, stage: PosesFromImages = STAGE) -> Arrays:
    whole = Clip(log.id, 0, len(log.frames))
    return stage.setup(SPACE, log.rig, Hands())(whole, inputs_of(stage, log, whole, {}, images))


def shown(images: list[NDArray[np.uint8]]) -> ScriptedSensors:
    """The images as those of the frames of ``LOG``."""
    paths = [str(frame.cameras[0].path) for frame in LOG.frames]
    return ScriptedSensors(images=dict(zip(paths, images, strict=False)))


def of(sensors: ScriptedSensors) -> list[NDArray[np.uint8]]:
    return [sensors.images[str(frame.cameras[0].path)] for frame in LOG.frames]


def test_a_street_is_driven_through_in_metres(taken: ScriptedSensors) -> None:
    arrays = found(bare(LOG), taken)
    way = arrays[POSES.name][:, :3, 3].astype(float)
    np.testing.assert_allclose(way[:, 1:], 0, atol=0.06)
    np.testing.assert_allclose(way[:, 0], 0.6 * np.arange(8), rtol=0.08, atol=0.01)
    place = arrays[EXTRINSICS.name][0, 0].astype(float)
    np.testing.assert_allclose(place[:3, :3], [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], atol=0.02)
    np.testing.assert_allclose(place[:3, 3], [0, 0, 1.6])
    assert 0.01 < arrays[SCALE_DEVIATION.name].min() < 0.2  # type: ignore[operator]


def test_a_camera_that_stands_has_equal_poses_and_says_so(taken: ScriptedSensors) -> None:
    draw = np.random.default_rng(0)
    noisy = [np.clip(of(taken)[0] + draw.normal(0, 3, (192, 640, 1)), 0, 255).astype(np.uint8) for _ in range(8)]
    arrays = found(LOG, shown(noisy))
    assert (arrays[POSES.name] == arrays[POSES.name][0]).all() and (arrays[SCALE_DEVIATION.name] == 0).all()
    with pytest.raises(
        BadLog, match="the camera stands at the beginning, so nothing tells how it sits on the car: beg"
    ):
        found(bare(LOG), shown(noisy))


def test_a_camera_that_only_turns_is_refused(taken: ScriptedSensors) -> None:
    turns = [K @ Rotation.from_euler("y", 0.6 * i, degrees=True).as_matrix() @ np.linalg.inv(K) for i in range(8)]
    turning = [np.asarray(cv2.warpPerspective(of(taken)[0], turn, SIZE), np.uint8) for turn in turns]
    with pytest.raises(BadLog, match="from frame 000000 to 000007 the camera only turns, or all it sees is far away"):
        found(LOG, shown(turning))


def test_a_cut_in_the_film_is_found(taken: ScriptedSensors) -> None:
    elsewhere = photographs(LOG, (Thing("building", (-50, 5, 0), (200, 8, 3)),))
    torn = [*of(taken)[:4], *(np.ascontiguousarray(image[:, ::-1]) for image in of(elsewhere)[4:])]
    with pytest.raises(BadLog, match="frame 000004 shows nothing of what was seen before it, and the film goes on"):
        found(bare(LOG), shown(torn))


def test_dark_frames_have_no_pose_and_a_dark_log_is_refused(taken: ScriptedSensors) -> None:
    images = of(taken)
    images[3] = np.zeros_like(images[3])
    poses = found(bare(LOG), shown(images))[POSES.name]
    assert np.flatnonzero(np.isnan(poses).any(axis=(1, 2))).tolist() == [3]
    np.testing.assert_allclose(poses[7, 0, 3], 4.2, rtol=0.08)
    with pytest.raises(BadLog, match=r"no frame from 000000 to 000007 shares enough .* \(they have 0 points each"):
        found(bare(LOG), shown([np.full_like(images[0], 7)] * 8))


def test_nothing_is_made_up_in_a_tunnel_whose_lamps_all_look_the_same(taken: ScriptedSensors) -> None:
    images = [tube(K, SIZE, 0.6 * i, 0.6, i) if i in (4, 5) else image for i, image in enumerate(of(taken))]
    poses = found(bare(LOG), shown(images))[POSES.name].astype(float)
    assert np.flatnonzero(np.isnan(poses).any(axis=(1, 2))).tolist() == [4, 5]
    np.testing.assert_allclose(
        poses[7, 0, 3] / poses[3, 0, 3], 7 / 3, rtol=0.04, err_msg="the tunnel is as long as it is"
    )


def test_frames_that_are_missing_are_a_way_that_no_car_drives() -> None:
    whole = drive(12, 0.6)
    images = photographs(whole, STREET).images
    kept = [images[str(whole.frames[number].cameras[0].path)] for number in (0, 1, 2, 3, 8, 9, 10, 11)]
    with pytest.raises(
        BadLog, match=r"frame 000004 lies 2\.\d m off the motion .* or frames are missing; leave the log"
    ):
        found(bare(LOG), shown(kept))


@pytest.mark.parametrize(
    ("place", "said"),
    [(np.linalg.inv(AHEAD), "along x and has the road 9. degrees off -z"), (yaw_rotation(1.4) @ AHEAD, "along x:")],
)
def test_extrinsics_that_the_images_contradict_are_refused(
    taken: ScriptedSensors, place: NDArray[np.float64], said: str
) -> None:
    film = without_lidar(drive(8, 0.6, place))
    with pytest.raises(BadLog, match=f"by the extrinsics of front and what it sees, .*{said}.* not camera_from_ego"):
        found(film, taken)


def test_extrinsics_that_fit_are_kept(taken: ScriptedSensors) -> None:
    slanted = yaw_rotation(0.5) @ AHEAD
    arrays = found(without_lidar(drive(8, 0.6, slanted)), taken)
    np.testing.assert_allclose(arrays[EXTRINSICS.name][0, 0].astype(float), slanted, atol=1e-6)


def without_lidar(log: DriveLog) -> DriveLog:
    return replace(log, frames=tuple(replace(frame, sweep=None, mount=None) for frame in log.frames))


def test_three_frames_tell_no_metres(taken: ScriptedSensors) -> None:
    log = replace(LOG, frames=LOG.frames[:3])
    with pytest.raises(BadLog, match=r"the camera moves, and the road is seen .* on \d ways: too few, so that poses"):
        found(bare(log), taken)


def test_a_road_without_texture_tells_no_metres(taken: ScriptedSensors) -> None:
    smooth = of(taken)
    for image in smooth:
        image[110:] = 90
    with pytest.raises(BadLog, match="too few, so that poses would have no metres; leave the log out with --log"):
        found(bare(LOG), shown([image.copy() for image in smooth]))


def test_what_is_not_known_is_asked_for() -> None:
    stage = PosesFromImages()
    known = RigCamera(name="camera", size=(640, 192), extrinsics=False, height=1.5)
    assert stage.refuse(SPACE, Rig(cameras=(known,))) is None
    no_k = known.model_copy(update={"intrinsics": False})
    assert "write intrinsics: [[f, 0, cx], [0, f, cy], [0, 0, 1]] into" in str(
        stage.refuse(SPACE, Rig(cameras=(no_k,)))
    )
    no_height = known.model_copy(update={"height": None})
    assert "how high camera sits above the road is not known" in str(stage.refuse(SPACE, Rig(cameras=(no_height,))))
    assert STAGE.refuse(SPACE, Rig(cameras=(no_height,))) is None
    strange = PosesFromImages(camera="left").refuse(SPACE, Rig(cameras=(known,)))
    assert strange == "there is no camera 'left'; there is camera; set geometry.camera"
    assert "take their place" in str(stage.doubts(SPACE, facts_of(LOG)))
