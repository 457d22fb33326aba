"""Which frames are refined together and which they are shown besides (OccFiner, equation 2).

A log is cut into groups of consecutive frames, counted from its first, and a group is refined in one pass: each frame
once. Beside it the network sees distant frames. The paper draws them at random from those within a radius in time; here
they are those whose place is nearest to a given distance behind and ahead, measured along the way: a car that stands in
a queue has driven no distance, and its frames do not fill the window with copies of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.grid import Grid, overlap

_LEAST = 0.25
"""A reference lies at least this share of the wanted distance away: nearer it would be a copy."""
_OVERLAP = 0.2
"""Share of the grid, seen from above, that a reference must have in common with the group."""


@dataclass(frozen=True, slots=True)
class Window:
    """Frames of one pass, as rows of a sequence of poses."""

    local: tuple[int, ...]
    """Refined in this pass."""
    reference: tuple[int, ...]
    """Shown besides."""

    @property
    def frames(self) -> tuple[int, ...]:
        return self.local + self.reference

    @property
    def pivot(self) -> int:
        """The frame to which the others' coordinates are relative: the middle one of the refined."""
        return self.local[len(self.local) // 2]


@dataclass(frozen=True, slots=True)
class Reach:
    """How windows are laid."""

    local: int = 4
    """Frames refined together, T_l."""
    references: int = 2
    """Distant frames shown besides, T_r."""
    distance: float = 8.0
    """Way [m] to the first reference on either side; to the second on the same side it is twice that."""
    radius: int = 20
    """Frames before and after the group in which references are looked for."""

    @property
    def halo(self) -> int:
        """Frames around any frame that its window may hold."""
        return self.radius + self.local - 1


def windows(first: int, rows: slice, poses: Sequence[Matrix | None], grid: Grid, reach: Reach) -> list[Window]:
    """The windows that refine the ``rows`` of ``poses`` (world_from_grid), whose row 0 is frame ``first`` of the log.

    What a frame is refined with depends on its place in the log alone, not on where ``poses`` starts and ends, as long
    as they hold ``reach.halo`` frames around the rows. A frame without a pose is refined alone.
    """
    result = []
    start = rows.start - (first + rows.start) % reach.local
    for group in range(start, rows.stop, reach.local):
        members = [row for row in range(group, group + reach.local) if 0 <= row < len(poses)]
        placed = tuple(row for row in members if poses[row] is not None)
        alone = [Window((row,), ()) for row in members if poses[row] is None]
        result += [window for window in alone if rows.start <= window.local[0] < rows.stop]
        if any(rows.start <= row < rows.stop for row in placed):
            result.append(Window(placed, _references(placed, poses, grid, reach)))
    return result


def _references(local: tuple[int, ...], poses: Sequence[Matrix | None], grid: Grid, reach: Reach) -> tuple[int, ...]:
    """Rows of the references: one behind, one ahead, the next ones farther; all on one side at the ends of a log."""
    behind = _on_the_way(local[0], range(local[0] - 1, max(local[0] - reach.radius, 0) - 1, -1), poses)
    ahead = _on_the_way(local[-1], range(local[-1] + 1, min(local[-1] + reach.radius, len(poses) - 1) + 1), poses)
    middle = poses[local[len(local) // 2]]
    assert middle is not None

    def common(row: int) -> bool:
        pose = poses[row]
        return pose is not None and overlap(inverse(middle) @ pose, grid) >= _OVERLAP

    chosen: list[int] = []
    for step in range(1, reach.references + 1):
        for way in (behind, ahead):
            row = _nearest(way, step * reach.distance, lambda row: row not in chosen and common(row))
            if row is not None and len(chosen) < reach.references:
                chosen.append(row)
    return tuple(sorted(chosen))


Way = list[tuple[int, float]]
"""Rows and how far [m] along the way they are."""


def _on_the_way(start: int, rows: range, poses: Sequence[Matrix | None]) -> Way:
    """The ``rows`` that have a pose, each with the way [m] from row ``start``, summed from frame to frame."""
    last, way, result = poses[start], 0.0, []
    for row in rows:
        pose = poses[row]
        if pose is not None and last is not None:
            way += float(np.linalg.norm(pose[:3, 3] - last[:3, 3]))
            result.append((row, way))
            last = pose
    return result


def _nearest(way: Way, wanted: float, allowed: Callable[[int], bool]) -> int | None:
    """The row whose way is nearest to ``wanted``; of equally near ones the first. None when none is far enough."""
    for row, far in sorted(way, key=lambda entry: abs(entry[1] - wanted)):
        if far >= _LEAST * wanted and allowed(row):
            return row
    return None
