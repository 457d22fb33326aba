"""What priors see in the images of logs reaches the network that learns to read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_streets import GRID, ROAD, SPACE, TinyStreets

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.loop_rows import rows_of
from occlabel.pipeline.teaching.segment_images import segment_images
from occlabel.pipeline.teaching.train_completion import train
from occlabel.schemas.drive_log import Camera, Frame
from occlabel.schemas.errors import BadRecipe, OcclabelError
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.options import Options

COMPLETION = {"kind": "lmscnet", "paint": True, "weights": "nowhere.safetensors"}
K, AHEAD = np.array([[20.0, 0, 32], [0, 20, 24], [0, 0, 1]]), np.eye(4)


@dataclass(frozen=True)
class Photographed(TinyStreets):
    """With two cameras, of which one has no calibration."""

    def _frame(self, log: str, number: int) -> Frame:
        size, frame = (64, 48), super()._frame(log, number)
        front = Camera("front", Path(f"{log}-{number}.png"), K, AHEAD, frame.time, size)
        lost = Camera("lost", Path(f"{log}-{number}-lost.png"), None, None, frame.time, size)
        return replace(frame, cameras=(front, lost))


def recipe(segments: Path) -> Recipe:
    priors = {
        "segments": {"kind": "stored_segments", "path": str(segments / "{camera}-{log}-{frame}.png"), "score": 0.5}
    }
    return Recipe.model_validate({"grid": GRID, "taxonomy": SPACE.taxonomy, "priors": priors, "completion": COMPLETION})


def test_segments_are_found_by_frame_and_camera(tmp_path: Path) -> None:
    for log in ("00", "01"):
        for camera in ("front", "lost"):
            seen = np.full((48, 64), ROAD + int(log), np.uint8)
            seen[:24] = UNKNOWN
            Image.fromarray(seen).save(tmp_path / f"{camera}-{log}-000001.png")
    logs = Photographed(2)
    images = segment_images(recipe(tmp_path), logs, tmp_path / "training", "local")
    for street in logs.logs():
        (image,) = images(street.frames[1])
        assert image.classes.shape == (12, 16) and np.array_equal(image.intrinsics, K)
        assert (image.classes[6:] == ROAD + int(street.id)).all() and (image.scores[6:] == 128).all()
        assert (image.classes[:6] == UNKNOWN).all() and not image.scores[:6].any()
        for other in (street.frames[0], street.frames[2]):
            assert all((one.classes == UNKNOWN).all() for one in images(other)), "nobody stored any"


@dataclass(frozen=True)
class Recorded(Photographed):
    """All sweeps of a log lie in one file."""

    def _frame(self, log: str, number: int) -> Frame:
        frame = super()._frame(log, number)
        assert frame.sweep is not None
        return replace(frame, sweep=replace(frame.sweep, path=Path(f"{log}.mcap"), index=number))


def test_frames_of_one_recording_are_told_apart(tmp_path: Path) -> None:
    Image.fromarray(np.full((48, 64), ROAD, np.uint8)).save(tmp_path / "front-00-000001.png")
    logs = Recorded(2)
    images = segment_images(recipe(tmp_path), logs, tmp_path / "training", "local")
    street = next(iter(logs.logs()))
    known = [bool((images(frame)[0].classes == ROAD).any()) for frame in street.frames[:3]]
    assert known == [False, True, False]


def test_what_cannot_be_learned_is_said_before_priors_look(tmp_path: Path) -> None:
    options = Options(truth="voxels", steps=1)
    with pytest.raises(BadRecipe, match="give --start shipped"):
        train(recipe(tmp_path), Photographed(2), tmp_path / "w.safetensors", options, "local", "command")
    none = Options(truth="none", start=Path("shipped"))
    with pytest.raises(BadRecipe, match="set paint: false to adapt"):
        train(recipe(tmp_path), Photographed(2), tmp_path / "w.safetensors", none, "local", "command")
    with pytest.raises(BadRecipe, match=r"set completion\.paint: false"):
        rows_of(recipe(tmp_path), 0.0)
    assert not list(tmp_path.iterdir())


def test_paint_takes_priors_that_see_segments(tmp_path: Path) -> None:
    alone = {"grid": GRID, "taxonomy": SPACE.taxonomy, "completion": COMPLETION}
    with pytest.raises(
        (OcclabelError, ValueError), match=r"reads 'segment_class', which nothing before it writes.*priors"
    ):
        Recipe.model_validate(alone)
    said: list[str] = []
    left = recipe(tmp_path).without(["priors"], said.append)
    assert left.completion is not None and not left.completion.model_dump()["paint"]
    assert said == [
        "--skip priors sets completion.weights=null completion.paint=false: nothing else writes 'segment_class' for it"
    ]
