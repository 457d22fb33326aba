"""What a frame's own LiDAR sweep says of the voxels around it: hit, passed through, or not seen at all."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import HIT, MEASURED, OBSERVED, PASSED, ArraySpec, Extent
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage
from occlabel.stages.sensing.rays import crossings
from occlabel.stages.sensing.scan import OWN_CAR, Scan, scan_in_grid


class Rays(Stage):
    """Rays of the frame's own sweep through the grid, and where they end.

    Points on the own car count as nothing. A voxel that any point lies in is hit, however many rays graze it. A frame
    without a scan has observed nothing. Later stages may make ``OBSERVED`` what other frames saw as well; what is
    measured stays the frame's own.
    """

    slot: ClassVar[str] = "evidence"
    version: ClassVar[int] = 2
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (OBSERVED, MEASURED)

    kind: Literal["rays"] = "rays"

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries, and the arrays of a clip with the shards that are made of them."""
        return Resources(memory=(500 << 20) + 4 * clip_frames * space.grid.voxels)

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = OBSERVED.empty(Extent(clip.frames, space.grid))
            for n, row in enumerate(inputs.own(clip)):
                if (points := inputs.points(row)) is not None:
                    result[n] = observed(scan_in_grid(inputs.frames[row], points, space.grid), space.grid)
            return {OBSERVED.name: result, MEASURED.name: (result == HIT).astype(np.uint8)}

        return process


def observed(scan: Scan, grid: Grid) -> NDArray[np.uint8]:
    """``OBSERVED`` [X, Y, Z] of one sweep. Points that are not finite, or lie on the own car, are left out."""
    xyz = scan.points[:, :3]
    away = np.hypot(xyz[:, 0] - scan.sensor[0], xyz[:, 1] - scan.sensor[1])
    xyz = xyz[(away > OWN_CAR) & np.isfinite(xyz).all(axis=1)]
    result = np.where(crossings(xyz, scan.sensor, grid) > 0, np.uint8(PASSED), np.uint8(OBSERVED.fill))
    cells, inside = grid.cells(xyz)
    result[tuple(cells[inside].T)] = HIT
    return result
