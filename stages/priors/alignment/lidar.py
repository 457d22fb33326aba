"""Alignment to LiDAR: points of the frame's sweep say how far away some pixels are."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Inputs, Sensor
from occlabel.stages.priors.alignment.slot import Alignment
from occlabel.stages.priors.depth.lidar import GAP, in_ego, projected


class LidarAlignment(Alignment):
    """Makes depth of an earlier stage metric: for each image a robust scale and shift of inverse depth, by the points
    of the frame's sweep, steadied by the frames around; then errors that points near by and at a like depth share are
    taken out too (``residual_field.py``). It says how far off it is at each pixel.

    An image is left as unknown where neither its own sweep nor those of the frames around show enough points.
    """

    version: ClassVar[int] = 2
    local: ClassVar[bool] = True
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)

    kind: Literal["lidar_alignment"] = "lidar_alignment"

    def known(self, inputs: Inputs, row: int, space: LabelSpace) -> dict[str, NDArray[np.float32]]:
        points = in_ego(inputs, row)
        points = np.empty((0, 3)) if points is None else points
        found = {camera: projected(points, inputs, row, camera, GAP) for camera in inputs.rig.names}
        return {camera: depth for camera, depth in found.items() if depth is not None}
