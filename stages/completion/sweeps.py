"""What an offboard model looks at: the frame's own sweep, and those of frames before and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from occlabel.schemas.geometry import inverse
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Inputs
from occlabel.stages.completion.slot import seen
from occlabel.stages.sensing.scan import Scan, moved


@dataclass(frozen=True, slots=True)
class Sweeps:
    """All in the frame of the grid, where the own one saw it."""

    own: Scan
    others: tuple[Scan, ...] = ()


See = Callable[[Inputs, int, Grid], Scan | None]


def sweeps_around(
    inputs: Inputs,
    row: int,
    grid: Grid,
    reach: int,
    stride: int,
    see: See = seen,
) -> Sweeps | None:
    """The sweep of a frame and those of ``reach`` frames before and after it, ``stride`` frames apart, nearest first,
    as ``see`` sees them.

    None for a frame without a scan; frames without a scan or a pose are passed over, and one without a pose of its own
    is seen alone.
    """
    own, place = see(inputs, row, grid), inputs.world_from_grid(row, grid) if reach else None
    if own is None:
        return None
    others = []
    for away in range(stride, reach * stride + 1, stride) if place is not None else ():
        for other in (row - away, row + away):
            if not 0 <= other < len(inputs.frames):
                continue
            pose = inputs.world_from_grid(other, grid)
            scan = None if pose is None else see(inputs, other, grid)
            if scan is not None and pose is not None and place is not None:
                others.append(moved(scan, inverse(place) @ pose))
    return Sweeps(own, tuple(others))
