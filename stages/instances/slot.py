"""What every kind of the instances slot has in common: which voxels of things belong together, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import INSTANCE, SEMANTICS, ArraySpec, Extent
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Inputs, Process, Stage
from occlabel.schemas.taxonomy import UNKNOWN

_MOST = np.iinfo(np.uint16).max


class Instances(Stage):
    """A kind of the slot. Ids count from 1 in each frame anew; the tracking stage gives them names that hold."""

    slot: ClassVar[str] = "instances"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS,)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (INSTANCE,)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if not any(entry.thing for entry in space.taxonomy.classes):
            return f"taxonomy {space.taxonomy.name} has no class of things, so there are no instances to find"
        return None


def clip_bytes(space: LabelSpace, frames: int) -> int:
    """What a clip of so many frames takes: semantics, ids, and the shard that is made of the ids to be written."""
    return (1 + 2 * 2) * frames * space.grid.voxels


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
        instance = INSTANCE.empty(Extent(clip.frames, space.grid))
        semantics = inputs[SEMANTICS]
        for row, source in enumerate(inputs.own(clip)):
            found = find(semantics[source])
            if found.max(initial=0) > _MOST:
                raise OcclabelError(
                    f"log {clip.log}, frame {inputs.frames[source].name} has {found.max()} objects, and instance ids "
                    f"end at {_MOST}; {remedy}"
                )
            instance[row] = found
        return {INSTANCE.name: instance}

    return process
