"""The tracking slot: objects keep one id through a log."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import INSTANCE, POSES, SEMANTICS, TRACKS, ArraySpec, Extent
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.stages.tracking.association import Tracker
from occlabel.stages.tracking.kinds import kinds_of

_MOST = np.iinfo(np.uint16).max


class Association(Stage):
    """Objects of consecutive frames that fit by predicted motion and overlap are one object (``association.py``).

    Ids count from 1 in each log, in the order in which objects come into sight. The clips of a log are done in turn:
    each goes on from what the one before it wrote.
    """

    slot: ClassVar[str] = "tracking"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, INSTANCE, POSES)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (INSTANCE, TRACKS)

    kind: Literal["association"] = "association"
    bridge: float = Field(default=3.0, ge=0)
    """Seconds for which an object may be out of sight and still be the same."""
    drift: float = Field(default=3.0, ge=0)
    """m/s by which an object may go faster or slower than predicted."""
    remembered: int = Field(default=20, ge=1)
    """Frames that a track is known by; what was before them is forgotten."""

    @property
    def halo(self) -> int:
        return self.remembered

    @property
    def lookahead(self) -> int:
        return 0

    @property
    def recalls(self) -> int:
        return self.remembered

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries and the voxels of objects; labels, ids and own ids of what is remembered; of the clip also the
        shard that is made of it to be written."""
        return Resources(memory=(400 << 20) + (5 * self.remembered + 7 * clip_frames) * space.grid.voxels)

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        kinds = kinds_of(space.taxonomy)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            own = inputs.target(clip)
            begun = int(inputs.past[TRACKS.name][-1]) if inputs.past else 0
            tracker = Tracker(
                space.grid, kinds, bridge=self.bridge, drift=self.drift, remembered=self.remembered,
                first_frame=inputs.first, begun=begun,
            )  # fmt: skip
            semantics, objects = inputs[SEMANTICS], inputs[INSTANCE]
            places = [(frame.time, inputs.world_from_grid(row, space.grid)) for row, frame in enumerate(inputs.frames)]
            for row in range(own.start):
                recalled = inputs.past[INSTANCE.name][row].astype(np.uint16, copy=False)
                tracker.recall(recalled, semantics[row], *places[row])
            extent = Extent(clip.frames, space.grid)
            instance, tracks = INSTANCE.empty(extent), TRACKS.empty(extent)
            for n, row in enumerate(inputs.own(clip)):
                found = objects[row]
                names = tracker.add(found, semantics[row], *places[row])
                if tracker.begun > _MOST:
                    raise OcclabelError(
                        f"log {clip.log} has more than {_MOST} objects up to frame {inputs.frames[row].name}, and "
                        "instance ids end there; cut the log, or raise the smallest size of objects"
                    )
                instance[n], tracks[n] = names.applied(found), tracker.begun
            return {INSTANCE.name: instance, TRACKS.name: tracks}

        return process
