"""What the training of the residual network can be told. The header of a file says with what it was made."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 4000
    batch: int = Field(default=8, ge=1)
    """Crops in a step."""
    rate: float = Field(default=2e-3, ge=1e-6)
    """Highest learning rate."""
    height: int = Field(default=192, ge=32, multiple_of=32)
    """Rows of pixels in a crop, a multiple of 32."""
    width: int = Field(default=384, ge=32, multiple_of=32)
    """Columns of pixels in a crop, a multiple of 32."""
    photometric: float = Field(default=1.0, ge=0)
    """Weight of what neighbouring images show of each other."""
    points: float = Field(default=1.0, ge=0)
    """Weight of what the other half of each sweep measures."""
    held_out_images: Annotated[int, FIXED] = 40
    """Scored after each epoch."""
