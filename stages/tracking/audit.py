"""The audit slot: what a track says of its object that no single frame can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from occlabel.schemas.arrays import FLOW, INSTANCE, MEASURED, POSES, SEMANTICS, TRACKS, ArraySpec, Extent
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import summarise
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.tracking.flow import motion, rigid_flow
from occlabel.stages.tracking.motion import LEAST, has_moved
from occlabel.stages.tracking.sightings import Sighting, seen, sightings
from occlabel.stages.tracking.usual_sizes import USUAL, Size
from occlabel.stages.tracking.whole_boxes import centre, whole_boxes


class Tracks(Stage):
    """Each object gets the class that most of its voxels had in the frames around; what was never measured, or seen
    only once, is no object; and what has moved gets its flow.

    Whether something is an object changes its id to 0 and leaves its voxels their class: something may be there. Where
    ids cannot hold, as a frame has no pose or too few around it have one, having been seen once speaks against nothing.
    """

    slot: ClassVar[str] = "audit"
    version: ClassVar[int] = 6
    # Tracks are not looked at: who writes them has made the ids hold over time.
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, INSTANCE, TRACKS, POSES, MEASURED)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, INSTANCE, FLOW)

    kind: Literal["tracks"] = "tracks"
    window: int = Field(default=20, ge=1)
    """Frames before and after one that have a say in it."""
    seen: int = Field(default=2, ge=1)
    """What was an object in fewer frames is none, where the frame and as many in the window have poses."""
    evidence: int = Field(default=0, ge=0)
    """Voxels that LiDAR points must lie in, in that of the frames where most do: what never had so many is no object.
    With any, an evidence block has to say where points lie."""
    present: int = Field(default=0, ge=0)
    """How many there must be in the frame itself."""
    relabel: bool = True
    """Whether the voxels of an object get its class."""
    flow: bool = True
    """Whether to write the flow: three numbers a voxel, nearly all of them 0."""

    @model_validator(mode="after")
    def _can_be_seen(self) -> Self:
        if self.seen > (most := 2 * self.window + 1):
            raise ValueError(
                f"seen={self.seen} frames are more than the {most} that window={self.window} looks at: nothing is "
                "seen so often; set a smaller seen, or a larger window"
            )
        return self

    @property
    def _asks_evidence(self) -> bool:
        return self.evidence > 0 or self.present > 0

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return self.reads if self._asks_evidence else self.reads[:-1]

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        asked = {SEMANTICS.name: self.relabel, INSTANCE.name: True, FLOW.name: self.flow}
        return tuple(spec for spec in self.writes if asked[spec.name])

    def without(self, array: str) -> Tracks | None:
        """Nobody is asked for evidence where nobody has any."""
        asks = array == MEASURED.name and self._asks_evidence
        return self.model_copy(update={"evidence": 0, "present": 0}) if asks else None

    @property
    def halo(self) -> int:
        return self.window

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; what is read of all frames; what is written of the clip, with the shards made of it."""
        extent = Extent(1, space.grid)
        read = sum(extent.nbytes(spec) for spec in self.needed if "x" in spec.dims)
        written = sum(extent.nbytes(spec) for spec in self.written)
        frame = 40 * space.grid.voxels
        return Resources(
            memory=(400 << 20) + frame + read * (clip_frames + 2 * self.window) + 2 * written * clip_frames
        )

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        things = np.zeros(UNKNOWN + 1, np.bool_)
        things[: len(space.taxonomy.classes)] = [entry.thing for entry in space.taxonomy.classes]

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            lives = self._lives(inputs, space.grid)
            placed = np.array([inputs.pose(row) is not None for row in range(len(inputs.frames))])
            target = inputs.target(clip)
            semantics, instance = inputs[SEMANTICS][target].copy(), inputs[INSTANCE][target].copy()
            flow = FLOW.empty(Extent(clip.frames, space.grid)) if self.flow else None
            if flow is not None:
                flow[semantics != UNKNOWN] = 0
            for n, row in enumerate(inputs.own(clip)):
                objects = summarise(instance[n], semantics[n], space.grid)
                pose = inputs.world_from_grid(row, space.grid)
                offsets = objects.offsets(space.grid)
                least = self._least(placed, row)
                for which, track in enumerate(objects.ids.tolist()):
                    life = [sighting for sighting in lives[track] if abs(sighting.frame - row) <= self.window]
                    mine = slice(objects.starts[which], objects.starts[which + 1])
                    cells = tuple(objects.cells[mine].T)
                    if len(life) < least or not self._has_evidence(life, row):
                        instance[n][cells] = 0
                        continue
                    class_id = _class(life, things)
                    if self.relabel:
                        own = semantics[n][cells]
                        semantics[n][cells] = np.where(things[own], class_id, own)
                    if flow is not None:
                        usual = USUAL.get(space.taxonomy.names[class_id])
                        places = objects.centroids[which] + offsets[mine]
                        flow[n][cells] = _flow(life, row, pose, places, usual, space.grid.voxel_size)
            arrays: Arrays = {INSTANCE.name: instance}
            if self.relabel:
                arrays[SEMANTICS.name] = semantics
            if flow is not None:
                arrays[FLOW.name] = flow
            return arrays

        return process

    def _lives(self, inputs: Inputs, grid: Grid) -> dict[int, list[Sighting]]:
        """The sightings of each track, by row."""
        lives: dict[int, list[Sighting]] = {}
        for row, frame in enumerate(inputs.frames):
            semantics = inputs[SEMANTICS][row]
            objects = summarise(inputs[INSTANCE][row], semantics, grid)
            measured = inputs[MEASURED][row] if self._asks_evidence else None
            pose = inputs.world_from_grid(row, grid)
            for sighting in sightings(objects, semantics, grid, row, frame.time, pose, measured):
                lives.setdefault(sighting.track, []).append(sighting)
        return lives

    def _least(self, placed: NDArray[np.bool_], row: int) -> int:
        """In how many frames what is an object in ``row`` has to be one; ``placed`` [n]: which frames have a pose.

        Ids end with a frame that has none, and with the log: what could not be seen again need not have been.
        """
        around = placed[max(row - self.window, 0) : row + self.window + 1]
        return self.seen if placed[row] and np.count_nonzero(around) >= self.seen else 1

    def _has_evidence(self, life: list[Sighting], row: int) -> bool:
        if not self._asks_evidence:
            return True
        here = next(sighting.measured for sighting in life if sighting.frame == row)
        return here >= self.present and max(sighting.measured for sighting in life) >= self.evidence


def _class(life: list[Sighting], things: NDArray[np.bool_]) -> np.uint8:
    """The class of things that most voxels of the track have."""
    votes = np.sum([sighting.votes for sighting in life], axis=0)
    return np.uint8(np.where(things, votes, -1).argmax())


def _flow(
    life: list[Sighting],
    row: int,
    pose: Matrix | None,
    places: NDArray[np.float64],
    usual: Size | None,
    voxel_size: float,
) -> NDArray[np.float64] | float:
    """[n, 3] of the voxels of one object at ``places`` [n, 3], which goes as the middle of its box does; 0 where it
    does not move, NaN where nobody knows."""
    placed = [sighting for sighting in life if np.isfinite(sighting.place).all()]
    if pose is None or len(placed) < LEAST:
        return np.nan
    known = seen(placed)
    if not has_moved(known, voxel_size):
        return 0.0
    at = next(n for n, sighting in enumerate(placed) if sighting.frame == row)
    boxes = whole_boxes(placed, usual, voxel_size)
    middles = np.array([centre(sighting, box) for sighting, box in zip(placed, boxes, strict=True)])
    return rigid_flow(places - boxes[at, :3], *motion(replace(known, places=middles), at), inverse(pose))
