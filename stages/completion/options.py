"""What the training of the completion network can be told. The defaults made the shipped weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from occlabel.stages.learning.options import FIXED, TrainingOptions

SHIPPED = Path("shipped")
"""As a start: the weights that come with occlabel for the recipe's grid and taxonomy."""

_COARSEST = 3.2
"""Edge of the network's coarsest cell in metres: of 0.4, halved three times."""

_BY_TRUTH: dict[str, dict[str, Any]] = {
    "voxels": {"steps": 6000, "epoch": 500, "rate": 3e-3, "halfway": False},
    "points": {"steps": 50, "epoch": 50, "rate": 5e-4, "halfway": True},
    "none": {"steps": 50, "epoch": 50, "rate": 5e-4, "halfway": True},
}
"""Of a training that has a start; one that has none is as with voxels. From nothing it takes thousands of steps; what
weights know already is forgotten at a high rate."""


class Options(TrainingOptions):
    """See ``training.py``."""

    truth: Literal["voxels", "points", "none"] = Field(default="voxels", validate_default=True)
    """What says what is there: the voxel truth of the logs, human labels of points, or nothing but what the recipe's
    chain is sure of."""
    start: Path | None = None
    """A weight file to go on from, or shipped: the one that comes with occlabel for the recipe's grid and taxonomy.
    [default: from nothing]"""
    steps: int = Field(default=None, ge=0, validate_default=True)
    """Optimizer steps in all, rounded up to whole epochs; 0 with --truth none: normalisation statistics alone are made
    those of the logs. [default: 6000; 50 with --start and --truth points or none]"""
    epoch: int = Field(default=None, ge=1, validate_default=True)
    """Steps between two validations and checkpoints; of fewer steps in all they are one epoch. [default: 500; 50 with
    --start and --truth points or none]"""
    batch: int = Field(default=3, ge=1)
    """Crops in a step."""
    crop: float = Field(default=38.4, ge=_COARSEST)
    """Edge of a crop in metres."""
    sweeps: int = Field(default=8, ge=0)
    """Most sweeps of other frames that a crop sees besides its own; two crops in five see their own alone. 0 trains an
    onboard model."""
    rate: float = Field(default=None, ge=1e-6, validate_default=True)
    """Highest learning rate. [default: 0.003; 0.0005 with --start and --truth points or none]"""
    halfway: bool = Field(default=None, validate_default=True)
    """Whether the weights end half-way between those of --start and those learned: what is gained is kept, and less is
    lost of what was known of other streets; not of what reads images. [default: with --start and --truth points or
    none]"""
    sure: float = Field(default=0.5, ge=0, le=1)
    """With --truth none: least confidence of a label that is learned from."""
    voxels: Annotated[int, FIXED] = 192 * 1024
    """Voxels of each crop that enter the loss, in whole columns."""
    held_out_frames: Annotated[int, FIXED] = 16
    """Scored after each epoch."""
    calibration_frames: Annotated[int, FIXED] = 66
    """Held-out frames to which the biases and the temperature are fitted at the end."""

    @model_validator(mode="before")
    @classmethod
    def _by_truth(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        truth = "voxels" if given.get("start") is None else given.get("truth", "voxels")
        defaults = _BY_TRUTH.get(truth, {})
        return given | {name: value for name, value in defaults.items() if given.get(name) is None}

    @field_validator("truth")
    @classmethod
    def _something_to_learn(cls, value: str, info: Any) -> str:
        if value != "none" and info.data.get("steps") == 0:
            raise ValueError(f"0 steps learn nothing from {value}; they are for --truth none, or give more --steps")
        if value == "none" and info.data.get("start") is None:
            raise ValueError("without truth nothing can be learned from nothing; give --start shipped, or a file")
        return value

    @field_validator("crop")
    @classmethod
    def _more_than_a_cell(cls, value: float, info: Any) -> float:
        if value < 2 * _COARSEST and info.data.get("batch") == 1:
            raise ValueError(
                f"a crop of less than {2 * _COARSEST:g} m can be one cell of the network, and one alone has no mean "
                "that it could be held against; give a larger crop, or --batch 2"
            )
        return value

    @field_validator("halfway")
    @classmethod
    def _from_somewhere(cls, value: bool, info: Any) -> bool:
        if value and info.data.get("start") is None:
            raise ValueError("weights that begin from nothing cannot end half-way; give --start, or leave it out")
        return value
