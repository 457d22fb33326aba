"""Ground told apart by intensity: what a made-up street has, and what it must not be talked into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.arrays import CONFIDENCE, POSES, SEMANTICS
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, NoSensors
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ground.fading import faded
from occlabel.stages.ground.stage import GroundByIntensity

GRID = GRIDS["semantickitti"].model_copy(update={"shape": (80, 80, 8), "origin": (0.0, -8.0, -2.0)})
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
FREE, ROAD, SIDEWALK, TERRAIN, CAR = (
    SPACE.taxonomy.names.index(name) for name in ("free", "road", "sidewalk", "terrain", "car")
)
FRAMES, EDGE = 4, 60
"""The road is where columns lie below ``EDGE``, the grass is beyond; the car drives along column 40."""


@dataclass
class Street(NoSensors):
    """A flat road beside flat grass, seen from above at every column of the grid."""

    brightness: NDArray[np.float32]
    """[frames, X, Y]"""

    def points(self, row: int) -> NDArray[np.float32]:
        x, y = np.meshgrid(np.arange(80) * 0.2 + 0.1, np.arange(80) * 0.2 - 7.9, indexing="ij")
        z = np.full_like(x, -1.9)
        return np.stack([x, y, z, self.brightness[row]], axis=-1).reshape(-1, 4).astype(np.float32)


def told_apart(street: Street, semantics: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> Arrays:
    """What the stage makes of labels [frames, X, Y] of the ground."""
    volumes: Arrays = {}
    for spec, flat, fill in ((SEMANTICS, semantics, FREE), (CONFIDENCE, confidence, 200)):
        volumes[spec.name] = np.full((FRAMES, *GRID.shape), fill, np.uint8)
        volumes[spec.name][..., 0] = flat
    volumes[SEMANTICS.name][:, 10, 10, 3] = CAR
    poses = np.repeat(np.eye(4)[None], FRAMES, axis=0)
    poses[:, 0, 3] = np.arange(FRAMES) * 2.4
    moments = tuple(Moment(f"{n}", n * 0.1, np.eye(4)) for n in range(FRAMES))
    inputs = Inputs(0, moments, {**volumes, POSES.name: poses}, street)
    return GroundByIntensity().setup(SPACE, Rig(), Hands())(Clip("00", 0, FRAMES), inputs)


def truth() -> NDArray[np.uint8]:
    result = np.full((FRAMES, 80, 80), TERRAIN, np.uint8)
    result[:, :, :EDGE] = ROAD
    return result


def bright(rng: np.random.Generator, road: float = 0.2, grass: float = 0.4) -> NDArray[np.float32]:
    level = np.where(truth() == TERRAIN, grass, road)
    return (level + rng.normal(0, 0.03, level.shape)).astype(np.float32)


def mistaken(rng: np.random.Generator, share: float = 0.3) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels of which a ``share`` is of the other kind, in patches and not sure of themselves."""
    patches = np.kron(rng.random((FRAMES, 10, 10)), np.ones((1, 8, 8))) < share
    labels = np.where(patches, ROAD + TERRAIN - truth(), truth()).astype(np.uint8)
    return labels, np.where(patches, 140, 220).astype(np.uint8)


def test_brightness_puts_right_what_shape_got_wrong_and_touches_nothing_else() -> None:
    rng = np.random.default_rng(3)
    labels, confidence = mistaken(rng)
    found = told_apart(Street(bright(rng)), labels, confidence)
    before, after = ((flat == truth()).mean() for flat in (labels, found[SEMANTICS.name][..., 0]))
    assert before < 0.75 and after > 0.9
    above = found[SEMANTICS.name][..., 1:]
    assert (above[:, 10, 10, 2] == CAR).all() and (above == FREE).sum() == above.size - FRAMES
    right = (labels == truth()) & (found[SEMANTICS.name][..., 0] == labels)
    assert found[CONFIDENCE.name][..., 0][right].mean() > confidence[right].mean()


def test_gain_and_offset_of_the_sensor_change_nothing() -> None:
    labels, confidence = mistaken(np.random.default_rng(4))
    shades = bright(np.random.default_rng(5))
    once = told_apart(Street(shades), labels, confidence)[SEMANTICS.name]
    again = told_apart(Street(shades * np.float32(2.0) + np.float32(0.125)), labels, confidence)[SEMANTICS.name]
    assert (once != again).mean() < 1e-4


def test_without_intensity_all_labels_stay() -> None:
    labels, confidence = mistaken(np.random.default_rng(6))
    found = told_apart(Street(np.zeros((FRAMES, 80, 80), np.float32)), labels, confidence)
    assert (found[SEMANTICS.name][..., 0] == labels).all() and (found[CONFIDENCE.name][..., 0] == confidence).all()


def test_grass_is_not_made_up_where_there_is_none() -> None:
    """White lines on a road are bright too."""
    shades = np.full((FRAMES, 80, 80), 0.2, np.float32) + np.random.default_rng(7).normal(0, 0.03, (FRAMES, 80, 80))
    shades[:, :, 20:22] = 0.6
    labels = np.full((FRAMES, 80, 80), ROAD, np.uint8)
    found = told_apart(Street(shades.astype(np.float32)), labels, np.full(labels.shape, 180, np.uint8))
    assert (found[SEMANTICS.name][..., 0] == ROAD).all()


def test_pavement_that_was_called_grass_gets_the_name_of_the_pavement_beside_it() -> None:
    labels, confidence = truth(), np.full((FRAMES, 80, 80), 220, np.uint8)
    labels[:, :, 50:EDGE] = SIDEWALK
    labels[:, 20:30, 55:57], confidence[:, 20:30, 55:57] = TERRAIN, 120
    found = told_apart(Street(bright(np.random.default_rng(8))), labels, confidence)[SEMANTICS.name][..., 0]
    assert (found[:, 20:30, 55:57] == SIDEWALK).all()


def test_what_the_car_drove_on_is_paved() -> None:
    rng = np.random.default_rng(9)
    labels, confidence = truth(), np.full((FRAMES, 80, 80), 220, np.uint8)
    labels[:, 10:30, 37:43] = TERRAIN  # for certain, and wrong
    found = told_apart(Street(bright(rng, road=0.3, grass=0.33)), labels, confidence)[SEMANTICS.name][..., 0]
    assert (found[0, 16:30, 38:42] == ROAD).all()


def test_far_away_where_all_was_called_grass_the_road_near_by_tells() -> None:
    """Shape knows the ground to 12 m; beyond, it calls road grass."""
    labels, confidence = truth(), np.full((FRAMES, 80, 80), 220, np.uint8)
    labels[:, 60:], confidence[:, 60:] = TERRAIN, 150
    shades = bright(np.random.default_rng(12), road=0.1, grass=0.9)
    shades -= np.arange(80, dtype=np.float32)[:, None] * np.float32(0.004)
    found = told_apart(Street(shades), labels, confidence)[SEMANTICS.name][..., 0]
    far = np.zeros(labels.shape, np.bool_)
    far[:, 60:78, :EDGE] = True
    assert (found[far] == ROAD).mean() > 0.9 and (found[:, :, EDGE + 2 :] == TERRAIN).mean() > 0.95


def test_fading_is_measured_by_cells_that_were_seen_from_several_distances() -> None:
    rng = np.random.default_rng(13)
    cell, points = np.repeat(np.arange(4000), 3), rng.integers(1, 20, 12_000)
    away = rng.uniform(4, 50, len(cell))
    fades = -0.01 * (away - 8)
    shade = rng.uniform(0, 1, 4000)[cell] + fades + rng.normal(0, 0.05, len(cell)) / np.sqrt(points)
    found = faded(cell, points, shade * points, away * points)
    assert np.abs(found - fades).max() < 0.04
    alone = faded(np.arange(len(cell)), points, shade * points, away * points)
    assert np.abs(alone).max() < 1e-9, "ground that was seen once tells nothing of the distance"


def test_a_cell_that_stands_alone_changes_nothing() -> None:
    """A dark speck in the grass, a bright one on the road."""
    labels, confidence = truth(), np.full((FRAMES, 80, 80), 160, np.uint8)
    shades = bright(np.random.default_rng(10))
    shades[:, 40:42, 70:72], shades[:, 40:42, 20:22] = 0.2, 0.4
    found = told_apart(Street(shades), labels, confidence)[SEMANTICS.name][0, 38:44, :, 0]
    assert (found[:, 68:74] == TERRAIN).all() and (found[:, 18:24] == ROAD).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"paved": ["driveable_surface"]}, "none of the classes ground.paved = driveable_surface"),
        (
            {"paved": ["road", "sidewlk"]},
            "ground.paved names 'sidewlk', no class of semantickitti (did you mean 'sidewalk'?)",
        ),
        ({"grown": []}, "ground.grown is empty: name classes of semantickitti, or run with --skip ground"),
        ({"paved": ["road", "terrain"]}, "ground.grown and ground.paved both name 'terrain'"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(options: dict[str, list[str]], said: str) -> None:
    refused = GroundByIntensity.model_validate(options).refuse(SPACE, None)
    assert refused is not None and said in refused


@pytest.mark.parametrize("label", [UNKNOWN, CAR])
def test_frames_without_ground_stay_what_they_are(label: int) -> None:
    labels = np.full((FRAMES, 80, 80), label, np.uint8)
    found = told_apart(Street(bright(np.random.default_rng(11))), labels, np.full(labels.shape, 200, np.uint8))
    assert (found[SEMANTICS.name][..., 0] == label).all() and (found[CONFIDENCE.name][..., 0] == 200).all()
