"""Poses of a whole film by a network of many views: found where they can be, and a sentence where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_views as tiny
from bent_street import FOCAL, bare, bent, shown
from contract import SPACES, facts_of, inputs_of
from made_views import Way, true_poses
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.spatial.transform import Rotation

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.stage import Arrays, Clip, Hands
from occlabel.stages.geometry.from_images.features import Features, features_of
from occlabel.stages.geometry.views_network.stage import PosesByDepthAnything3, PosesByOccAny, PosesFromViews
from occlabel.stages.geometry.views_network.window import Estimate, Views

SPACE = SPACES["occ3d"]
FRAMES = 9
STAGE = PosesByDepthAnything3(weights="-", camera_height=1.6, views=5, overlap=2)
FREE = PosesByOccAny(weights="-", views=5, overlap=2)
Images = list[NDArray[np.uint8]]
_FEATURES: dict[bytes | None, Features] = {}


@pytest.fixture(scope="module")
def film() -> tuple[DriveLog, Images]:
    return bent(FRAMES)


@pytest.fixture(autouse=True)
def looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of an image that several tests show are looked for once."""

    def known(grey: NDArray[np.uint8] | None) -> Features:
        key = None if grey is None else grey.tobytes()
        if key not in _FEATURES:
            _FEATURES[key] = features_of(grey)
        return _FEATURES[key]

    monkeypatch.setattr("occlabel.stages.geometry.from_images.seen.features_of", known)


def saying(way: Way, images: Images) -> Estimate:
    """What a network would say of ``images``, of which it knows which frames they are."""
    return lambda views: way.seen([next(n for n, one in enumerate(images) if one is view) for view in views])


def found(
    log: DriveLog, images: Images, way: Way, monkeypatch: pytest.MonkeyPatch, stage: PosesFromViews = STAGE
) -> Arrays:
    monkeypatch.setattr(type(stage), "loaded", lambda self, hands: saying(way, images))
    whole = Clip(log.id, 0, len(log.frames))
    return stage.setup(SPACE, log.rig, Hands())(whole, inputs_of(stage, log, whole, {}, shown(log, images)))


def check_way(arrays: Arrays, off: float) -> None:
    """Of steps ``off`` by so much of their length, at most, and of turns."""
    cameras = arrays[POSES.name].astype(float) @ arrays[EXTRINSICS.name][:, 0].astype(float)
    true = true_poses(FRAMES)
    way, truly = (np.linalg.norm(np.diff(each[:, :3, 3], axis=0), axis=1) for each in (cameras, true))
    np.testing.assert_allclose(way, truly, rtol=off)
    turns, truly = (np.linalg.inv(each[0])[:3, :3] @ each[:, :3, :3] for each in (cameras, true))
    np.testing.assert_allclose(turns, truly, atol=0.02)


def test_the_way_and_the_lens_are_found_in_metres(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, images = film
    arrays = found(bare(log), images, Way(depth=0.02, view=0.01, turn=0.02), monkeypatch)
    check_way(arrays, 0.12)
    k = arrays[INTRINSICS.name][:, 0].astype(float)
    np.testing.assert_allclose(k, np.tile([[FOCAL, 0, 159.5], [0, FOCAL, 47.5], [0, 0, 1]], (FRAMES, 1, 1)))
    height = arrays[EXTRINSICS.name][:, 0, 2, 3].astype(float)
    np.testing.assert_allclose(height, 1.6, rtol=1e-6)
    deviation = arrays[SCALE_DEVIATION.name].astype(float)
    assert ((deviation >= 0.05) & (deviation < 0.2)).all()


def test_metres_of_the_network_tell_how_high_the_camera_is(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, images = film
    arrays = found(bare(log), images, Way(depth=0.02, unit=20.0), monkeypatch, FREE)
    check_way(arrays, 0.03)
    np.testing.assert_allclose(arrays[EXTRINSICS.name][:, 0, 2, 3].astype(float), 1.6, rtol=0.1)
    deviation = arrays[SCALE_DEVIATION.name].astype(float)
    assert ((deviation >= 0.25) & (deviation < 0.4)).all()


def test_where_the_height_is_known_the_road_tells_metres_and_holds_them_against_the_networks(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, images = film
    stage = FREE.model_copy(update={"camera_height": 1.6})
    arrays = found(bare(log), images, Way(unit=24.0), monkeypatch, stage)
    check_way(arrays, 0.12)
    assert (arrays[SCALE_DEVIATION.name].astype(float) < 0.2).all()
    with pytest.raises(BadLog, match=r"OccAny found nothing that holds: a metre by the network is 2\.\d\d by the road"):
        found(bare(log), images, Way(unit=50.0), monkeypatch, stage)
    with pytest.raises(BadLog, match=r"a road 0\.1\d m below the camera, where no car has one"):
        found(bare(log), images, Way(unit=200.0), monkeypatch, FREE)


def test_k_that_is_known_stays_and_the_networks_is_held_against_it(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, images = film
    dark = [*images[:3], np.zeros_like(images[3]), *images[4:]]
    arrays = found(bare(log, k=True), dark, Way(focal=1.1), monkeypatch)
    known = log.frames[0].cameras[0].intrinsics
    np.testing.assert_array_equal(arrays[INTRINSICS.name][:, 0], np.stack([known] * FRAMES))
    assert np.flatnonzero(np.isnan(arrays[POSES.name]).any(axis=(1, 2))).tolist() == [3], "it is dark"
    with pytest.raises(
        BadLog, match=r"look like those of a lens of 24[01] pixels, and K says 185: it is of another size"
    ):
        found(bare(log, k=True), images, Way(focal=1.3), monkeypatch)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (Way(turn=4.0), r"windows differ by \d+ degrees in where the camera looks, at frame 00000\d"),
        (Way(depth=0.5), r"windows differ by \d+% in depth, at frame 00000\d"),
        (Way(confidence=1.05), r"it knows nothing \(confidence 1\.05\)"),
        (Way(focal=20), r"found to be 3700 pixels, a lens that sees 5 degrees"),
    ],
)
def test_what_does_not_hold_is_refused(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch, way: Way, said: str
) -> None:
    log, images = film
    begin = r"log log: from frame 000000 to 000008 Depth Anything 3 found nothing that holds: "
    with pytest.raises(BadLog, match=f"{begin}.*{said}"):
        found(bare(log), images, way, monkeypatch)


class Aside(Way):
    """Says that the car drives to its side, in windows that agree with each other."""

    def seen(self, numbers: Sequence[int]) -> Views:
        views = super().seen(numbers)
        poses = views.first_from_camera.copy()
        poses[:, :3, 3] = poses[:, [2, 1, 0], 3]
        return replace(views, first_from_camera=poses)


def test_poses_that_images_contradict_are_refused(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, images = film
    stage = STAGE.model_copy(update={"views": 9})
    with pytest.raises(BadLog, match=r"poses do not explain what images share, which is \d+\.\d degrees off"):
        found(bare(log), images, Aside(), monkeypatch, stage)


def test_a_network_that_knows_nothing_is_refused(film: tuple[DriveLog, Images], tmp_path: Path) -> None:
    log, images = film
    folder = tiny.written(tiny.network(), tmp_path)
    stage = PosesByDepthAnything3(weights=str(folder), camera_height=1.6, side=70)
    stage.try_out(SPACE, Hands())
    whole = Clip("log", 0, FRAMES)
    process = stage.setup(SPACE, bare(log).rig, Hands())
    with pytest.raises(BadLog, match="Depth Anything 3 found nothing that holds"):
        process(whole, inputs_of(stage, bare(log), whole, {}, shown(log, images)))


def test_a_camera_that_stands_or_only_turns_and_a_film_that_is_cut_are_refused(
    film: tuple[DriveLog, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, images = film
    draw = np.random.default_rng(0)
    noisy = [np.clip(images[0] + draw.normal(0, 3, (96, 320, 1)), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    with pytest.raises(BadLog, match="from frame 000000 to 000008 the camera stands"):
        found(bare(log), noisy, Way(), monkeypatch)
    k = log.frames[0].cameras[0].intrinsics
    assert k is not None
    turns = [k @ Rotation.from_euler("y", 0.8 * i, degrees=True).as_matrix() @ np.linalg.inv(k) for i in range(FRAMES)]
    turning = [np.asarray(cv2.warpPerspective(images[0], turn, (320, 96)), np.uint8) for turn in turns]
    with pytest.raises(BadLog, match="from frame 000000 to 000008 the camera only turns"):
        found(bare(log), turning, Way(), monkeypatch)
    torn = [*images[:4], *(np.ascontiguousarray(image[::-1]) for image in images[4:])]
    with pytest.raises(BadLog, match="frame 000004 shows nothing of what was seen before it, and the film goes on"):
        found(bare(log), torn, Way(), monkeypatch)


def test_what_is_not_known_is_asked_for(tmp_path: Path) -> None:
    no_k = RigCamera(name="camera", size=(640, 192), intrinsics=False, extrinsics=False, height=1.5)
    no_height = no_k.model_copy(update={"height": None})
    stage = PosesByDepthAnything3(weights=str(tmp_path))
    assert f"{tmp_path} holds no config.json" in str(stage.refuse(SPACE, None))
    assert stage.refuse(SPACE, Rig(cameras=(no_k,))) is None, "K is found"
    assert "how high camera sits above the road is not known" in str(stage.refuse(SPACE, Rig(cameras=(no_height,))))
    assert PosesByOccAny(weights="-").refuse(SPACE, Rig(cameras=(no_height,))) is None, "metres are found"
    strange = stage.model_copy(update={"camera": "left"}).refuse(SPACE, Rig(cameras=(no_k,)))
    assert strange == "there is no camera 'left'; there is camera; set geometry.camera"
    for kind in (stage, PosesByOccAny(weights="-")):
        assert kind.refuse(SPACE, Rig()) == "the log has no cameras, and poses are found in what they see"
    tiny.written(tiny.network(), tmp_path, "da3-giant")
    assert "is da3-giant, and poses are found with" in str(stage.refuse(SPACE, None))
    with pytest.raises(ValidationError, match="windows of 4 views that share 4 show nothing new"):
        PosesByDepthAnything3(weights="-", views=4, overlap=4)
    large = PosesByDepthAnything3(weights="depth-anything/DA3-LARGE")
    said = str(large.doubts(SPACE, facts_of(bare(bent(2)[0]))))
    assert said.startswith("log log has no poses: they are made from its images, and K of front with them; the weights")
    assert said.endswith("DA3-LARGE are under cc-by-nc-4.0: labels made with them are for non-commercial use")
    said = str(PosesByOccAny(weights="-").doubts(SPACE, facts_of(bare(bent(2)[0]))))
    assert said.endswith("; metres are those of the network, which may be off by a quarter")
    assert "metres" not in str(PosesByOccAny(weights="-", camera_height=1.6).doubts(SPACE, facts_of(bare(bent(2)[0]))))
