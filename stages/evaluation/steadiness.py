"""Whether labels stay what they are from one frame to the next: what does not move, and the shape of what does.

After UniOcc (2025), which scores occupancy without truth by how well the static background and the shapes of objects
agree over time; the tolerance and the counts are ours.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects
from occlabel.schemas.taxonomy import UNKNOWN

_AROUND = np.array(sorted(product((-1, 0, 1), repeat=3), key=lambda step: sum(map(abs, step))))
"""A voxel and the 26 around it, the nearest first: a moved voxel of a surface may fall beside that of the surface."""


def static_agreement(
    now: NDArray[np.uint8], before: NDArray[np.uint8], before_from_now: Matrix, grid: Grid, static: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Counts [256, 2] by class of ``now``: voxels of a class that is ``static`` [256] whose place the frame before
    knows, and those of them that have their class there or in a voxel next to it.

    ``now`` and ``before`` are class ids [x, y, z] over ``grid``; ``before_from_now`` moves the grid's frame [4, 4].
    """
    cells = np.argwhere(static[now])
    classes = now[tuple(cells.T)]
    centres = np.array(grid.origin) + (cells + 0.5) * grid.voxel_size
    there, inside = grid.cells(transform_points(before_from_now, centres))
    known = inside.copy()
    known[inside] = before[tuple(there[inside].T)] != UNKNOWN
    classes, there = classes[known], there[known]
    found = _near(before, there, classes)
    counts = [np.bincount(classes, minlength=256), np.bincount(classes[found], minlength=256)]
    return np.stack(counts, axis=1)


def shape_agreement(
    objects: tuple[Objects, Objects],
    instance_before: NDArray[np.integer[Any]],
    before_from_now: Matrix,
    grid: Grid,
) -> dict[int, float]:
    """Id -> share of the object's voxels that the same object has in the frame before too, or next to them, its
    centroid laid onto that of before. ``objects``: those of now and of before; ``instance_before`` [x, y, z].

    Only objects that both frames show whole: what the border of the grid cuts changes its shape by that alone.
    """
    now, before = objects
    whole = {int(i): n for n, i in enumerate(before.ids) if not before.cut(grid)[n]} if len(before) else {}
    cut = now.cut(grid)
    offsets = now.offsets(grid)
    result = {}
    for n, track in enumerate(now.ids.tolist()):
        if cut[n] or track not in whole:
            continue
        mine = slice(now.starts[n], now.starts[n + 1])
        turned = offsets[mine] @ before_from_now[:3, :3].T
        there, inside = grid.cells(before.centroids[whole[track]] + turned)
        found = np.zeros(len(there), np.bool_)
        found[inside] = _near(instance_before, there[inside], np.full(int(inside.sum()), track))
        result[track] = float(found.mean())
    return result


def _near(
    volume: NDArray[np.integer[Any]], cells: NDArray[np.int64], wanted: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """[n]: whether the voxel of ``cells`` [n, 3] or one next to it holds what is ``wanted`` [n]."""
    found = np.zeros(len(cells), np.bool_)
    left = np.arange(len(cells))
    last = np.array(volume.shape) - 1
    for step in _AROUND:
        near = np.clip(cells[left] + step, 0, last)
        hit = volume[tuple(near.T)] == wanted[left]
        found[left[hit]] = True
        left = left[~hit]
        if not len(left):
            break
    return found
