"""The arrays that stages exchange and stores hold, declared once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array over the frames of a log. In a store a chunk is one frame and a shard one clip."""

    name: str
    dtype: np.dtype[np.generic]
    fill: int
    """Value of a frame or voxel that was never written: missing is never empty."""
    meaning: str
    dims: tuple[str, ...] = ("frame", "x", "y", "z")

    def shape(self, frames: int, grid: Grid) -> tuple[int, ...]:
        return (frames, *grid.shape) if "x" in self.dims else (frames,)

    def nbytes(self, frames: int, grid: Grid) -> int:
        return math.prod(self.shape(frames, grid)) * self.dtype.itemsize

    def check(self, array: NDArray[np.generic], frames: int, grid: Grid) -> None:
        """Raises OcclabelError unless ``array`` is what this spec declares."""
        if array.dtype != self.dtype or array.shape != self.shape(frames, grid):
            raise OcclabelError(
                f"array {self.name!r} is {array.dtype}{list(array.shape)}, "
                f"declared {self.dtype}{list(self.shape(frames, grid))}; the stage that wrote it breaks its contract"
            )


SEMANTICS = ArraySpec("semantics", np.dtype(np.uint8), UNKNOWN, "class id; 255 unknown")
CONFIDENCE = ArraySpec("confidence", np.dtype(np.uint8), 0, "confidence of the class, 0..255 for 0..1")
SUPPORT = ArraySpec("support", np.dtype(np.uint16), 0, "how many frames voted; 0 unknown")
INSTANCE = ArraySpec("instance", np.dtype(np.uint16), 0, "object; tracked ones keep theirs through a log; 0 none")
TRACKS = ArraySpec("tracks", np.dtype(np.uint32), 0, "objects that the log has had up to this frame", ("frame",))

ARRAYS = {spec.name: spec for spec in (SEMANTICS, CONFIDENCE, SUPPORT, INSTANCE, TRACKS)}
