"""Whether the poses of a log run with its scans or against them, or across: things meet where one of both puts them
alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix

_NEAR = 20.0
"""Metres around the middle between two frames."""
_CELL, _THICK, _FEWEST = 0.5, 0.5, 3
"""A cell, seen from above, shows something upright where its points, three at least, reach over half a metre."""
_CELLS = 10
"""Cells that each of two frames must show."""
_ROW = 1 << 22
"""Cells a row: more than a world has."""
_CLEAR = 0.15
"""By how much more of what is upright must meet. On real logs 0.3 to 0.8 more does."""

Scans = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]
"""Points [n, 3] of two frames, each in its ego frame."""
Places = tuple[Matrix, Matrix]
"""world_from_ego of these."""


def against(found: list[float]) -> bool:
    """Whether ``found`` of several pairs of frames (see ``gain``) say that other poses fit the scans."""
    return bool(found) and float(np.median(found)) > _CLEAR


def gain(scans: Scans, given: Places, others: Places) -> float | None:
    """How much more of what is upright meets, -1..1, where ``others`` put two frames instead of ``given``, as the poses
    of the frames as far from the end as these are from the beginning. None where too little is upright."""
    one, other = _meeting(scans, given), _meeting(scans, others)
    return None if one is None or other is None else other - one


def _meeting(scans: Scans, places: Places) -> float | None:
    """Share of the upright cells of the frame that has fewer that are upright in the other too."""
    middle = (places[0][:2, 3] + places[1][:2, 3]) / 2
    one, other = (_upright(points, place, middle) for points, place in zip(scans, places, strict=True))
    fewer = min(len(one), len(other))
    return None if fewer < _CELLS else len(np.intersect1d(one, other, assume_unique=True)) / fewer


def _upright(
    points: NDArray[np.floating[Any]], world_from_ego: Matrix, middle: NDArray[np.float64]
) -> NDArray[np.int64]:
    moved = np.asarray(points, np.float64)[:, :3] @ world_from_ego[:3, :3].T + world_from_ego[:3, 3]
    placed = moved - [*np.floor(middle), 0.0]
    placed = placed[(np.hypot(placed[:, 0], placed[:, 1]) < _NEAR) & np.isfinite(placed[:, 2])]
    cell = np.floor(placed[:, :2] / _CELL).astype(np.int64) @ [_ROW, 1]
    order = np.argsort(cell, kind="stable")
    keys, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    if not len(keys):
        return np.zeros(0, np.int64)
    z = placed[order, 2]
    thick = np.maximum.reduceat(z, first) - np.minimum.reduceat(z, first)
    upright: NDArray[np.int64] = keys[(count >= _FEWEST) & (thick > _THICK)]
    return upright
