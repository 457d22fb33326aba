"""Global voting as a stage: +-radius frames around each frame vote on its voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.drive_log import Frame
from schemas.geometry import Matrix, rigid
from schemas.grid import Grid
from schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Resources, Sensor, Stage
from schemas.taxonomy import UNKNOWN
from stages.voting.calibration import Calibration, find, load
from stages.voting.weights import Box, SensorModel, default_near_box, default_reach, frame_weights, soft_weights, weaken
from stages.voting.window import sources

if TYPE_CHECKING:
    from stages.voting.vote import Ballots, Method, Voters


class Registration(Stage):
    """The sensor-weighted registration of OccFiner (section III-C), empty votes included.

    A frame whose scan was damaged (all UNKNOWN) is filled by its neighbours; a frame without a pose keeps its own
    labels. Semantics is UNKNOWN where no frame voted; confidence is the vote margin, or how often labels that won by
    such a margin are right where there is a calibration; support counts the frames.
    """

    slot: ClassVar[str] = "voting"
    version: ClassVar[int] = 3
    reads: ClassVar[tuple[str, ...]] = ("semantics", "confidence")
    senses: ClassVar[tuple[Sensor, ...]] = ("poses",)
    writes: ClassVar[tuple[str, ...]] = ("semantics", "confidence", "support")

    kind: Literal["registration"] = "registration"
    radius: int = Field(default=25, ge=0)
    """Frames that vote before and after the target."""
    stride: int = Field(default=1, ge=1)
    """Every how manyth frame votes; the window spans radius * stride frames each way."""
    min_overlap: float = Field(default=0.0, ge=0, le=1)
    """Share of the target that a frame must cover, seen from above, to vote."""
    sensor: SensorModel = "lidar"
    """What a voxel's weight depends on: nothing, the cameras' images, or the distance from the LiDAR."""
    lidar_range: float | None = Field(default=None, gt=0)
    """Distance [m] at which the LiDAR weight reaches its least; the grid's reach along x when not given."""
    near_box: tuple[float, float, float] = (25.6, 25.6, 6.4)
    """Size [m] of the box in which a voxel seen by a camera has the highest weight; it lies in front of the car in a
    grid that does, around it otherwise."""
    method: Literal["splat", "gather"] = "gather"
    """How votes find their cell: the paper's forward registration, or looked up from the target, without its holes."""
    weigh_confidence: bool = True
    """Whether a frame's vote also counts with the frame's own confidence in it."""
    empty_weight: float = Field(default=1.0, gt=0, le=16)
    """How much a vote for free counts against one for a class, in steps of a sixteenth."""
    movable_boost: int = Field(default=100, ge=1, le=255)
    """How much more a frame's own votes for movable classes count in its own voxels: what moves is where this frame
    sees it, and elsewhere in the next. 1 treats movable classes like all others."""
    movable_confidence: float = Field(default=0.5, ge=0, le=1)
    """How sure a vote for a movable class must be; less sure it counts 1 / ``movable_boost``."""

    calibration: str | None = None
    """What makes confidence a chance of being right: a file of ``occlabel calibrate``, or the name of a shipped one."""

    @property
    def halo(self) -> int:
        return self.radius * self.stride

    def resources(self, space: LabelSpace) -> Resources:
        """Two input bytes, two of weight and a list of what is not free over the window and a clip; four output bytes a
        voxel of a clip; and the libraries."""
        frames = 2 * self.halo + 32
        return Resources(memory=(500 << 20) + 5 * frames * space.grid.voxels + 4 * 32 * space.grid.voxels)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return () if self.calibration is None else (find(self.calibration),)

    def refuse(self, space: LabelSpace) -> str | None:
        if self.calibration is not None:
            load(self.calibration, space)
        return None

    def setup(self, space: LabelSpace, device: str) -> Process:
        sure = None if self.calibration is None else load(self.calibration, space)
        volumes = _Volumes(self, space.grid)
        return lambda clip, inputs: self._process(clip, inputs, space, volumes, sure)

    def _process(
        self, clip: Clip, inputs: Inputs, space: LabelSpace, volumes: _Volumes, calibration: Calibration | None
    ) -> Arrays:
        shape = (clip.frames, *space.grid.shape)
        result: Arrays = {
            "semantics": np.full(shape, UNKNOWN, np.uint8),
            "confidence": np.zeros(shape, np.uint8),
            "support": np.zeros(shape, np.uint16),
        }
        poses = [_world_from_grid(clip.log, frame, space.grid) for frame in inputs.frames]
        method = _methods()[self.method](self._ballots(inputs, space, volumes))
        for row in range(clip.frames):
            target = clip.start - inputs.first + row
            voters = sources(target, poses, space.grid, self.radius, self.stride, self.min_overlap)
            outcome = method.vote(self._voters(target, voters, space), space.grid.shape)
            known = outcome.support > 0
            result["semantics"][row] = np.where(known, outcome.winner, UNKNOWN)
            sure = outcome.margin if calibration is None else calibration.confidence(outcome.winner, outcome.margin)
            result["confidence"][row] = np.where(known, sure, 0)
            result["support"][row] = outcome.support
        return result

    def _ballots(self, inputs: Inputs, space: LabelSpace, volumes: _Volumes) -> Ballots:
        from stages.voting.vote import Ballots

        labels = inputs.arrays["semantics"].astype(np.uint8, copy=False)
        confidence = inputs.arrays["confidence"].astype(np.uint8, copy=False)
        which, weights = volumes.of(inputs.frames)
        if self.weigh_confidence or self.movable_boost > 1:
            frames = zip(which, labels, confidence, strict=True)
            weights = np.stack([self._weights(weights[n], label, sure, _movable(space)) for n, label, sure in frames])
            which = np.arange(len(weights))
        return Ballots(labels, weights, which, len(space.taxonomy.classes), space.taxonomy.free_id)

    def _weights(
        self,
        rig: NDArray[np.uint16],
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8],
        movable: NDArray[np.bool_],
    ) -> NDArray[np.uint16]:
        """What the votes of one frame count, from its rig's weights; all [X, Y, Z]."""
        weights = soft_weights(rig, confidence) if self.weigh_confidence else rig.copy()
        if self.movable_boost > 1:
            weaken(weights, labels, confidence, movable, self.movable_confidence, self.movable_boost)
        return weights

    def _voters(self, target: int, voters: list[tuple[int, Matrix]], space: LabelSpace) -> Voters:
        from stages.voting.vote import Voters, cell_from_voxel

        grid, taxonomy = space.grid, space.taxonomy
        frames = np.array([frame for frame, _ in voters])
        matrices = [
            cell_from_voxel(target_from_source, grid.origin, grid.voxel_size, grid.origin, grid.voxel_size)
            for _, target_from_source in voters
        ]
        multipliers = np.full((len(frames), len(taxonomy.classes)), _ONE, np.int32)
        multipliers[:, taxonomy.free_id] = round(self.empty_weight * _ONE)
        multipliers[np.ix_(frames == target, _movable(space)[: len(taxonomy.classes)])] *= self.movable_boost
        return Voters(frames, np.stack(matrices), multipliers)


_ONE = 16
"""The multiplier of a vote that counts once: empty votes are weighed in steps of a sixteenth."""


def _movable(space: LabelSpace) -> NDArray[np.bool_]:
    """By class id [256], whether things of the class can move."""
    result = np.zeros(256, bool)
    result[: len(space.taxonomy.classes)] = [entry.movable for entry in space.taxonomy.classes]
    return result


def _methods() -> dict[str, type[Method]]:
    from stages.voting.gather import Gather
    from stages.voting.splat import Splat

    return {"splat": Splat, "gather": Gather}


class _Volumes:
    """The weight volumes of the rigs that occur in a log, computed once each."""

    def __init__(self, stage: Registration, grid: Grid) -> None:
        self._sensor = stage.sensor
        self._reach = stage.lidar_range or default_reach(grid)
        self._near_box: Box = default_near_box(grid, stage.near_box)
        self._grid = grid
        self._keys: list[bytes] = []
        self._stack: NDArray[np.uint16] = np.empty((0, *grid.shape), np.uint16)

    def of(self, frames: Sequence[Frame]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """The rig of each frame [n], as rows of the weight volumes [rig, X, Y, Z]."""
        wanted = [frame_weights(frame, self._grid, self._sensor, self._reach, self._near_box) for frame in frames]
        keys = list(dict.fromkeys(key for key, _ in wanted))
        if not set(keys) <= set(self._keys):
            compute = dict(wanted)
            kept = {key: self._stack[n] for n, key in enumerate(self._keys)}
            self._stack = np.stack([kept[key] if key in kept else compute[key]() for key in keys])
            self._keys = keys
        return np.array([self._keys.index(key) for key, _ in wanted]), self._stack


def _world_from_grid(log: str, frame: Frame, grid: Grid) -> Matrix | None:
    pose = frame.world_from_grid(grid)
    return None if pose is None else rigid(pose, f"log {log}, frame {frame.name}: pose")


VotingStage = Registration
"""The kinds of the voting slot."""
