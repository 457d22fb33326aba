"""Labels from cameras alone: depth and segments of a few frames, put back into space."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from occlabel.schemas.arrays import (
    CONFIDENCE,
    DEPTH,
    DEPTH_DEVIATION,
    EXTRINSICS,
    INTRINSICS,
    POSES,
    SEGMENT_CLASS,
    SEGMENT_SCORE,
    SEMANTICS,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.completion.depth_lifting.votes import Lifted, Votes
from occlabel.stages.completion.depth_lifting.window import Window, label
from occlabel.stages.completion.from_cameras import CameraCompletion
from occlabel.stages.completion.slot import blank

_POINTS = 600_000
"""On the surfaces of an image, at most as memory is declared."""


class DepthLifting(CameraCompletion):
    """Puts depth and segments of the images of a frame, and of a few around it, into the frame's voxels.

    A voxel is occupied where enough of the images that see it see a surface in it, free where they see through it, and
    unknown where none does. Its class is that of most votes, each weighed by the score of its segment and by how far
    off its depth may be; what can move is heard of the frame itself alone. Under the way of the car, which no camera
    sees, the ground is completed. Nothing else is made up. Confidence is the share of images and votes that agree, and
    no probability. A frame without a pose has its own images alone, and one without depth stays unknown.
    """

    version: ClassVar[int] = 3
    senses: ClassVar[tuple[Sensor, ...]] = ()
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (
        DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS, SEGMENT_SCORE, POSES, INTRINSICS, EXTRINSICS,
    )  # fmt: skip

    kind: Literal["depth_lifting"] = "depth_lifting"
    radius: int = Field(default=4, ge=0, le=1000)
    """Frames before a frame, and as many after it, whose images are heard with its own."""
    stride: int = Field(default=2, ge=1, le=100)
    """Frames from one of those to the next."""
    deviation: bool = False
    """Whether an alignment has written how far off depth is: what is less sure then counts less, and is seen through
    up to a standard deviation before it."""

    @property
    def halo(self) -> int:
        return self._window.halo

    @property
    def _window(self) -> Window:
        return Window(self.radius, self.stride, self.deviation)

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return tuple(spec for spec in self.reads if self.deviation or spec.name != DEPTH_DEVIATION.name)

    def without(self, array: str) -> DepthLifting | None:
        return self.model_copy(update={"deviation": False}) if array == DEPTH_DEVIATION.name else None

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the images of the window with their points; what is counted of each voxel; the arrays of the
        clip, and the shards that are made of them."""
        extent = Extent(clip_frames + 2 * self.halo, space.grid, rig)
        known = {camera.name for camera in rig.cameras if camera.size is not None}
        specs = resolved((*self.needed, SEMANTICS, CONFIDENCE), rig)
        arrays = 2 * sum(extent.nbytes(spec) for spec in specs if spec.camera is None or spec.camera in known)
        points = (2 * self.halo + 1) * max(len(rig.cameras), 1) * _POINTS * 2 * 17
        counted = 15 * space.grid.voxels + 4 * min(space.grid.voxels, 1 << 20) * len(space.taxonomy.classes)
        return Resources(memory=(400 << 20) + points + counted + arrays)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        return super().refuse(space, rig) or (None if rig is None else self._window.overflow(rig))

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        window = self._window

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result, held, votes = blank(clip.frames, space), dict[int, list[Lifted]](), Votes(space)
            for n, row in enumerate(inputs.own(clip)):
                rows = window.rows(row, len(inputs.frames))
                held = {one: images for one, images in held.items() if one >= row - window.halo}
                held |= {one: window.lifted(inputs, one, space) for one in rows if one not in held}
                if held[row]:
                    result[SEMANTICS.name][n], result[CONFIDENCE.name][n] = label(inputs, rows, held, space, votes)
            return result

        return process
