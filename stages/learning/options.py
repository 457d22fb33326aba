"""What a training can be told: each option's name, default and help stand here or in the training's own class, once.

The command line makes its options of these fields, all but those marked FIXED; a field's docstring is its help.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

FIXED = "fixed"
"""Marks a field that is no option of the command: it is what the shipped weights were made with."""

Steps = Annotated[int, Field(ge=1, description="Optimizer steps in all, rounded up to whole epochs.")]


class TrainingOptions(BaseModel):
    """What all trainings have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = 0
    """The same seed on the same logs gives the same weights."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where to train."""
    steps: Steps
    epoch: int = Field(default=500, ge=1, validate_default=True)
    """Steps between two validations and checkpoints; of fewer steps in all they are one epoch."""
    batch: int
    """Samples in a step."""
    start: Path | None = None
    """A weight file to go on from. [default: from nothing]"""
    resume: bool = False
    """Go on from the last checkpoint beside OUT."""
    held_out_every: Annotated[int, FIXED] = 10
    """One log in so many is held out."""

    @field_validator("epoch")
    @classmethod
    def _at_most_all(cls, value: int, info: ValidationInfo) -> int:
        return min(value, info.data.get("steps") or value)

    @property
    def epochs(self) -> int:
        """Steps are rounded up to whole epochs."""
        return -(-self.steps // self.epoch)

    @property
    def whole_steps(self) -> int:
        """Optimizer steps of all epochs."""
        return self.epochs * self.epoch
