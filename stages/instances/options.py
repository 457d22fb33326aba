"""What the training of OffsetOcc can be told. The header of a shipped file says with what it was made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions

Assignment = Literal["nearest", "exact"]
"""Of voxels to points: to the one that rests nearest, or by the Hungarian algorithm."""


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 3000
    batch: int = Field(default=4, ge=1)
    """Crops in a step."""
    crop: float = Field(default=38.4, ge=3.2)
    """Edge of a crop in metres."""
    queries: int = Field(default=48, ge=1)
    """Queries of a crop."""
    rate: float = Field(default=1e-3, ge=1e-6)
    """Highest learning rate."""
    decoupled: bool = True
    """Learn shapes from the true centre of an object."""
    damaged: float = Field(default=0.5, ge=0, le=1)
    """Share of the crops with labels made worse."""
    assignment: Assignment = "nearest"
    """Of an object's voxels to a query's points."""
    held_out_frames: Annotated[int, FIXED] = 24
    """Scored after each epoch."""
