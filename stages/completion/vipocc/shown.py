"""Images, depth and objects of a camera as the networks are shown them: at their own size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import Matrix
from occlabel.stages.completion.vipocc.sizes import Sizes
from occlabel.stages.sensing.resized import scales, squeezed


@dataclass(frozen=True, slots=True)
class Shown:
    """One image, [h, w] of the networks' own size."""

    image: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    prior: NDArray[np.float32]
    """[h, w] inverse depth [1/m]; 0 unknown."""
    intrinsics: Matrix
    """K in pixels of ``image``."""
    objects: NDArray[np.uint16]
    """[h, w]: whose a pixel is; 0 nobody's."""

    @property
    def nbytes(self) -> int:
        return self.image.nbytes + self.prior.nbytes + self.objects.nbytes


def shown(
    image: NDArray[np.uint8],
    depth: NDArray[np.floating[Any]],
    intrinsics: Matrix,
    sizes: Sizes,
    objects: NDArray[np.uint16] | None = None,
) -> Shown:
    """``image`` [h, w, 3]; ``depth`` [v, u] metres, NaN unknown, and ``objects`` [v, u] at every ``DEPTH.stride``-th
    pixel. The image is squeezed as a whole, and K with it: pixels are counted from the middle of the first."""
    height, width = image.shape[:2]
    scale = scales((height, width), (sizes.rows, sizes.columns))
    small = np.array(Image.fromarray(image).resize((sizes.columns, sizes.rows), Image.Resampling.BILINEAR))
    at = [
        np.clip(np.rint(((np.arange(side) + 0.5) / part - 0.5) / DEPTH.stride).astype(int), 0, whole - 1)
        for side, part, whole in zip((sizes.rows, sizes.columns), scale, depth.shape, strict=True)
    ]
    near = depth[np.ix_(*at)].astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        prior = np.where(np.isfinite(near) & (near > 0), 1 / near, 0).astype(np.float32)
    whose = np.zeros(prior.shape, np.uint16) if objects is None else objects[np.ix_(*at)]
    return Shown(small, prior, squeezed(intrinsics, scale), whose)
