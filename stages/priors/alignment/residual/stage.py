"""The kind that a network corrects: what is left over by an alignment, by what image and depth show."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, INTRINSICS, ArraySpec
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.priors.alignment.residual.weight_file import NEAREST, Shares, check, load_network
from occlabel.stages.priors.alignment.scale_shift import depth_of
from occlabel.stages.priors.depth.slot import Depth, blank, clip_bytes, image_bytes, refuse_other_size


class ResidualAlignment(Depth):
    """Corrects the depth of an alignment before it (``lidar_alignment``, ``motion_alignment``, ``ground_alignment``) by
    a network that has learned what such depth lacks: the residual of inverse depth of ViPOcc, equation 3.

    What the alignment does not know stays unknown, and so does what lies beyond 250 m afterwards. An image that cannot
    be read, or of a camera without K, keeps the alignment's depth. The deviation is made of the alignment's and of the
    correction: what the network has to change much is sure less.
    """

    exact: ClassVar[bool] = False
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, DEPTH_DEVIATION, INTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, DEPTH_DEVIATION)

    kind: Literal["residual_alignment"] = "residual_alignment"
    weights: Path
    """A safetensors file of ``occlabel train depth_alignment``; none comes with occlabel."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.weights,)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; an image on its way through the network; the arrays."""
        memory = (1 << 30) + 40 * image_bytes(rig) + clip_bytes(self, clip_frames, space, rig)
        return Resources(gpus=1, memory=memory)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        try:
            check(self.weights)
        except BadWeights as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = [camera.name for camera in log.rig.cameras if not camera.intrinsics]
        return f"log {log.id}: depth of {', '.join(lost)} without K is not corrected" if lost else None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.priors.alignment.residual.asking import answer

        network, shares = load_network(self.weights, hands), check(self.weights)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(self, clip.frames, space, rig)
            for n, row in enumerate(inputs.own(clip)):
                for camera in rig.names:
                    specs = DEPTH.on(camera), DEPTH_DEVIATION.on(camera)
                    depth, deviation = (inputs[spec][row] for spec in specs)
                    k, image = inputs.intrinsics(row, camera), None
                    if k is not None and np.isfinite(depth).any():
                        image = inputs.image(row, camera)
                    if k is not None and image is not None:
                        refuse_other_size(image, camera, rig)
                        share = answer(network, image, depth, deviation, k)
                        depth, deviation = _corrected(depth, deviation, share, shares)
                    result[specs[0].name][n], result[specs[1].name][n] = depth, deviation
            return result

        return process


def _corrected(
    depth: NDArray[np.float16], deviation: NDArray[np.float16], share: NDArray[np.float32], shares: Shares
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Depth [v, u] with its residual, ``share`` [v, u] of inverse depth, and its deviation."""
    found = depth_of(np.minimum((1 + share) / depth.astype(np.float32), 1 / NEAREST))
    variance = shares.before * deviation.astype(np.float32) ** 2 + shares.moved * share**2
    return found, np.where(np.isfinite(found), np.sqrt(variance), np.nan).astype(np.float32)
