"""What every kind of completion has in common: what it senses, what it writes, and how frames become arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS, ArraySpec, Extent
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Inputs, Process, Sensor, Stage
from occlabel.stages.sensing.scan import Scan, scan_in_grid


class Completion(Stage):
    """A kind of the slot: predicts semantics and confidence of each frame."""

    slot: ClassVar[str] = "completion"
    version: ClassVar[int] = 1
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE)


T = TypeVar("T")
Prediction = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Semantics and confidence, [X, Y, Z] each."""


def blank(frames: int, space: LabelSpace) -> Arrays:
    """The arrays of ``frames`` frames of which nothing is known."""
    return {spec.name: spec.empty(Extent(frames, space.grid)) for spec in (SEMANTICS, CONFIDENCE)}


def clip_bytes(space: LabelSpace, frames: int) -> int:
    """What a clip of so many frames takes: both arrays, and the shards that are made of them to be written."""
    return 2 * 2 * frames * space.grid.voxels


def from_scans(predict: Callable[[Sequence[Scan]], Sequence[Prediction]], space: LabelSpace, batch: int = 1) -> Process:
    """The process of a model that predicts up to ``batch`` scans at once; frames without a scan stay blank."""
    return from_frames(lambda inputs, row: seen(inputs, row, space.grid), predict, space, batch)


def seen(inputs: Inputs, row: int, grid: Grid) -> Scan | None:
    """The scan of a frame in the frame of the grid; None where it has none."""
    points = inputs.points(row)
    return None if points is None else scan_in_grid(inputs.frames[row], points, grid)


def from_frames(
    look: Callable[[Inputs, int], T | None],
    predict: Callable[[Sequence[T]], Sequence[Prediction]],
    space: LabelSpace,
    batch: int = 1,
) -> Process:
    """The process of a model that predicts up to ``batch`` frames at once by what it gets of each when it is asked to
    ``look`` at its row; frames of which it gets nothing stay blank."""

    def process(clip: Clip, inputs: Inputs) -> Arrays:
        result = blank(clip.frames, space)
        frames = ((n, frame) for n, row in enumerate(inputs.own(clip)) if (frame := look(inputs, row)) is not None)
        while part := list(islice(frames, batch)):
            found = predict([frame for _, frame in part])
            for (n, _), (semantics, confidence) in zip(part, found, strict=True):
                result[SEMANTICS.name][n] = semantics
                result[CONFIDENCE.name][n] = confidence
        return result

    return process


def as_byte(probability: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Confidence 0..1 as the arrays hold it, 0..255."""
    return np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8)
