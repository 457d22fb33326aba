"""What the training of glance can be told."""

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
    height: int = Field(default=160, ge=16, multiple_of=16)
    """Rows of a crop, a multiple of 16."""
    width: int = Field(default=320, ge=16, multiple_of=16)
    """Columns of a crop, a multiple of 16."""
    held_out_images: Annotated[int, FIXED] = 24
    """Scored after each epoch."""
