"""Depth from LiDAR: sweeps projected into the images."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, POSES, ArraySpec
from occlabel.schemas.geometry import Matrix, inverse, project, transform_points
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.priors.depth.slot import Depth, blank, clip_bytes
from occlabel.stages.priors.depth.splat import nearest, without_hidden
from occlabel.stages.sensing.scan import OWN_CAR

GAP = 1.5
"""Degrees between two beams, as a default."""
_SWEEP = 32 << 20
"""Bytes of a sweep of 128 beams with its points moved and projected."""


class LidarDepth(Depth):
    """Each point of the frame's sweep is projected into each image, and the nearest of those that meet an element of
    the array is its depth; elements that no point meets stay unknown. Points that another surface hides from the
    camera, which the LiDAR sees past because it sits elsewhere, are left out (``splat.py``).

    The sweep and the images of a frame are taken as seen at once. A camera without a calibration stays unknown.
    """

    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, INTRINSICS, EXTRINSICS)

    kind: Literal["lidar"] = "lidar"
    sweeps: int = Field(default=0, ge=0, le=50)
    """Frames before and after whose sweeps are added, moved by the poses. What moved in between is seen twice."""
    gap: float = Field(default=GAP, ge=0, le=10)
    """Degrees between two beams that a surface is taken to close: what shows between nearer points above and below
    within them is hidden. 0 keeps every point."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return self.reads if self.sweeps else (INTRINSICS, EXTRINSICS)

    @property
    def halo(self) -> int:
        return self.sweeps

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the sweeps around a frame; the arrays."""
        memory = (400 << 20) + (2 * self.sweeps + 1) * _SWEEP + clip_bytes(self, clip_frames, space, rig)
        return Resources(memory=memory)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None or (said := super().refuse(space, rig)) is not None:
            return None if rig is None else said
        if len(lost := rig.uncalibrated) == len(rig.cameras):
            return f"no camera is calibrated ({', '.join(lost)}), and points find their pixels by K and extrinsics"
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = log.rig.uncalibrated
        return f"log {log.id}: {', '.join(lost)} without a calibration get no depth from LiDAR" if lost else None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(self, clip.frames, space, rig)
            seen: dict[int, NDArray[np.float64] | None] = {}
            for n, row in enumerate(inputs.own(clip)):
                rows = range(max(0, row - self.sweeps), min(len(inputs.frames), row + self.sweeps + 1))
                seen = {one: seen[one] if one in seen else in_ego(inputs, one) for one in rows}
                points = _gathered(inputs, row, seen)
                for camera in rig.names:
                    depth = projected(points, inputs, row, camera, self.gap)
                    if depth is not None:
                        result[DEPTH.on(camera).name][n] = depth
            return result

        return process


def projected(
    points: NDArray[np.float64], inputs: Inputs, row: int, camera: str, gap: float
) -> NDArray[np.float32] | None:
    """Depth [v, u] of ``points`` [n, 3] in the ego frame of ``row``, NaN where none is; None for a camera without
    calibration. ``gap`` as in ``LidarDepth``."""
    intrinsics, ego_from_camera = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
    if intrinsics is None or ego_from_camera is None:
        return None
    pixels, depth = project(transform_points(inverse(ego_from_camera), points), intrinsics)
    size = inputs.rig.camera(camera).size
    assert size is not None  # the array would have no shape
    rows, columns = -(-size[1] // DEPTH.stride), -(-size[0] // DEPTH.stride)
    found = nearest(pixels / DEPTH.stride, depth, (rows, columns))
    reach = int(np.ceil(np.tan(np.radians(gap)) * intrinsics[1, 1] / DEPTH.stride)) if gap else 0
    return without_hidden(found, reach, max(1, reach // 3)) if reach else found


def in_ego(inputs: Inputs, row: int) -> NDArray[np.float64] | None:
    """Points [n, 3] of a frame's sweep in its ego frame, but for those on the car itself; None without a sweep."""
    points, ego_from_lidar = inputs.points(row), inputs.frames[row].ego_from_lidar
    if points is None or ego_from_lidar is None:
        return None
    away = np.hypot(points[:, 0], points[:, 1]) > OWN_CAR
    return transform_points(ego_from_lidar, points[away])


def _gathered(inputs: Inputs, row: int, seen: dict[int, NDArray[np.float64] | None]) -> NDArray[np.float64]:
    """[n, 3] of all sweeps in the ego frame of ``row``; of another frame only where both poses are known."""
    here = _pose(inputs, row, len(seen) > 1)
    parts = []
    for other, points in seen.items():
        if points is None:
            continue
        if other == row:
            parts.append(points)
        elif here is not None and (there := _pose(inputs, other, True)) is not None:
            parts.append(transform_points(inverse(here) @ there, points))
    return np.concatenate(parts) if parts else np.empty((0, 3))


def _pose(inputs: Inputs, row: int, several: bool) -> Matrix | None:
    return inputs.pose(row) if several else None
