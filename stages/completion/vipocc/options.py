"""What the training of ViPOcc can be told. The defaults are a size that a CPU trains; the paper's is a matter of
options: ``--encoder resnet50 --stem 64 --rows 192 --columns 640 --channels 64 --rays 4096 --samples 64 --views 8
--batch 8``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from occlabel.stages.completion.vipocc.sizes import Branch, Encoder, Sizes
from occlabel.stages.learning.options import FIXED, Steps, TrainingOptions

_SIZES = Sizes()


class Options(TrainingOptions):
    """See ``training.py``."""

    steps: Steps = 4000
    batch: int = Field(default=2, ge=1)
    """Images in a step."""
    rate: float = Field(default=3e-4, ge=1e-6)
    """Learning rate, a tenth of it in the last 40 % of the steps. The paper starts from ImageNet with 1e-4."""
    encoder: Encoder = _SIZES.encoder
    """Of the image."""
    stem: int = Field(default=_SIZES.stem, ge=8, multiple_of=8)
    """Channels of the encoder's first stage."""
    rows: int = Field(default=_SIZES.rows, ge=64, multiple_of=32)
    """Of the image as the networks see it, a multiple of 32."""
    columns: int = Field(default=_SIZES.columns, ge=64, multiple_of=32)
    """Of the image as the networks see it, a multiple of 32."""
    channels: int = Field(default=_SIZES.channels, ge=8)
    """Of the features of a pixel."""
    branch: Branch = _SIZES.branch
    """What the depth branch adds to the depth of the priors: inverse depth, depth (residual); depth: it goes without
    them; none: there is no branch."""
    rays: int = Field(default=1024, ge=128, multiple_of=128)
    """Rays of an image in a step, in patches of 8 x 8, half of them of the image beside it."""
    samples: int = Field(default=48, ge=8)
    """Places along a ray."""
    views: int = Field(default=4, ge=2, le=16)
    """Images that see the same place: of the frame, the next, others around."""
    sampler: Literal["snog", "random"] = "snog"
    """Where patches lie: mostly on objects and nowhere twice, where the recipe has segments; or anywhere."""
    depth: float = Field(default=0.005, ge=0)
    """Weight of depth of the branch against rendered depth."""
    temporal: float = Field(default=0.01, ge=0)
    """Weight of what the next image shows, by depth of the branch."""
    held_out_images: Annotated[int, FIXED] = 24
    """Scored after each epoch."""

    @property
    def sizes(self) -> Sizes:
        chosen = ("encoder", "stem", "rows", "columns", "channels", "branch")
        return Sizes(**{name: getattr(self, name) for name in chosen})
