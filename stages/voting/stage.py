"""Global voting as a stage: +-radius frames around each frame vote on its voxels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
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
from stages.voting.weights import SensorModel, default_near_box, default_reach
from stages.voting.window import sources

if TYPE_CHECKING:
    from stages.voting.ballots import BallotBox, Rules
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
    method: Literal["splat", "gather", "rolling"] = "gather"
    """How votes find their cell: the paper's forward registration; looked up from the target, without its holes; or in
    a grid of the world, which costs the same for every radius and rounds twice."""
    weigh_confidence: bool = True
    """Whether a frame's vote also counts with the frame's own confidence in it."""
    empty_weight: float = Field(default=1.0, gt=0, le=16)
    """How much a vote for free counts against one for a class, in steps of a sixteenth."""
    movable_boost: int = Field(default=100, ge=1, le=255)
    """How much more a frame's own votes for movable classes count in its own voxels: what moves is where this frame
    sees it, and elsewhere in the next. 1 treats movable classes like all others."""
    movable_confidence: float = Field(default=0.5, ge=0, le=1)
    """How sure a vote for a movable class must be; less sure it counts 1 / ``movable_boost``."""

    hidden_divisor: int = Field(default=1, ge=1, le=1000)
    """By how much less a voxel counts that lies behind what its own frame says is in the way, seen from the LiDAR."""
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
        from stages.voting.ballots import BallotBox

        sure = None if self.calibration is None else load(self.calibration, space)
        box = BallotBox(self._rules(space.grid), space)
        method = _method(self.method, device)
        return lambda clip, inputs: self._process(clip, inputs, space, box, sure, method)

    def _rules(self, grid: Grid) -> Rules:
        from stages.voting.ballots import Rules

        return Rules(
            sensor=self.sensor,
            reach=self.lidar_range or default_reach(grid),
            near_box=default_near_box(grid, self.near_box),
            weigh_confidence=self.weigh_confidence,
            movable_boost=self.movable_boost,
            movable_confidence=self.movable_confidence,
            hidden_divisor=self.hidden_divisor,
        )

    def _process(
        self,
        clip: Clip,
        inputs: Inputs,
        space: LabelSpace,
        box: BallotBox,
        calibration: Calibration | None,
        method: Callable[[Ballots], Method],
    ) -> Arrays:
        shape = (clip.frames, *space.grid.shape)
        result: Arrays = {
            "semantics": np.full(shape, UNKNOWN, np.uint8),
            "confidence": np.zeros(shape, np.uint8),
            "support": np.zeros(shape, np.uint16),
        }
        poses = [_world_from_grid(clip.log, frame, space.grid) for frame in inputs.frames]
        count = method(box.ballots(inputs, _places(poses, space.grid)))
        for row in range(clip.frames):
            target = clip.start - inputs.first + row
            voters = sources(target, poses, space.grid, self.radius, self.stride, self.min_overlap)
            outcome = count.vote(self._voters(target, voters, space), space.grid.shape)
            known = outcome.support > 0
            result["semantics"][row] = np.where(known, outcome.winner, UNKNOWN)
            sure = outcome.margin if calibration is None else calibration.confidence(outcome.winner, outcome.margin)
            result["confidence"][row] = np.where(known, sure, 0)
            result["support"][row] = outcome.support
        return result

    def _voters(self, target: int, voters: list[tuple[int, Matrix]], space: LabelSpace) -> Voters:
        from stages.voting.ballots import movable_ids
        from stages.voting.vote import Voters, cell_from_voxel

        grid, taxonomy = space.grid, space.taxonomy
        frames = np.array([frame for frame, _ in voters])
        matrices = [
            cell_from_voxel(target_from_source, grid.origin, grid.voxel_size, grid.origin, grid.voxel_size)
            for _, target_from_source in voters
        ]
        multipliers = np.full((len(frames), len(taxonomy.classes)), _ONE, np.int32)
        multipliers[:, taxonomy.free_id] = round(self.empty_weight * _ONE)
        multipliers[np.ix_(frames == target, movable_ids(space)[: len(taxonomy.classes)])] *= self.movable_boost
        return Voters(frames, np.stack(matrices), multipliers, target)


_ONE = 16
"""The multiplier of a vote that counts once: empty votes are weighed in steps of a sixteenth."""


def _method(name: str, device: str) -> Callable[[Ballots], Method]:
    if name == "splat":
        from stages.voting.splat import Splat

        return Splat
    if name == "rolling":
        from stages.voting.rolling import Rolling

        return Rolling
    if device != "cpu":
        from stages.voting.gather_torch import GatherTorch

        return partial(GatherTorch, device=device)
    from stages.voting.gather import Gather

    return Gather


def _places(poses: Sequence[Matrix | None], grid: Grid) -> NDArray[np.float64]:
    """``Ballots.world_from_voxel`` of frames with these world_from_grid poses."""
    from stages.voting.vote import cell_from_voxel

    size, nowhere = grid.voxel_size, np.full((3, 4), np.nan)
    return np.stack([nowhere if p is None else cell_from_voxel(p, grid.origin, size, 0.0, size) for p in poses])


def _world_from_grid(log: str, frame: Frame, grid: Grid) -> Matrix | None:
    pose = frame.world_from_grid(grid)
    return None if pose is None else rigid(pose, f"log {log}, frame {frame.name}: pose")


VotingStage = Registration
"""The kinds of the voting slot."""
