"""What a frame's own cameras say of the voxels around them: on a surface, seen through, or not seen at all."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import (
    DEPTH,
    DEPTH_DEVIATION,
    EXTRINSICS,
    HIT,
    INTRINSICS,
    MEASURED,
    OBSERVED,
    PASSED,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.geometry import inverse
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.stages.sensing.depth_images import SURE, DepthImage, Tally, on


class DepthOfCameras(Stage):
    """The occupancy mask of Dr.Occ (section 3.4.1): depth of all cameras of the frame, put back into space and into
    voxels; and what lies before it, which was seen through. What no camera saw, and what lies behind a surface, is not
    observed: there is no guess in it.

    Neighbouring pixels on one surface are joined, so that a road seen from afar has no holes. A voxel that a camera has
    seen a surface in is hit, though another saw through it. Arrays as the kind ``rays`` writes them of a LiDAR, with
    surfaces that were estimated for points that were measured. A frame without depth has observed nothing.
    """

    slot: ClassVar[str] = "evidence"
    version: ClassVar[int] = 3
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, DEPTH_DEVIATION, INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (OBSERVED, MEASURED)

    kind: Literal["depth"] = "depth"
    deviation: bool = False
    """Whether an alignment has written how far off depth is: voxels are then seen through up to a standard deviation
    before the surface, and what may be off by more than a voxel hits none."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return tuple(spec for spec in self.reads if self.deviation or spec.name != DEPTH_DEVIATION.name)

    def without(self, array: str) -> DepthOfCameras | None:
        return self.model_copy(update={"deviation": False}) if array == DEPTH_DEVIATION.name else None

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; what is counted of each voxel and the points of an image; the arrays of a clip, and the shards
        that are made of them."""
        extent = Extent(clip_frames, space.grid, rig)
        known = {camera.name for camera in rig.cameras if camera.size is not None}
        specs = resolved((*self.needed, *self.written), rig)
        held = 2 * sum(extent.nbytes(spec) for spec in specs if spec.camera is None or spec.camera in known)
        return Resources(memory=(600 << 20) + 16 * space.grid.voxels + held)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None:
            return None
        if len(rig.uncalibrated) == len(rig.cameras):
            return "no camera is calibrated, so nothing says where what it sees lies" if rig.cameras else "no cameras"
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = log.rig.uncalibrated
        return f"log {log.id}: {', '.join(lost)} without a calibration observe nothing" if lost else None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = OBSERVED.empty(Extent(clip.frames, space.grid))
            for n, row in enumerate(inputs.own(clip)):
                result[n] = self._observed(inputs, row, space)
            return {OBSERVED.name: result, MEASURED.name: (result == HIT).astype(np.uint8)}

        return process

    def _observed(self, inputs: Inputs, row: int, space: LabelSpace) -> NDArray[np.uint8]:
        tally, grid_from_ego = Tally(space.grid), inverse(inputs.frames[row].ego_from_grid(space.grid))
        for camera in inputs.rig.names:
            if (image := self._image(inputs, row, camera)) is not None:
                points, elements = image.surface(space.grid.voxel_size / 2, np.zeros(image.depth.shape, np.uint8))
                sure = (image.sureness(space.grid.voxel_size) >= SURE // 2).astype(np.uint8)
                tally.add(image, points, sure.ravel()[elements], grid_from_ego)
        result = np.where(tally.passed > 0, np.uint8(PASSED), np.uint8(OBSERVED.fill))
        result[tally.hits > 0] = HIT
        return result

    def _image(self, inputs: Inputs, row: int, camera: str) -> DepthImage | None:
        off = inputs[DEPTH_DEVIATION.on(camera)][row] if self.deviation else None
        k, place = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
        return on(inputs[DEPTH.on(camera)][row], off, k, place)
