"""What the training of Dr.Occ can be told. Defaults are a size that a CPU trains; the paper's takes options:
``--encoder resnet50 --stem 64 --rows 256 --columns 704 --step 0.5``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from occlabel.stages.completion.drocc.parts import Encoder, Experts, Parts, Sizes
from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions

_PARTS, _SIZES = Parts(), Sizes()


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 2000
    batch: int = Field(default=1, ge=1)
    """Frames in a step."""
    rate: float = Field(default=2e-4, ge=1e-6)
    """Highest learning rate. The paper has 1e-4 for batches of 16."""
    refined: bool = _PARTS.refined
    """With D2-VFormer, which fills and refines voxels from the images where depth says that something is."""
    experts: Experts = _PARTS.experts
    """regions: R-EFormer, an expert a region of space; recursive: R2-EFormer, one that is asked again of fewer cells;
    none."""
    direct: bool = _PARTS.direct
    """Put features where depth of the priors says, instead of where the network believes that they belong."""
    encoder: Encoder = _SIZES.encoder
    """Of the images: glance's, which has learned from towns and stays as it is, or a residual network that learns."""
    trunk: Path | None = None
    """With --encoder glance: the weight file of glance. [default: the one that comes with occlabel]"""
    stem: int = Field(default=_SIZES.stem, ge=8, multiple_of=8)
    """Channels of a residual encoder's first stage; half of those of the features."""
    rows: int = Field(default=_SIZES.rows, ge=32, multiple_of=16)
    """Of the images as the network sees them, a multiple of 16."""
    columns: int = Field(default=_SIZES.columns, ge=32, multiple_of=16)
    """Of the images as the network sees them, a multiple of 16."""
    frames: int = Field(default=_SIZES.frames, ge=1, le=16)
    """The frame itself and those before it that are seen with it."""
    width: int = Field(default=_SIZES.width, ge=8, multiple_of=8)
    """Channels of a voxel."""
    step: float = Field(default=_SIZES.step, ge=0.1, le=10)
    """Metres from one depth that a pixel may have to the next."""
    top: int = Field(default=_SIZES.top, ge=1, le=9)
    """With --experts regions: regions of nine whose experts are asked."""
    held_out_frames: Annotated[int, FIXED] = 8
    """Scored after each epoch."""
    scored_frames: Annotated[int, FIXED] = 120
    """Held-out frames that are scored at the end, and by which the temperature is fitted."""

    @property
    def parts(self) -> Parts:
        return Parts(self.refined, self.experts, self.direct)

    @property
    def sizes(self) -> Sizes:
        chosen = ("encoder", "stem", "rows", "columns", "frames", "width", "step", "top")
        return Sizes(**{name: getattr(self, name) for name in chosen})
