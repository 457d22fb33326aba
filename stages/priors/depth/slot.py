"""What every kind of depth has in common: how whole images become the array that is stored, and what that takes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, ArraySpec, Extent, family, resolved
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Stage


class Depth(Stage):
    """A kind of the slot: estimates the depth of every image of every camera."""

    slot: ClassVar[str] = "priors"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH,)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        return "the log has no cameras" if rig is not None and not rig.cameras else None


def blank(stage: Stage, frames: int, space: LabelSpace, rig: Rig) -> Arrays:
    """What ``stage`` writes over ``frames`` frames of which nothing is known, by stored name."""
    extent = Extent(frames, space.grid, rig)
    return {spec.name: spec.empty(extent) for spec in resolved(stage.written, rig)}


def clip_bytes(stage: Stage, frames: int, space: LabelSpace, rig: Rig) -> int:
    """What the arrays of a clip take, read and written, and the shards that are made of them."""
    extent = Extent(frames, space.grid, rig)
    known = {camera.name for camera in rig.cameras if camera.size is not None}
    specs = resolved((*stage.needed, *stage.written), rig)
    return 2 * sum(extent.nbytes(spec) for spec in specs if spec.camera is None or spec.camera in known)


def image_bytes(rig: Rig) -> int:
    """Bytes of the largest image as float32 of one channel."""
    return 4 * max((camera.size[0] * camera.size[1] for camera in rig.cameras if camera.size is not None), default=0)


def at_stride(whole: NDArray[np.floating[Any]], spec: ArraySpec[np.float16]) -> NDArray[np.float16]:
    """Of ``whole`` [h, w], over every pixel, what ``spec`` stores [v, u]. NaN for what is infinite or more than float16
    holds, and of depth in metres for what is not positive."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = whole[:: spec.stride, :: spec.stride].astype(np.float16)
    known = np.isfinite(result)
    if family(spec.name) == DEPTH.name:
        known &= result > 0
    result[~known] = np.nan
    return result


def refuse_other_size(image: NDArray[np.uint8], camera: str, rig: Rig) -> None:
    """Raises OcclabelError for an image that is not of the size of its camera."""
    height, width = image.shape[:2]
    size = rig.camera(camera).size
    if size is not None and size != (width, height):
        raise OcclabelError(
            f"an image of {camera} is {width}x{height}, and those of the log are {size[0]}x{size[1]}; repair it"
        )
