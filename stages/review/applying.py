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
    """Why it cannot be applied in the space, as the end of a sentence."""
    names = space.taxonomy.names
    if (strange := next((name for name in correction.classes if name not in names), None)) is not None:
        known = ", ".join(names)
        return f"names {strange!r}, no class of {space.taxonomy.name}{meant(strange, names)}; it has {known}"
    if (free := names[space.taxonomy.free_id]) in correction.was:
        return f"changes what is there, and was names {free!r}; where something is missing, say wrong: missing"
    movable = {entry.name for entry in space.taxonomy.classes if entry.movable}
    if correction.holds == "log" and (moves := next((name for name in correction.classes if name in movable), None)):
        return f"holds for the whole log and names {moves!r}, which moves; let it hold for its frame"
    return None


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
    moved = _moved(correction, found[chosen], places, space.grid, here) if correction.moved is not None else None
    labels[places], sure[places] = value, 255
    if moved is not None:
        there, classes = moved
        labels[there], sure[there] = classes, 255
    return int(chosen.sum())


def cells_in(grid_from_box: Matrix, size: NDArray[np.float64], grid: Grid) -> Cells:
    """The voxels whose centres lie in a box of ``size`` [3] about the origin of ``grid_from_box`` [4, 4]."""
    corners = np.array(list(product((-0.5, 0.5), repeat=3))) * size
    reach = transform_points(grid_from_box, corners)
    low = np.floor((reach.min(axis=0) - grid.origin) / grid.voxel_size).astype(int).clip(0, grid.shape)
    high = np.ceil((reach.max(axis=0) - grid.origin) / grid.voxel_size).astype(int).clip(0, grid.shape)
    x, y, z = (axis.ravel() for axis in np.meshgrid(*map(np.arange, low, high), indexing="ij"))
    centres = (np.stack([x, y, z], axis=1) + 0.5) * grid.voxel_size + grid.origin
    within = (np.abs(transform_points(inverse(grid_from_box), centres)) <= size / 2).all(axis=1)
    return x[within], y[within], z[within]


def _moved(
    correction: Correction, classes: NDArray[np.uint8], places: Cells, grid: Grid, here: Matrix
) -> tuple[Cells, NDArray[np.uint8]]:
    """Where the voxels at ``places`` belong, and their classes; those that leave the grid are gone."""
    shift = here[:3, :3] @ np.array(correction.moved) / grid.voxel_size
    there = np.stack(places) + np.rint(shift).astype(int)[:, None]
    kept = ((there >= 0) & (there < np.array(grid.shape)[:, None])).all(axis=0)
    return tuple(there[:, kept]), classes[kept]
