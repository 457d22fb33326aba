"""Alignment to the ground: a camera that stands so high sees the road at a pixel so far away."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, RELATIVE_DEPTH, SEGMENT_CLASS, ArraySpec
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Inputs
from occlabel.stages.priors.alignment.slot import Alignment

_REACH = (2.0, 30.0)
"""Metres between which the road is taken to be flat, and the pitch of the car not to matter much."""


class GroundAlignment(Alignment):
    """Makes depth of an earlier stage metric without LiDAR: for each image a robust scale and shift of inverse depth,
    by the pixels that segments call road and the plane on which the car stands, steadied by the frames around.

    All of an image is as wrong as the height of its camera, and what rises or falls ahead of the car is not seen; the
    deviation says so. An image without enough road, of which the frames around have none either, is left as unknown.
    """

    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, RELATIVE_DEPTH, SEGMENT_CLASS, INTRINSICS, EXTRINSICS)
    least: ClassVar[float] = 0.05

    kind: Literal["ground_alignment"] = "ground_alignment"
    ground: float | None = Field(default=None, ge=-10, le=10)
    """z of the road below the car [m] in the ego frame: 0 where that lies on the road, as in nuScenes; -1.73 where it
    is the LiDAR of KITTI. [default: what scans of the log show, or 0]"""
    classes: tuple[str, ...] = ("road", "driveable_surface")
    """What lies in the plane on which the car stands; those that the taxonomy has."""

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None and not self._ids(space):
            asked, known = ", ".join(self.classes), ", ".join(space.taxonomy.names)
            return f"{space.taxonomy.name} has none of the classes {asked}; set classes to some of {known}"
        return super().refuse(space, rig)

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return f"{self._height(log.seen):.3f}"

    def known(self, inputs: Inputs, row: int, space: LabelSpace) -> dict[str, NDArray[np.float32]]:
        result = {}
        for camera in inputs.rig.names:
            intrinsics, ego_from_camera = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
            if intrinsics is None or ego_from_camera is None:
                continue
            classes = inputs[SEGMENT_CLASS.on(camera)][row]
            plane = depth_of_plane(classes.shape, intrinsics, ego_from_camera, self._height(inputs.seen))
            near = (plane > _REACH[0]) & (plane < _REACH[1]) & np.isin(classes, self._ids(space))
            result[camera] = np.where(near, plane, np.nan).astype(np.float32)
        return result

    def _ids(self, space: LabelSpace) -> list[int]:
        return [one.id for one in space.taxonomy.classes if one.name in self.classes]

    def _height(self, seen: ScanFacts) -> float:
        known = seen.ground_in_ego if self.ground is None else self.ground
        return 0.0 if known is None else known


def depth_of_plane(
    shape: tuple[int, ...], intrinsics: Matrix, ego_from_camera: Matrix, height: float
) -> NDArray[np.float64]:
    """Depth [v, u] at which the rays of elements meet z = ``height`` of the ego frame; infinite where they do not."""
    v, u = np.mgrid[: shape[0], : shape[1]] * float(DEPTH.stride)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(intrinsics).T
    down = rays @ ego_from_camera[2, :3]
    fall = height - ego_from_camera[2, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = fall / down
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.inf)
