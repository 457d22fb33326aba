"""What the training of OccAny can be told. The defaults are a size that a CPU trains."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from occlabel.stages.completion.occany.sizes import Sizes
from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions

_SIZES = Sizes()


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 6000
    batch: int = Field(default=4, ge=1)
    """Views in a step."""
    rate: float = Field(default=1e-3, ge=1e-6)
    """Highest learning rate."""
    rows: int = Field(default=_SIZES.rows, ge=16, multiple_of=8)
    """Of a view, a multiple of 8."""
    columns: int = Field(default=_SIZES.columns, ge=16, multiple_of=8)
    """Of a view, a multiple of 8."""
    width: int = Field(default=_SIZES.width, ge=8, multiple_of=8)
    """Channels of the finest features."""
    forcing: bool = True
    """Learn to reproduce the feature maps of glance in views that no camera took, and read classes from them with its
    last layer; otherwise a place has the class of the nearest point that falls there."""
    frames: int = Field(default=3, ge=1, le=9)
    """Frames whose images are rendered, at most."""
    apart: int = Field(default=3, ge=1, le=20)
    """Frames, at most, from the images that are rendered to those that are to be seen."""
    held_out_views: Annotated[int, FIXED] = 48
    """Scored after each epoch."""
    trusted_views: Annotated[int, FIXED] = 400
    """Held-out views by which it is told how confident the network must be."""

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.rows, self.columns, self.width, _SIZES.features if self.forcing else 0)
