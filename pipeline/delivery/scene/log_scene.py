"""A log of a version as a scene: what its labels say, beside another version, what sensors saw, and how things went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.scene.legend import about
from occlabel.pipeline.delivery.scene.motion import Trails, boxes_of, flow_arrows
from occlabel.pipeline.delivery.scene.sensors import seen_by_sensors
from occlabel.pipeline.delivery.scene.shapes import (
    ABOUT,
    FRAME,
    NOTES,
    WORLD,
    Lines,
    Moment,
    Path,
    Placed,
    Scene,
    Shape,
    Text,
)
from occlabel.pipeline.delivery.scene.voxels import (
    Layer,
    classes_layer,
    confidence_layer,
    difference_layer,
    instances_layer,
)
from occlabel.pipeline.delivery.trajectories import log_frame
from occlabel.pipeline.published.same_drive import labelled_drive
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.pipeline.quality.compare.changes import Pair
from occlabel.schemas.arrays import CONFIDENCE, FLOW, INSTANCE, SEMANTICS
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.objects import summarise
from occlabel.stages.tracking.logbook import Logbook

_CAR = (90, 200, 250)


@dataclass
class LogScene:
    """One log of a version."""

    version: PublishedVersion
    log: str
    pair: Pair | None = None
    """With the version that it is held against, in the space of this one."""
    reader: LogReader | None = None
    """The logs, for what the sensors saw."""
    damaged: list[str] = field(default_factory=list)
    """A sentence for each thing that cannot be read, as the moments are asked for."""
    thinned: dict[str, int] = field(default_factory=dict)
    """Layer -> frames in which not all of its voxels are drawn."""

    @cached_property
    def drive(self) -> DriveLog | None:
        """Raises BadLog for logs that lack this one, or any of its labelled frames."""
        if self.reader is None:
            return None
        return labelled_drive(self.reader, self.log, (frame.row for frame in self._frames))

    @property
    def against(self) -> str | None:
        """What the version that it is held against is called: by its name, or with its store where names are equal."""
        if self.pair is None:
            return None
        other = self.pair.b.version
        return other.name if other.name != self.version.name else other.spec

    @cached_property
    def scene(self) -> Scene:
        """What holds for the whole log."""
        always: dict[Path, Shape] = {ABOUT: Text(about(self.version, self.log, self.against, self.left_out))}
        if self._placed:
            poses = np.array([frame.row.world_from_ego for frame in self._frames]).reshape(-1, 4, 4)
            way = transform_points(self._shift, poses[:, :3, 3])
            always[*WORLD, "ways", "car"] = Lines((way,), np.array([_CAR], np.uint8))
        # Beside another version what differs is shown, and what both say would stand before it.
        asked_for = ("instances", "confidence", "boxes", *(() if self.pair is None else ("classes", "against")))
        hidden = tuple((*FRAME, name) for name in asked_for)
        return Scene(f"{self.version.name}: {self.log}", self.version.space.grid, always, hidden, self._rig)

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """What there is nothing to show of, in sentences."""
        said = [
            f"no {what}: the version publishes none"
            for what, spec in (("instances", INSTANCE), ("confidence", CONFIDENCE), ("flow", FLOW))
            if spec.name not in self.version.info.arrays
        ]
        if INSTANCE.name in self.version.info.arrays and not self.version.tracked:
            said.append("no ways of objects: the version was not tracked")
        if self.reader is None:
            said.append("no cameras and no LiDAR: these are in the logs, name them with --logs")
        if not self._placed:
            said.append("no ways, and the car stays where it is: frames of the log have no pose")
        return tuple(said)

    def moments(self) -> Iterator[Moment]:
        """Frame by frame. One whose labels cannot be read says so and shows nothing else. Raises StoreAway, BadLog."""
        logged = {} if self.drive is None else {frame.name: frame for frame in self.drive.frames}
        trails = Trails()
        start = self._frames[0].row.time if self._frames else 0.0
        for frame in self._frames:
            shapes: dict[Path, Shape] = {}
            if self._placed:
                shapes[FRAME] = Placed(self._shift @ self._pose(frame))
            notes = [f"frame {frame.name}"]
            try:
                notes += self._labels(frame, shapes, trails)
            except StoreAway:
                raise
            except StoreError as error:
                self.damaged.append(f"log {self.log}, frame {frame.name}: {error}")
                notes.append(f"cannot be read: {error}")
            if self.reader is not None:
                sensed, cannot = seen_by_sensors(self.version, frame, self.reader, logged[frame.name])
                shapes |= sensed
                self.damaged += cannot
                notes += cannot
            shapes[NOTES] = Text("\n\n".join(notes))
            yield Moment(frame.row.index, frame.row.time - start, shapes)

    def _labels(self, frame: PublishedFrame, shapes: dict[Path, Shape], trails: Trails) -> list[str]:
        """Adds what the labels show; what of it is not drawn."""
        taxonomy, semantics = self.version.space.taxonomy, frame[SEMANTICS]
        layers = [classes_layer(semantics, taxonomy, "classes")]
        if frame.holds(CONFIDENCE):
            layers.append(confidence_layer(frame[CONFIDENCE], semantics, taxonomy))
        if frame.holds(INSTANCE):
            layers.append(instances_layer(frame[INSTANCE]))
        layers += self._held_against(frame, semantics) if self.pair is not None else []
        for layer in layers:
            shapes |= layer.shapes
            if layer.thinned:
                name = layer.thinned.partition(":")[0]
                self.thinned[name] = self.thinned.get(name, 0) + 1
        if frame.holds(INSTANCE):
            whole, faults = self._seen
            if frame.row.index in faults:
                raise faults[frame.row.index]
            objects = summarise(frame[INSTANCE], semantics, self.version.space.grid)
            boxes = np.array([whole[track, frame.row.index] for track in objects.ids.tolist()]).reshape(-1, 7)
            shapes[*FRAME, "boxes"] = boxes_of(objects, boxes, taxonomy)
            if self._placed and self.version.tracked:
                ways = trails.drawn(objects, boxes, self._shift @ self._pose(frame))
                shapes[*WORLD, "ways", "objects"] = ways
        said = [layer.thinned for layer in layers if layer.thinned]
        if frame.holds(FLOW):
            shapes[*FRAME, "flow"], thinned = flow_arrows(frame[FLOW], self.version.space.grid)
            said += [thinned] if thinned else []
        return said

    def _held_against(self, frame: PublishedFrame, semantics: NDArray[np.uint8]) -> list[Layer]:
        assert self.pair is not None and self.against is not None
        if not self.pair.b.has(self.log, frame.name):
            return []
        other, taxonomy = self.pair.of_b(self.log, frame.name), self.version.space.taxonomy
        names = (self.version.name, self.against)
        return [classes_layer(other, taxonomy, "against"), difference_layer(semantics, other, taxonomy, names)]

    @cached_property
    def _frames(self) -> list[PublishedFrame]:
        return list(self.version.frames(self.log))

    @cached_property
    def _seen(self) -> tuple[dict[tuple[int, int], NDArray[np.float64]], dict[int, StoreError]]:
        """By object and frame its box [7], which all frames tell; and why not, of frames that cannot be read. Raises
        StoreAway."""
        book = Logbook(self.version.space.grid, self.version.space.taxonomy, tracked=self.version.tracked)
        faults: dict[int, StoreError] = {}
        for frame in self._frames:
            try:
                log_frame(book, frame)
            except StoreAway:
                raise
            except StoreError as error:
                faults[frame.row.index] = error
        return book.boxes(), faults

    @cached_property
    def _placed(self) -> bool:
        """Whether every frame has a pose: otherwise no frame is put anywhere."""
        return all(frame.row.world_from_ego is not None for frame in self._frames)

    @cached_property
    def _shift(self) -> Matrix:
        """[4, 4]: the scene begins at zero, as drawings count in 32 bits and worlds far away."""
        result = np.eye(4)
        if self._frames and self._placed:
            result[:3, 3] = -self._pose(self._frames[0])[:3, 3]
        return result

    def _pose(self, frame: PublishedFrame) -> Matrix:
        pose = frame.world_from_grid
        assert pose is not None  # see _placed
        return pose

    @cached_property
    def _rig(self) -> tuple[Path, ...]:
        if self.drive is None:
            return ()
        return tuple((*FRAME, "cameras", name) for name in self.drive.rig.names)
