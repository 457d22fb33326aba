"""The tracking slot: objects keep one id through a log."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Resources, Sensor, Stage
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
    reads: ClassVar[tuple[str, ...]] = ("semantics", "instance")
    senses: ClassVar[tuple[Sensor, ...]] = ("poses",)
    writes: ClassVar[tuple[str, ...]] = ("instance", "tracks")

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
    def memory(self) -> int:
        return self.remembered

    def resources(self, space: LabelSpace) -> Resources:
        """Labels and ids of the clip and what is remembered, written and read; and the voxels of objects."""
        return Resources(memory=(400 << 20) + (5 * self.remembered + 7 * 32) * space.grid.voxels)

    def setup(self, space: LabelSpace, device: str) -> Process:
        kinds = kinds_of(space.taxonomy)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            own = inputs.target(clip)
            begun = int(inputs.past["tracks"][-1]) if inputs.past else 0
            tracker = Tracker(
                space.grid, kinds, bridge=self.bridge, drift=self.drift, memory=self.remembered,
                first_frame=inputs.first, begun=begun,
            )  # fmt: skip
            semantics = inputs.arrays["semantics"].astype(np.uint8, copy=False)
            places = [(frame.time, frame.world_from_grid(space.grid)) for frame in inputs.frames]
            for row in range(own.start):
                tracker.recall(inputs.past["instance"][row].astype(np.uint16, copy=False), semantics[row], *places[row])
            instance = np.zeros((clip.frames, *space.grid.shape), np.uint16)
            tracks = np.zeros(clip.frames, np.uint32)
            for n, row in enumerate(range(own.start, own.stop)):
                found = inputs.arrays["instance"][row].astype(np.uint16, copy=False)
                names = tracker.add(found, semantics[row], *places[row])
                if tracker.begun > _MOST:
                    raise OcclabelError(
                        f"log {clip.log} has more than {_MOST} objects up to frame {inputs.frames[row].name}, and "
                        "instance ids end there; cut the log, or raise the smallest size of objects"
                    )
                instance[n], tracks[n] = names.applied(found), tracker.begun
            return {"instance": instance, "tracks": tracks}

        return process


TrackingStage = Association
"""The kinds of the tracking slot."""
