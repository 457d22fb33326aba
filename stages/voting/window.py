"""Which frames vote on a target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.grid import Grid, overlap


def window(target: int, frames: int, radius: int, stride: int) -> list[int]:
    """Frames ``target`` - radius * stride, ..., target, ..., target + radius * stride that lie in [0, ``frames``)."""
    return [
        frame for frame in range(target - radius * stride, target + radius * stride + 1, stride) if 0 <= frame < frames
    ]


def sources(
    target: int, world_from_grid: Sequence[Matrix | None], grid: Grid, radius: int, stride: int, min_overlap: float
) -> list[tuple[int, Matrix]]:
    """The frames that vote on ``target``, each with ``target_from_source``; the target itself always votes.

    A frame without a pose votes on itself alone; one that covers less than ``min_overlap`` of the target is left out.
    """
    own = world_from_grid[target]
    if own is None:
        return [(target, np.eye(4))]
    result = []
    for frame in window(target, len(world_from_grid), radius, stride):
        pose = world_from_grid[frame]
        if frame == target:
            result.append((frame, np.eye(4)))
        elif pose is not None:
            target_from_source = inverse(own) @ pose
            if min_overlap == 0 or overlap(target_from_source, grid) >= min_overlap:
                result.append((frame, target_from_source))
    return result
