"""What every kind of the instances slot has in common: which voxels of things belong together, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Stage
from occlabel.schemas.taxonomy import UNKNOWN

_MOST = np.iinfo(np.uint16).max


class Instances(Stage):
    """A kind of the slot. Ids count from 1 in each frame anew; the tracking stage gives them names that hold."""

    slot: ClassVar[str] = "instances"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("semantics",)
    writes: ClassVar[tuple[str, ...]] = ("instance",)

    def refuse(self, space: LabelSpace) -> str | None:
        if not any(entry.thing for entry in space.taxonomy.classes):
            return f"taxonomy {space.taxonomy.name} has no class of things, so there are no instances to find"
        return None


def thing_table(space: LabelSpace) -> NDArray[np.bool_]:
    """[256] by class id."""
    things = np.zeros(UNKNOWN + 1, np.bool_)
    things[: len(space.taxonomy.classes)] = [entry.thing for entry in space.taxonomy.classes]
    return things


def frame_by_frame(
    find: Callable[[NDArray[np.uint8]], NDArray[np.integer[Any]]], space: LabelSpace, remedy: str
) -> Process:
    """The process of ``find``: semantics [X, Y, Z] of a frame to ids [X, Y, Z], 0 for none.

    ``remedy``: what to do about a frame that has more objects than the array has room for.
    """

    def process(clip: Clip, inputs: Inputs) -> Arrays:
        instance = np.zeros((clip.frames, *space.grid.shape), np.uint16)
        semantics = inputs.arrays["semantics"].astype(np.uint8, copy=False)
        for row, source in enumerate(range(*inputs.target(clip).indices(len(inputs.frames)))):
            found = find(semantics[source])
            if found.max(initial=0) > _MOST:
                raise OcclabelError(
                    f"log {clip.log}, frame {inputs.frames[source].name} has {found.max()} objects, and instance ids "
                    f"end at {_MOST}; {remedy}"
                )
            instance[row] = found
        return {"instance": instance}

    return process
