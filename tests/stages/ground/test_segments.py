"""Ground named by segments: what a camera above a made-up street shows, and what it must not be talked into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.arrays import CONFIDENCE, EXTRINSICS, INTRINSICS, POSES, SEGMENT_CLASS, SEGMENT_SCORE, SEMANTICS
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, NoSensors
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ground.segments import GroundBySegments

GRID = GRIDS["semantickitti"].model_copy(update={"shape": (80, 80, 8), "origin": (0.0, -8.0, -2.0)})
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
FREE, ROAD, PARKING, SIDEWALK, CAR = (
    SPACE.taxonomy.names.index(name) for name in ("free", "road", "parking", "sidewalk", "car")
)
FRAMES, EDGE = 3, 4.0
"""Road to the right of y = EDGE [m], sidewalk to the left of it."""
CAMERA, PIXELS, FOCAL, HIGH, GROUND = "above", 64, 160.0, 10.0, -1.9
"""Elements of a side of its segments; it looks straight down from the middle of the grid."""
MIDDLE = 2.0 * PIXELS - 0.5
RIG = Rig(cameras=(RigCamera(name=CAMERA, size=(4 * PIXELS, 4 * PIXELS)),), lidar=True)


@dataclass
class Sweep(NoSensors):
    """A point on every column of the grid."""

    def points(self, row: int) -> NDArray[np.float32]:
        x, y = np.meshgrid(np.arange(80) * 0.2 + 0.1, np.arange(80) * 0.2 - 7.9, indexing="ij")
        return np.stack([x, y, np.full_like(x, GROUND), np.zeros_like(x)], axis=-1).reshape(-1, 4).astype(np.float32)


def shown() -> NDArray[np.uint8]:
    """[v, u] segments of the street as it is."""
    y = -(np.arange(PIXELS) * 4 - MIDDLE) * (HIGH - GROUND) / FOCAL
    return np.broadcast_to(np.where(y < EDGE, ROAD, SIDEWALK).astype(np.uint8), (PIXELS, PIXELS)).copy()


def truth() -> NDArray[np.uint8]:
    """[X, Y]"""
    return np.broadcast_to(np.where(np.arange(80) * 0.2 - 7.9 < EDGE, ROAD, SIDEWALK).astype(np.uint8), (80, 80)).copy()


def named(
    labels: NDArray[np.uint8],
    images: NDArray[np.uint8],
    calibrated: bool = True,
    confidence: int = 150,
    score: int = 230,
    stage: GroundBySegments | None = None,
) -> Arrays:
    """What the stage makes of ``labels`` [X, Y] of the ground of all frames, of which ``images`` [frames, v, u] show
    something."""
    volumes: Arrays = {}
    for spec, flat, fill in ((SEMANTICS, labels, FREE), (CONFIDENCE, np.uint8(confidence), 200)):
        volumes[spec.name] = np.full((FRAMES, *GRID.shape), fill, np.uint8)
        volumes[spec.name][..., 0] = flat
    volumes[SEMANTICS.name][:, 10, 10, 3] = CAR
    down = np.array([[0.0, -1, 0, 8.0], [-1, 0, 0, 0], [0, 0, -1, HIGH], [0, 0, 0, 1]])
    k = np.array([[FOCAL, 0, MIDDLE], [0, FOCAL, MIDDLE], [0, 0, 1]]) if calibrated else np.full((3, 3), np.nan)
    arrays: Arrays = {
        POSES.name: np.repeat(np.eye(4)[None], FRAMES, axis=0),
        SEGMENT_CLASS.on(CAMERA).name: images,
        SEGMENT_SCORE.on(CAMERA).name: np.where(images == UNKNOWN, 0, score).astype(np.uint8),
        INTRINSICS.name: np.tile(k, (FRAMES, 1, 1, 1)),
        EXTRINSICS.name: np.tile(down, (FRAMES, 1, 1, 1)),
    }
    moments = tuple(Moment(f"{n}", n * 0.1, np.eye(4)) for n in range(FRAMES))
    inputs = Inputs(0, moments, volumes | arrays, Sweep(), RIG)
    return (stage or GroundBySegments()).setup(SPACE, RIG, Hands())(Clip("00", 0, FRAMES), inputs)


def every(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(image[None], FRAMES, axis=0)


def test_what_images_show_names_the_ground_and_nothing_else() -> None:
    labels = np.full((80, 80), PARKING, np.uint8)
    found = named(labels, every(shown()))
    ground = found[SEMANTICS.name][..., 0]
    assert (ground == truth()).mean() > 0.96, "all but the edge, where cells of 0.4 m end"
    above = found[SEMANTICS.name][..., 1:]
    assert (above[:, 10, 10, 2] == CAR).all() and (above == FREE).sum() == above.size - FRAMES
    assert (found[CONFIDENCE.name][..., 1:] == 200).all()
    assert (found[CONFIDENCE.name][..., 0][ground == truth()] > 150).mean() > 0.9, "three images agree"


def test_frames_around_say_what_one_image_does_not_show() -> None:
    images = every(shown())
    images[0] = UNKNOWN
    labels = np.full((80, 80), PARKING, np.uint8)
    assert (named(labels, images)[SEMANTICS.name][0, ..., 0] == truth()).mean() > 0.96
    alone = named(labels, images, stage=GroundBySegments(radius=0))[SEMANTICS.name]
    assert (alone[0, ..., 0] == PARKING).all() and (alone[1, ..., 0] == truth()).mean() > 0.96


def test_one_image_that_sees_things_is_outvoted() -> None:
    images = every(shown())
    images[1, 20:40, 20:40] = PARKING
    assert (named(truth(), images)[SEMANTICS.name][..., 0] == truth()).mean() > 0.96


def test_a_sure_label_stays_where_pixels_are_not_sure() -> None:
    labels = np.full((80, 80), PARKING, np.uint8)
    assert (named(labels, every(shown()), confidence=250, score=2)[SEMANTICS.name][..., 0] == PARKING).all()


@pytest.mark.parametrize("says", [UNKNOWN, CAR])
def test_images_that_say_nothing_of_the_ground_change_nothing(says: int) -> None:
    labels = np.full((80, 80), PARKING, np.uint8)
    found = named(labels, np.full((FRAMES, PIXELS, PIXELS), says, np.uint8))
    assert (found[SEMANTICS.name][..., 0] == PARKING).all() and (found[CONFIDENCE.name][..., 0] == 150).all()


def test_a_camera_without_a_calibration_says_nothing() -> None:
    labels = np.full((80, 80), PARKING, np.uint8)
    assert (named(labels, every(shown()), calibrated=False)[SEMANTICS.name][..., 0] == PARKING).all()


def test_what_cannot_work_is_said() -> None:
    assert "no cameras" in (GroundBySegments().refuse(SPACE, Rig(lidar=True)) or "")
    assert GroundBySegments().refuse(SPACE, None) is None
    assert "'raod', no class of semantickitti (did you mean 'road'?)" in (
        GroundBySegments(classes=("raod", "parking")).refuse(SPACE, None) or ""
    )
    assert "ground.classes is empty: name classes" in (GroundBySegments(classes=()).refuse(SPACE, None) or "")
    assert "fewer than two" in (GroundBySegments(classes=("road", "driveable_surface")).refuse(SPACE, None) or "")
