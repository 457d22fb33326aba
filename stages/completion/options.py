"""What the training of the completion network can be told. The defaults made the shipped weights."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 6000
    batch: int = Field(default=3, ge=1)
    """Crops in a step."""
    crop: float = Field(default=38.4, ge=3.2)
    """Edge of a crop in metres."""
    sweeps: int = Field(default=8, ge=0)
    """Most sweeps of other frames that a crop sees besides its own; two crops in five see their own alone. 0 trains an
    onboard model."""
    rate: float = Field(default=3e-3, ge=1e-6)
    """Highest learning rate."""
    voxels: Annotated[int, FIXED] = 192 * 1024
    """Voxels of each crop that enter the loss, in whole columns."""
    held_out_frames: Annotated[int, FIXED] = 16
    """Scored after each epoch."""
    calibration_frames: Annotated[int, FIXED] = 66
    """Held-out frames to which the biases and the temperature are fitted at the end."""
