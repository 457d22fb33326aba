"""Voxels by a density that is known: free before a wall, occupied behind it, unknown where no camera looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from box_street import STREET, drive, images, photographs
from contract import SPACES, run

from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.vipocc.field import Field, ViPOcc
from occlabel.stages.completion.vipocc.sizes import Sizes
from occlabel.stages.completion.vipocc.stage import ViPOccCompletion
from occlabel.stages.completion.vipocc.weight_file import facts_of
from occlabel.stages.learning.weights import save_weights

SPACE = SPACES["occ3d"]
WALL = 8.0
SIZES = Sizes(stem=8, rows=64, columns=96, channels=8)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a network that sees a wall across the road, whatever it is shown."""

    def density(self: ViPOcc, field: Field, places: torch.Tensor) -> torch.Tensor:
        return torch.where(places[..., 2] > WALL, 4.5, 0.0)

    monkeypatch.setattr(ViPOcc, "density", density)
    path = tmp_path / "w.safetensors"
    save_weights(path, dict(ViPOcc(SIZES).state_dict()), facts_of(SIZES))
    return path


def labels(stage: ViPOccCompletion) -> tuple[np.ndarray, np.ndarray]:
    log = drive(1)
    found = run(stage, SPACE, log, images(log, STREET, SPACE.taxonomy), sensors=photographs(log, STREET))
    return found["semantics"][0], found["confidence"][0]


def at(volume: np.ndarray, x: float, y: float, z: float) -> int:
    cells, inside = SPACE.grid.cells(np.array([[x, y, z]]))
    assert inside.all()
    return int(volume[tuple(cells[0])])


def test_before_the_wall_is_free_and_behind_it_occupied(weights: Path) -> None:
    """The camera is 1.5 m before the origin, and sees from 3 m on."""
    semantics, confidence = labels(ViPOccCompletion(weights=weights, unnamed="manmade"))
    assert at(semantics, 7.0, 0, 1.4) == SPACE.taxonomy.free_id and at(confidence, 7.0, 0, 1.4) == 255
    assert at(semantics, 11.0, 0, 1.0) == SPACE.taxonomy.names.index("driveable_surface"), "the road is over it"
    assert at(confidence, 11.0, 0, 1.0) == round(255 * 4 / 5), "|4.5 - 0.5| / (4.5 + 0.5)"
    assert at(semantics, 3.9, 0, 1.4) == at(semantics, -8, 0, 1.4) == at(semantics, 5, 9, 1.4) == UNKNOWN
    assert not confidence[semantics == UNKNOWN].any()


def test_without_segments_what_is_occupied_has_the_class_that_is_asked_for(weights: Path) -> None:
    semantics, _ = labels(ViPOccCompletion(weights=weights, segments=False, unnamed="others"))
    assert set(np.unique(semantics)) == {SPACE.taxonomy.names.index("others"), SPACE.taxonomy.free_id, UNKNOWN}
    semantics, _ = labels(ViPOccCompletion(weights=weights))
    assert at(semantics, 12.0, 0, 4.0) == UNKNOWN, "the sky is over it, which no segment names"


def test_a_density_above_which_nothing_is_leaves_all_free(weights: Path) -> None:
    semantics, _ = labels(ViPOccCompletion(weights=weights, threshold=5))
    assert set(np.unique(semantics)) == {SPACE.taxonomy.free_id, UNKNOWN}


def test_what_cannot_work_is_refused_in_a_sentence(weights: Path) -> None:
    stage = ViPOccCompletion(weights=weights)
    assert stage.refuse(SPACE, None) is None
    nameless = stage.model_copy(update={"segments": False})
    assert "set completion.unnamed to a class" in (nameless.refuse(SPACE, None) or "")
    assert stage.without("segment_class") is None
    named = stage.model_copy(update={"unnamed": "others"}).without("segment_class")
    assert named is not None and not named.segments
    assert "no class of what is occupied" in (stage.model_copy(update={"unnamed": "free"}).refuse(SPACE, None) or "")
    lost = stage.model_copy(update={"weights": weights.with_name("none.safetensors")})
    assert "occlabel train vipocc" in (lost.refuse(SPACE, None) or "")
    assert "no cameras" in (stage.refuse(SPACE, Rig()) or "")
    blind = Rig(cameras=(RigCamera(name="front", extrinsics=False),))
    assert "no camera is calibrated (front)" in (stage.refuse(SPACE, blind) or "")
