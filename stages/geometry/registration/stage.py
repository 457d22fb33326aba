"""Poses from scans as a stage of the geometry slot."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from occlabel.schemas.arrays import POSES, ArraySpec
from occlabel.schemas.errors import BadLog
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage

_BLOCK = 8
"""Frames of the log after which a map is begun anew, from as many before."""
_SCAN = 8 << 20
"""Bytes of a scan of 128 beams as it is read, and thinned with its normals."""


class PosesFromScans(Stage):
    """Registers each scan to the points of the scans before it, from where the motion of the log leads
    (``scan_to_map.py``), or its own motion before, where the log has no pose or one that no car could have. Poses that
    run backwards are as good as none.

    The first frame stays where the log has it; a log without poses begins at the identity. A frame without a scan that
    shows enough moves on as the log says, and has no pose where it does not. Where clips begin changes nothing, and the
    clips of a log are done in turn. Points that were seen while the sensor turned are taken as seen at once.

    Raises BadLog for a log without poses whose first clip has no scan with enough points.
    """

    slot: ClassVar[str] = "geometry"
    version: ClassVar[int] = 3
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES,)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES,)

    kind: Literal["registration"] = "registration"
    where: Literal["needed", "always"] = "needed"
    """``needed``: logs without poses, and logs whose poses cannot be right: the ground that frames see does not meet,
    the car leaps, or they run backwards. Other logs keep theirs to the bit. ``always``: every log."""
    keep: Literal["course", "nothing"] = "course"
    """What of the log's poses stays true over a long way: where the car is on the map and how it stands (x, y and
    rotation), or nothing. What is registered alone drifts by decimetres in a hundred metres."""

    @property
    def halo(self) -> int:
        return 2 * _BLOCK - 1

    @property
    def lookahead(self) -> int:
        return 0

    @property
    def recalls(self) -> int:
        return self.halo

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries and a map; the scans that a map is made of; poses."""
        return Resources(memory=(400 << 20) + self.halo * _SCAN + 4 * 128 * clip_frames)

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        poses = log.seen.poses
        return f"{self._works(log.seen)}, {poses.usable}, {poses.upright}"

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        if not log.seen.poses.known:
            return f"log {log.id} has no poses: they are made from its scans"
        if log.seen.poses.fault is not None:
            return (
                f"log {log.id}: its poses cannot be right: {log.seen.poses.fault}; the geometry stage takes them from "
                "its scans"
            )
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.geometry.registration.trail import Trail

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            logged, own = inputs[POSES], inputs.own(clip)
            if not self._works(inputs.seen):
                return {POSES.name: logged[inputs.target(clip)].copy()}
            if not inputs.seen.poses.usable:
                logged = np.full_like(logged, np.nan)
            known = np.full_like(logged, np.nan)
            if inputs.past:
                known[: own.start] = inputs.past[POSES.name]
            trail = Trail(inputs, logged, known, keep=self.keep == "course", block=_BLOCK)
            for row in own:
                trail.find(row)
            found = known[inputs.target(clip)]
            if clip.start == 0 and np.isnan(found).all():
                raise BadLog(
                    f"log {clip.log} has no poses, and none can be made: no scan up to frame "
                    f"{inputs.frames[own[-1]].name} has enough points within 80 m; leave it out with --log, or label "
                    "without poses: --skip geometry --skip voting"
                )
            return {POSES.name: found}

        return process

    def _works(self, seen: ScanFacts) -> bool:
        return self.where == "always" or not seen.poses.known or seen.poses.fault is not None
