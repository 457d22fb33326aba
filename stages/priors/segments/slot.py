"""What every kind of segments has in common: what it writes, and how images become arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import (
    SEGMENT_CLASS,
    SEGMENT_INSTANCE,
    SEGMENT_SCORE,
    SEGMENTS,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.errors import BadLog
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Inputs, Process, Stage
from occlabel.stages.priors.segments.overlaps import PixelSegments

STRIDE = SEGMENT_CLASS.stride
T = TypeVar("T")
Image = NDArray[np.uint8]
"""RGB [h, w, 3]."""


class Segments(Stage):
    """A kind of the slot: says class, object and score of the pixels of each camera's images."""

    slot: ClassVar[str] = "priors"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = SEGMENTS

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        return "the log has no cameras" if rig is not None and not rig.cameras else None


Look = Callable[[Clip, Inputs, int, str], T | None]
"""What is known of the image of a row and a camera; None: nothing."""
Find = Callable[[Sequence[T]], Sequence[PixelSegments]]
"""The segments of some images."""


def over_images(look: Look[T], find: Find[T], space: LabelSpace, rig: Rig, batch: int = 1) -> Process:
    """The process that asks ``find`` for up to ``batch`` images at once, those of one camera after the other; images
    of which nothing is known stay so."""

    def process(clip: Clip, inputs: Inputs) -> Arrays:
        extent = Extent(clip.frames, space.grid, rig)
        result: Arrays = {spec.name: spec.empty(extent) for spec in resolved(SEGMENTS, rig)}
        images = (
            ((n, camera), seen)
            for camera in rig.names
            for n, row in enumerate(inputs.own(clip))
            if (seen := look(clip, inputs, row, camera)) is not None
        )
        while part := list(islice(images, batch)):
            for ((n, camera), _), segments in zip(part, find([seen for _, seen in part]), strict=True):
                result[SEGMENT_CLASS.on(camera).name][n] = segments.classes
                result[SEGMENT_INSTANCE.on(camera).name][n] = segments.instances
                result[SEGMENT_SCORE.on(camera).name][n] = segments.scores
        return result

    return process


def image_of(clip: Clip, inputs: Inputs, row: int, camera: str) -> Image | None:
    """The image, None where there is none that can be read. Raises BadLog for another size than the log's."""
    image = inputs.image(row, camera)
    if image is None:
        return None
    size = inputs.rig.camera(camera).size
    if size is not None and image.shape[1::-1] != size:
        raise BadLog(
            f"log {clip.log}, frame {inputs.frames[row].name}: the image of {camera} has {image.shape[1]}x"
            f"{image.shape[0]} pixels, those of the log {size[0]}x{size[1]}; put the image back as it was"
        )
    return image


def clip_bytes(space: LabelSpace, rig: Rig, frames: int) -> int:
    """What a clip of so many frames takes: its arrays, and the shards that are made of them to be written."""
    extent = Extent(frames, space.grid, known_sizes(rig))
    return 2 * sum(extent.nbytes(spec) for spec in resolved(SEGMENTS, extent.rig))


def most_pixels(rig: Rig) -> int:
    """Of an image of the rig."""
    return max((width * height for camera in rig.cameras for width, height in [camera.size or (0, 0)]), default=0)


def known_sizes(rig: Rig) -> Rig:
    """The cameras whose images have a known size: of others there are no arrays, which the plan says by itself."""
    return rig.model_copy(update={"cameras": tuple(camera for camera in rig.cameras if camera.size is not None)})
