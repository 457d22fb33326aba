"""By which rules the frames of a log vote on each other: the options of the stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from occlabel.schemas.stage import NAME_OR_FILE
from occlabel.stages.voting.methods import ONE, ROOM
from occlabel.stages.voting.weights import SensorModel, heaviest_vote


class Rules(BaseModel):
    """The defaults measured best on held-out towns (docs/results/chain.md)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    radius: int = Field(default=25, ge=0, le=10_000)
    """Frames that vote before and after the target: at most 195 with the other options as they are by default, as the
    votes of a voxel have 32 bits."""
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
    empty_weight: float = Field(default=1.0, ge=1 / ONE, le=16)
    """How much a vote for free counts against one for a class, in steps of a sixteenth."""
    own_boost: int = Field(default=1, ge=1, le=255)
    """How much more a frame's own votes count in its own voxels, for classes that cannot move and for free: what this
    frame is sure of, others see from farther away and less well."""
    movable_boost: int = Field(default=30, ge=1, le=255)
    """How much more a frame's own votes for movable classes count in its own voxels: what moves is where this frame
    sees it, and elsewhere in the next. 1 treats movable classes like all others."""
    movable_confidence: float = Field(default=0.6, ge=0, le=1)
    """How sure a vote for a movable class must be; less sure it counts 1 / ``movable_boost``."""
    cleared_confidence: float | None = Field(default=0.6, ge=0, le=1)
    """How sure a frame must be that a voxel of its own holds nothing that can move, to overrule the others: the place
    that a car has left is free or road again. null leaves it to the votes."""
    hidden_divisor: int = Field(default=4, ge=1, le=1000)
    """By how much less a voxel counts that lies behind what its own frame says is in the way, seen from the LiDAR;
    things that can move are spared."""
    evidence: bool = True
    """Whether sweeps bear witness (slot ``evidence``): what a frame's own sweep hit is never free in its label, and
    support counts the frames that saw a voxel, not those that have a label for it."""
    observed_only: bool = False
    """Whether voxels that no frame of the window observed are unknown, not completed."""
    calibration: Annotated[str | None, NAME_OR_FILE] = None
    """What makes confidence a chance of being right: a file of ``occlabel calibrate``, or the name of a shipped one."""
    log_shift: bool = True
    """Whether confidence is corrected by how sure a frame is of what its own sweep hit, held against the frames of the
    calibration: on streets unlike those, frames are less sure and labels are wrong more often. Needs ``evidence``."""

    @property
    def largest_radius(self) -> int:
        """The largest radius by which the votes of a voxel, all as heavy as can be, fit into its 32 bits."""
        free = round(self.empty_weight * ONE)
        votes = (ROOM - 1) // heaviest_vote(self.sensor, self.weigh_confidence)
        own = max(self.movable_boost * ONE, self.own_boost * max(ONE, free))
        return (votes - own) // (2 * max(ONE, free))
