"""What the training of DualFlow4D can be told. The defaults made the shipped weights."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.windows import Reach

_PARTS, _REACH = Parts(), Reach()


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 4000
    batch: int = Field(default=2, ge=1)
    """Windows in a step."""
    crop: int = Field(default=128, ge=16)
    """Edge of a crop in columns, a multiple of 16."""
    patches: int = Field(default=384, ge=1)
    """Blocks of 2 x 2 columns learned of each refined frame."""
    rate: float = Field(default=1e-3, ge=1e-6)
    """Learning rate."""
    halfway: bool = False
    """Whether the weights end half-way between those of --start and those learned: what is gained is kept, and less is
    lost of what was known of other streets."""
    local: int = Field(default=_REACH.local, ge=1)
    """Frames refined in one pass."""
    references: int = Field(default=_REACH.references, ge=0)
    """Distant frames shown besides."""
    distance: Annotated[float, FIXED] = _REACH.distance
    radius: Annotated[int, FIXED] = _REACH.radius
    transformer: bool = _PARTS.transformer
    """With the transformer."""
    spatial: bool = _PARTS.spatial_embedding
    """With the embedding of relative coordinates."""
    temporal: bool = _PARTS.temporal_embedding
    """With an embedding of time."""
    unlabelled: bool = _PARTS.unlabelled
    """Decide voxels without a label too, next to what other frames see: for labels of cameras."""
    held_out_windows: Annotated[int, FIXED] = 6
    """Scored after each epoch."""
    calibration_windows: Annotated[int, FIXED] = 60
    """Held-out windows to which the biases and the temperature are fitted at the end."""

    @field_validator("halfway")
    @classmethod
    def _from_somewhere(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("start") is None:
            raise ValueError("weights that begin from nothing cannot end half-way; give --start, or leave it out")
        return value

    @property
    def parts(self) -> Parts:
        return Parts(self.transformer, self.spatial, self.temporal, self.unlabelled)

    @property
    def reach(self) -> Reach:
        return Reach(self.local, self.references, self.distance, self.radius)
