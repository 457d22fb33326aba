"""One correction: whether it can be applied, and what it does to the labels of one frame."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.corrections import Correction
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.words import meant

Cells = tuple[NDArray[np.int64], ...]
"""x, y and z of voxels."""


def unfit(correction: Correction, space: LabelSpace) -> str | None:
    """Why it cannot be applied in the space, or would change nothing, as the end of a sentence."""
    names = space.taxonomy.names
    if (strange := next((name for name in correction.classes if name not in names), None)) is not None:
        known = ", ".join(names)
        return f"names {strange!r}, no class of {space.taxonomy.name}{meant(strange, names)}; it has {known}"
    if (free := names[space.taxonomy.free_id]) in correction.was:
        return f"changes what is there, and was names {free!r}; where something is missing, say wrong: missing"
    movable = {entry.name for entry in space.taxonomy.classes if entry.movable}
    if correction.holds == "log" and (moves := next((name for name in correction.classes if name in movable), None)):
        return f"holds for the whole log and names {moves!r}, which moves; let it hold for its frame"
    return _vain(correction, space.grid)


def _vain(correction: Correction, grid: Grid) -> str | None:
    """Why it changes no voxel of its frame, however that is labelled, as the end of a sentence."""
    if correction.was and set(correction.was) == {correction.became}:
        return (
            f"makes {correction.became!r} of what was {correction.became!r}, which changes nothing; name another class"
        )
    box = correction.box
    places = cells_in(box.grid_from_box, np.array(box.size), grid)
    if not places[0].size:
        return (
            f"has a box that holds the centre of no voxel: its middle is {_short(box.centre)}, its sides are "
            f"{_short(box.size)}, and the grid reaches from {_short(grid.origin)} to {_short(grid.upper)} in voxels of "
            f"{grid.voxel_size:g} m; give a box in the grid of its frame"
        )
    if correction.moved is None:
        return None
    if not np.rint(np.array(correction.moved) / grid.voxel_size).any():
        return f"moves by less than half a voxel of {grid.voxel_size:g} m, which changes nothing; move it further"
    if not _moved(correction, places, grid, np.eye(4))[1].any():
        return "moves all that its box holds out of the grid; where nothing belongs there, say wrong: extraneous"
    return None


def _short(point: tuple[float, float, float]) -> str:
    """``(0, -25.6, -2)``."""
    return f"({', '.join(f'{value:g}' for value in point)})"


def apply(
    correction: Correction, labels: NDArray[np.uint8], sure: NDArray[np.uint8], space: LabelSpace, here: Matrix
) -> int:
    """Corrects ``labels`` and ``sure`` [x, y, z] in place: a voxel that a human named is certain. Returns how many.

    ``here`` [4, 4] leads from the grid of the corrected frame to this one's.
    """
    names, free = space.taxonomy.names, space.taxonomy.free_id
    box = here @ correction.box.grid_from_box
    inside = cells_in(box, np.array(correction.box.size), space.grid)
    found = labels[inside]
    occupied = (found != free) & (found != UNKNOWN)
    if correction.was:
        occupied &= np.isin(found, [names.index(name) for name in correction.was])
    if correction.wrong == "missing":
        chosen, value = (found == free) | (found == UNKNOWN), names.index(str(correction.became))
    elif correction.wrong == "class":
        chosen, value = occupied, names.index(str(correction.became))
    else:
        chosen, value = occupied, free
    places = tuple(axis[chosen] for axis in inside)
    labels[places], sure[places] = value, 255
    if correction.moved is not None:
        there, kept = _moved(correction, places, space.grid, here)
        labels[there], sure[there] = found[chosen][kept], 255
    return int(chosen.sum())


def cells_in(grid_from_box: Matrix, size: NDArray[np.float64], grid: Grid) -> Cells:
    """The voxels whose centres lie in a box of ``size`` [3] about the origin of ``grid_from_box`` [4, 4]."""
    corners = np.array(list(product((-0.5, 0.5), repeat=3))) * size
    reach = transform_points(grid_from_box, corners)
    low = np.floor((reach.min(axis=0) - grid.origin) / grid.voxel_size).clip(0, grid.shape).astype(int)
    high = np.ceil((reach.max(axis=0) - grid.origin) / grid.voxel_size).clip(0, grid.shape).astype(int)
    x, y, z = (axis.ravel() for axis in np.meshgrid(*map(np.arange, low, high), indexing="ij"))
    centres = (np.stack([x, y, z], axis=1) + 0.5) * grid.voxel_size + grid.origin
    within = (np.abs(transform_points(inverse(grid_from_box), centres)) <= size / 2).all(axis=1)
    return x[within], y[within], z[within]


def _moved(correction: Correction, places: Cells, grid: Grid, here: Matrix) -> tuple[Cells, NDArray[np.bool_]]:
    """Where the voxels at ``places`` [n] belong, and which [n] of them stay in the grid: the others are gone."""
    shift = here[:3, :3] @ np.array(correction.moved) / grid.voxel_size
    there = np.stack(places) + np.rint(shift).astype(int)[:, None]
    kept: NDArray[np.bool_] = ((there >= 0) & (there < np.array(grid.shape)[:, None])).all(axis=0)
    return tuple(there[:, kept]), kept
