"""Alignment to the motion of the car: points that two images see from places that the poses know."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, POSES, RELATIVE_DEPTH, ArraySpec
from occlabel.schemas.geometry import inverse
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Inputs, Process, Sensor
from occlabel.stages.priors.alignment.slot import Alignment

_STANDS = 0.2
"""[m] that a camera has moved at least, for what it sees to be triangulated."""


class MotionAlignment(Alignment):
    """Makes depth of an earlier stage metric without LiDAR: for each image a robust scale and shift of inverse depth,
    by corners that are found again in the images of the same camera before and after it and triangulated by the poses,
    steadied by the frames around.

    Needs images some decimetres to a few metres apart, and a scene that mostly stands still. An image of a car that
    stands, or without a pose, has the scale of the frames around, or is left as unknown.
    """

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, RELATIVE_DEPTH, POSES, INTRINSICS, EXTRINSICS)
    least: ClassVar[float] = 0.03

    kind: Literal["motion_alignment"] = "motion_alignment"
    apart: int = Field(default=1, ge=1, le=20)
    """Frames from an image to those before and after it in which its corners are looked for."""

    @property
    def halo(self) -> int:
        return self.steadied + self.apart

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import cv2

        cv2.setNumThreads(hands.threads)
        return super().setup(space, rig, hands)

    def known(self, inputs: Inputs, row: int, space: LabelSpace) -> dict[str, NDArray[np.float32]]:
        result = {}
        for camera in inputs.rig.names:
            size = inputs.rig.camera(camera).size
            if size is None or inputs.intrinsics(row, camera) is None or inputs.extrinsics(row, camera) is None:
                continue
            depth = np.full((-(-size[1] // DEPTH.stride), -(-size[0] // DEPTH.stride)), np.nan, np.float32)
            for other in (row - self.apart, row + self.apart):
                if 0 <= other < len(inputs.frames):
                    self._seen_from(inputs, row, other, camera, depth)
            result[camera] = depth
        return result

    def _seen_from(self, inputs: Inputs, row: int, other: int, camera: str, depth: NDArray[np.float32]) -> None:
        """Puts into ``depth`` [v, u] what is triangulated with the image of another frame."""
        from occlabel.stages.priors.alignment.triangulation import triangulated

        k, here, there = inputs.intrinsics(row, camera), inputs.pose(row), inputs.pose(other)
        mounted, then = inputs.extrinsics(row, camera), inputs.extrinsics(other, camera)
        if k is None or here is None or there is None or mounted is None or then is None:
            return
        there_from_here = inverse(there @ then) @ here @ mounted
        if np.linalg.norm(there_from_here[:3, 3]) < _STANDS:
            return
        image, second = inputs.image(row, camera), inputs.image(other, camera)
        if image is None or second is None or image.shape != second.shape:
            return
        found = triangulated(image, second, k, there_from_here)
        u, v = np.rint(found.pixels.T / DEPTH.stride).astype(np.int64)
        inside = (v < depth.shape[0]) & (u < depth.shape[1])
        depth[v[inside], u[inside]] = found.depth[inside]
