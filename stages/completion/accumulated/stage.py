"""Accumulated LiDAR, the baseline of all label makers: sweeps stacked by their poses, rays carved, no completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from occlabel.schemas.arrays import CONFIDENCE, POSES, SEMANTICS, ArraySpec
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.log_places import of_each_log
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Arrays, Clip, Hands, Inputs, Process, Resources
from occlabel.stages.completion.accumulated.boxes import BoxFiles, ObjectBox
from occlabel.stages.completion.accumulated.labels import Labeller, PointFiles, by_network
from occlabel.stages.completion.accumulated.stack import stacked, volume
from occlabel.stages.completion.accumulated.surface import filled
from occlabel.stages.completion.accumulated.sweeps import PlacedBox, Prepared, prepare
from occlabel.stages.completion.slot import Completion, Prediction, blank, clip_bytes, seen
from occlabel.stages.completion.trained import Trained

_POINTS = 250_000
"""Of a sweep, at most as memory is declared; LiDARs of 128 beams have about so many."""
_BYTES = 24
"""A point of a sweep that is kept."""


class Accumulated(Completion):
    """Stacks the sweeps around a frame instead of predicting what a single one does not show.

    What is still is moved by the poses; objects with a box are stacked in the frame of their box and put back where it
    is now; of what else can move only the frame's own sweep counts. Occupied is where a point fell, though rays passed
    too; free where rays of any sweep passed; the rest stays unknown. Confidence is no probability: of n points, or
    rays, k say so, and it is k / (n + 1). A frame without a pose has its own sweep alone.
    """

    version: ClassVar[int] = 2
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES,)
    exact: ClassVar[bool] = False
    kind: Literal["accumulated"] = "accumulated"
    radius: int = Field(default=25, ge=0, le=10_000)
    """Sweeps before a frame, and as many after it, that are stacked with its own."""
    stride: int = Field(default=1, ge=1, le=100)
    """Frames from one of those sweeps to the next."""
    labels: Path | None = None
    """A folder with the class of each point of the sweeps, in the layout of SemanticKITTI or nuScenes lidarseg; sweeps
    that it lacks take theirs from what lies near by. By default the built-in network names the points, looking at each
    sweep alone."""
    boxes: Annotated[Path | None, PLACE] = None
    """Where boxes of objects are: a ``boxes.txt``, or a root of logs that has some. Without any, what can move is known
    from the own sweep of each frame alone."""
    weights: Path | None = None
    """Of the network that names the points, as for the kind ``lmscnet``."""
    poisson: int | None = Field(default=None, ge=4, le=12)
    """Depth of a Poisson surface through the stacked points; what it crosses and nobody saw is occupied too."""

    @property
    def halo(self) -> int:
        return self.radius * self.stride

    @property
    def _network(self) -> Trained | None:
        return Trained(weights=self.weights) if self.labels is None else None

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """What the network takes; every sweep of the window; what is counted of each voxel; the clip's own arrays."""
        sweeps = (2 * self.halo + clip_frames) * _POINTS * _BYTES
        stack = (2 * self.radius + 1) * _POINTS * 2 * _BYTES
        counted = space.grid.voxels * 8 + min(space.grid.voxels, 1 << 20) * 8 * len(space.taxonomy.classes)
        surface = 0 if self.poisson is None else 2 << 30
        known = (300 << 20) if self._network is None else self._network.resources(space, rig, 0).memory
        memory = known + sweeps + stack + counted + surface + clip_bytes(space, clip_frames) + 256 * clip_frames
        return Resources(gpus=0.0 if self._network is None else 1.0, memory=memory)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return () if self._network is None else self._network.files(space)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return None
        if self.labels is not None and (reason := PointFiles(self.labels).refusal(space.taxonomy)) is not None:
            return reason
        if self.boxes is not None and (reason := BoxFiles(self.boxes).refusal()) is not None:
            return reason
        if of_each_log(self.weights):
            return f"{self.weights}: sweeps are looked at by the same weights whatever their log; name one file"
        return None if self._network is None else self._network.refuse(space, None)

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Digests of the labels and of the boxes of the log."""
        labels = "" if self.labels is None else PointFiles(self.labels).digest(log.id, log.names)
        return f"{labels} {'' if self.boxes is None else BoxFiles(self.boxes).digest(log.id)}".strip()

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Raises BadLog when boxes cannot be read."""
        if self.boxes is not None:
            files, fault = BoxFiles(self.boxes), log.seen.poses.fault
            if _boxes_of(files, log.id, space) and fault is not None and not files.ride:
                return (
                    f"log {log.id}: its boxes lie in the world by its own poses, and those cannot be right: {fault}; "
                    "where a geometry stage finds others, boxes do not lie on what they are of: leave completion.boxes "
                    "out, or label with --skip geometry"
                )
        return None if self._network is None else self._network.doubts(space, log)

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        """Raises BadWeights when the file is damaged or made for another grid, taxonomy or network."""
        if self._network is not None:
            label = by_network(self._network, space, hands)
        else:
            assert self.labels is not None
            label = PointFiles(self.labels).labeller(space)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(clip.frames, space)
            boxes = None if self.boxes is None else _boxes_of(BoxFiles(self.boxes), clip.log, space)
            window = _Window(clip.log, inputs, space, label, boxes)
            for n, row in enumerate(inputs.own(clip)):
                own, others = window.around(row, self.radius, self.stride)
                if own is not None:
                    found = self._label(own, others, space)
                    result[SEMANTICS.name][n], result[CONFIDENCE.name][n] = found
            return result

        return process

    def _label(self, own: Prepared, others: Sequence[Prepared], space: LabelSpace) -> Prediction:
        parts = stacked(own, others)
        found = volume(own, others, parts, space)
        return found if self.poisson is None else filled(found, parts, own.sensor, space, self.poisson)


def _boxes_of(files: BoxFiles, log: str, space: LabelSpace) -> Mapping[str, list[ObjectBox]]:
    try:
        return files.of(log, space.taxonomy)
    except (OSError, ValueError) as error:
        raise BadLog(f"log {log}: its boxes cannot be read: {error}") from error


class _Window:
    """The sweeps around the frames of a clip, each read and labelled once, and held while a frame to come needs it."""

    def __init__(
        self,
        log: str,
        inputs: Inputs,
        space: LabelSpace,
        label: Labeller,
        boxes: Mapping[str, list[ObjectBox]] | None,
    ) -> None:
        self._log, self._inputs, self._space, self._label, self._boxes = log, inputs, space, label, boxes
        self._held: dict[int, Prepared | None] = {}

    def around(self, row: int, radius: int, stride: int) -> tuple[Prepared | None, list[Prepared]]:
        """The sweep of a frame and those around it, in time; none of those where the frame has no pose."""
        reach = radius * stride
        self._held = {known: sweep for known, sweep in self._held.items() if known >= row - reach}
        own = self._sweep(row)
        if own is None or own.world_from_grid is None:
            return own, []
        rows = range(row - reach, row + reach + 1, stride)
        others = (self._sweep(near) for near in rows if near != row and 0 <= near < len(self._inputs.frames))
        return own, [other for other in others if other is not None and other.world_from_grid is not None]

    def _sweep(self, row: int) -> Prepared | None:
        if row not in self._held:
            self._held[row] = self._prepared(row)
        return self._held[row]

    def _prepared(self, row: int) -> Prepared | None:
        scan, frame = seen(self._inputs, row, self._space.grid), self._inputs.frames[row]
        if scan is None:
            return None
        world_from_ego = self._inputs.pose(row)
        ego_from_grid = frame.ego_from_grid(self._space.grid)
        place = None if world_from_ego is None else world_from_ego @ ego_from_grid
        boxes = self._placed(frame.name, world_from_ego, ego_from_grid)
        return prepare(scan, self._label(self._log, frame, scan), boxes, place, self._space)

    def _placed(self, name: str, world_from_ego: Matrix | None, ego_from_grid: Matrix) -> list[PlacedBox] | None:
        """None where nobody drew boxes in the frame, or it is not known where it was."""
        drawn = None if self._boxes is None else self._boxes.get(name)
        if drawn is None or world_from_ego is None:
            return None
        grid_from_world = inverse(world_from_ego @ ego_from_grid)
        return [
            PlacedBox(box.instance, box.class_id, grid_from_world @ box.in_world(world_from_ego), box.size)
            for box in drawn
        ]
