"""Which parts of Dr.Occ a network has, and how large they are: what its weight file says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoder = Literal["glance", "resnet18", "resnet50"]
Experts = Literal["none", "regions", "recursive"]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that can be left out: the rows of the paper's table 2, and that of its supplement."""

    refined: bool = True
    """D2-VFormer: voxels are filled and refined from the images, where depth says that something is."""
    experts: Experts = "recursive"
    """``regions``: R-EFormer; ``recursive``: R2-EFormer."""
    direct: bool = False
    """Whether features are put where depth of the priors says, and not where the network believes that they belong:
    the paper found it worse."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What decides the shapes of the weights, and what an image must be made to be looked at."""

    encoder: Encoder = "glance"
    stem: int = 32
    """Channels of a residual encoder's first stage, 64 in the paper; half of those of the features."""
    rows: int = 224
    columns: int = 400
    """Of the images as the network sees them, multiples of 16. The paper's have 256 x 704."""
    frames: int = 2
    """The frame itself and those before it."""
    width: int = 32
    """Channels of a voxel."""
    nearest: float = 1.0
    farthest: float = 45.0
    step: float = 1.0
    """[m]: the depths that a pixel may have. BEVDet, on which the paper builds, has 0.5 m steps."""
    fold: int = 4
    """Voxels along x, and along y, of one cell: 1/16 of the grid, as the paper has it."""
    heads: int = 8
    points: int = 4
    """Of the deformable attention; as many reference points has a cell."""
    top: int = 5
    """Regions of R-EFormer, of nine, whose experts are asked. The paper does not say how many."""

    @property
    def bins(self) -> int:
        """Depths that a pixel may have."""
        return round((self.farthest - self.nearest) / self.step)
