"""Ground named by what images show of it, as a stage."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from occlabel.schemas.arrays import (
    CONFIDENCE,
    EXTRINSICS,
    INTRINSICS,
    KEPT_CONFIDENCE,
    POSES,
    SEGMENT_CLASS,
    SEGMENT_SCORE,
    SEMANTICS,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage
from occlabel.schemas.words import meant
from occlabel.stages.ground.shown import GroundMap, Shown, name_ground, shown_ground
from occlabel.stages.sensing.painted_scan import seen_painted

_CELLS = 60_000
"""That the ground of one frame takes up."""


class GroundBySegments(Stage):
    """Classes of ground by the segments of images: road, parking, sidewalk and grass are alike in shape, and look
    different.

    The points of each sweep that lie on the ground are of the class of the pixel that shows them (``painting.py``), and
    vote for the cell of the world that they lie in, over the frames around (``shown.py``). A label is changed where the
    votes and its confidence together speak for another. Ground that no image shows, frames without a pose, and all that
    is not ground keep their labels.
    """

    slot: ClassVar[str] = "ground"
    version: ClassVar[int] = 1
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (
        SEMANTICS,
        CONFIDENCE,
        POSES,
        SEGMENT_CLASS,
        SEGMENT_SCORE,
        INTRINSICS,
        EXTRINSICS,
    )
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, KEPT_CONFIDENCE)

    kind: Literal["segments"] = "segments"
    classes: tuple[str, ...] = (
        "road",
        "parking",
        "sidewalk",
        "other-ground",
        "terrain",
        "driveable_surface",
        "other_flat",
    )
    """Classes of ground that are told apart; what the taxonomy lacks does not count."""
    radius: int = Field(default=20, ge=0, le=500)
    """Frames before and after each whose images are heard as well."""

    @property
    def halo(self) -> int:
        return self.radius

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; labels, segments and votes of the window; the clip's labels with the shards made of them."""
        window = clip_frames + 2 * self.radius
        voxels = 2 * (window + 2 * clip_frames) * space.grid.voxels
        sized = Rig(cameras=tuple(camera for camera in rig.cameras if camera.size is not None))
        images = sum(map(Extent(window, space.grid, sized).nbytes, resolved((SEGMENT_CLASS, SEGMENT_SCORE), sized)))
        return Resources(memory=(400 << 20) + voxels + images + window * _CELLS * 8 * (1 + len(self.classes)))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None if rig.cameras else "the log has no cameras to show the ground; run with --skip ground"
        names, usual = space.taxonomy.names, type(self).model_fields["classes"].default
        if (strange := next((name for name in self.classes if name not in (*names, *usual)), None)) is not None:
            return f"ground.classes names {strange!r}, no class of {space.taxonomy.name}{meant(strange, names)}"
        if not self.classes:
            return f"ground.classes is empty: name classes of {space.taxonomy.name}, or run with --skip ground"
        if len(self._ids(space)) < 2:
            return (
                f"the taxonomy {space.taxonomy.name} has fewer than two of the classes ground.classes = "
                f"{', '.join(self.classes)}; its classes are {', '.join(names)}; name some, or run with --skip ground"
            )
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = ", ".join(log.rig.uncalibrated)
        return f"log {log.id}: images of {lost} without a calibration say nothing of the ground" if lost else None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        classes = self._ids(space)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            own = inputs.target(clip)
            semantics, confidence = inputs[SEMANTICS][own].copy(), inputs[CONFIDENCE][own].copy()
            frames = [_shown(inputs, row, space, classes) for row in range(len(inputs.frames))]
            for n, row in enumerate(inputs.own(clip)):
                heard = frames[max(row - self.radius, 0) : row + self.radius + 1]
                seen = [frame for frame in heard if frame is not None]
                pose = inputs.world_from_grid(row, space.grid)
                if pose is not None and seen:
                    name_ground(semantics[n], confidence[n], pose, space.grid, GroundMap.of(seen, classes))
            return {SEMANTICS.name: semantics, CONFIDENCE.name: confidence}

        return process

    def _ids(self, space: LabelSpace) -> tuple[int, ...]:
        return tuple(one.id for one in space.taxonomy.classes if one.name in self.classes)


def _shown(inputs: Inputs, row: int, space: LabelSpace, classes: tuple[int, ...]) -> Shown | None:
    """What the images of a frame say of its ground; None without a pose, a scan or an image."""
    pose = inputs.world_from_grid(row, space.grid)
    scan = None if pose is None else seen_painted(inputs, row, space.grid)
    if pose is None or scan is None:
        return None
    return shown_ground(scan, inputs[SEMANTICS][row], pose, space.grid, classes)
