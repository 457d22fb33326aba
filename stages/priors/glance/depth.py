"""The kind ``glance_depth``: metric depth by the small network."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, INTRINSICS, ArraySpec
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.priors.depth.slot import Depth, blank, clip_bytes, refuse_other_size
from occlabel.stages.priors.glance import weight_file
from occlabel.stages.priors.glance.images import uncalibrated, views


class GlanceDepth(Depth):
    """Metric depth, and how far it may be off, by glance, a small network that learned from simulated towns and needs
    neither a download nor a GPU. What it takes for sky is unknown, and so is a camera whose K is not known: the focal
    length makes metres of what the image shows."""

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS,)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, DEPTH_DEVIATION)
    exact: ClassVar[bool] = False

    kind: Literal["glance_depth"] = "glance_depth"
    weights: Path | None = None
    """A safetensors file of ``occlabel train glance``; the one that comes with occlabel by default."""
    batch: int = Field(default=8, ge=1)
    """Images of one camera that a GPU is given at once; a CPU does one after the other."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.weights or weight_file.SHIPPED,)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return weight_file.resources(self.batch, clip_bytes(self, clip_frames, space, rig))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None:
            return weight_file.refusal(self.files(space)[0])
        if (said := super().refuse(space, rig)) is not None:
            return said
        lost = uncalibrated(rig)
        if len(lost) == len(rig.cameras):
            return f"no camera has a known K ({', '.join(lost)}), and glance makes metres of images by the focal length"
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = uncalibrated(log.rig)
        return f"log {log.id}: {', '.join(lost)} without a known K get no depth from glance" if lost else None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.priors.glance.looking import look

        network = weight_file.load_network(self.files(space)[0], hands)
        at_once = self.batch if hands.device == "cuda" else 1

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(self, clip.frames, space, rig)
            for camera in rig.names:
                found = views(clip, inputs, camera)
                while part := list(islice(found, at_once)):
                    for view in part:
                        refuse_other_size(view.image, camera, rig)
                    seen = look(network, [v.image for v in part], [v.intrinsics for v in part], DEPTH.stride, hands)
                    for view, one in zip(part, seen, strict=True):
                        result[DEPTH.on(camera).name][view.n] = one.depth.astype(np.float16)
                        result[DEPTH_DEVIATION.on(camera).name][view.n] = one.deviation.astype(np.float16)
            return result

        return process
