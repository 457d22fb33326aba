"""Whose voxel or point it is: instances of what has a class, from annotated boxes.

Data sets annotate voxels with classes and objects with boxes. A voxel whose centre lies in a box of its own class
belongs to that object; where boxes overlap, to the first of them. Boxes are drawn tightly and voxels are coarse, so
boxes may be enlarged (OffsetOcc: 0.3 m on every side), and what is left over may go to the nearest box of its class
(SparseOcc: within 0.8 m).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Box
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN

Place = tuple[slice, slice, slice]


def owners(
    semantics: NDArray[np.uint8], grid: Grid, grid_from_world: Matrix, boxes: Sequence[Box], classes: Sequence[int],
    *, enlarged: float = 0.0, leftovers: float = 0.0, blocking: bool = False,
) -> NDArray[np.int32]:  # fmt: skip
    """Of each voxel, the place in ``boxes`` of the box that has it, -1 for none: int32 [x, y, z].

    ``semantics`` [x, y, z] are class ids over ``grid``, ``classes`` those of the boxes; a class that no voxel has (or
    UNKNOWN) takes nothing, and neither does a box of zero size or of a pose that is not finite. ``enlarged`` [m] is
    added on every side of a box. Voxels of a class with boxes that no box has go to the nearest box of their class
    that is ``leftovers`` [m] away or less; by default none does. With ``blocking`` a box also keeps voxels of other
    classes from the boxes after it, as the truth of OffsetOcc has it.
    """
    result = np.full(grid.shape, -1, np.int32)
    taken = np.zeros(grid.shape, np.bool_)
    poses = [grid_from_world @ box.world_from_box for box in boxes]
    real = [i for i, box in enumerate(boxes) if min(box.size) > 0 and np.isfinite(poses[i]).all()]
    for i in real:
        half = np.array(boxes[i].size) / 2 + enlarged
        place, offset = _around(grid, poses[i], half)
        # The reference leaves out a voxel on a side and keeps one on the top or the bottom.
        inside = (offset[..., 0] < half[0]) & (offset[..., 1] < half[1]) & (offset[..., 2] <= half[2])
        inside &= ~taken[place]
        own = inside & (semantics[place] == classes[i])
        result[place][own] = i
        taken[place] |= inside if blocking else own
    if leftovers > 0:
        nearest = np.full(grid.shape, np.inf, np.float32)
        free = result < 0
        for i in real:
            half = np.array(boxes[i].size) / 2 + enlarged
            place, offset = _around(grid, poses[i], half + leftovers)
            distance = np.linalg.norm(np.maximum(offset - half, 0), axis=-1).astype(np.float32)
            nearer = free[place] & (semantics[place] == classes[i])
            nearer &= (distance <= leftovers) & (distance < nearest[place])
            result[place][nearer] = i
            nearest[place][nearer] = distance[nearer]
    return result


def point_owners(
    semantics: NDArray[np.uint8], points: NDArray[np.float64], frame_from_world: Matrix, boxes: Sequence[Box],
    classes: Sequence[int],
) -> NDArray[np.int32]:  # fmt: skip
    """Of each of ``points`` [n, 3] (metres, any frame), the place in ``boxes`` of the first box of its class that holds
    it, faces included; -1 for none: int32 [n].

    ``semantics`` [n] are class ids, ``classes`` those of the boxes. Boxes are drawn around the points, so they are
    taken as they are. A box of class UNKNOWN, of zero size or of a pose that is not finite holds nothing.
    """
    result = np.full(len(points), -1, np.int32)
    for i, (box, class_) in enumerate(zip(boxes, classes, strict=True)):
        frame_from_box, half = frame_from_world @ box.world_from_box, np.array(box.size) / 2
        if class_ == UNKNOWN or half.min() <= 0 or not np.isfinite(frame_from_box).all():
            continue
        (mine,) = np.nonzero((semantics == class_) & (result < 0))
        offset = np.abs(transform_points(inverse(frame_from_box), points[mine]))
        result[mine[(offset <= half).all(axis=1)]] = i
    return result


def _around(grid: Grid, grid_from_box: Matrix, half: NDArray[np.float64]) -> tuple[Place, NDArray[np.float64]]:
    """The part of the grid that holds the box of half sizes ``half`` [3], and how far the centre of each of its voxels
    lies from the box's along the box's axes: absolute [x, y, z, 3] in metres."""
    rotation, centre = grid_from_box[:3, :3], grid_from_box[:3, 3]
    reach = np.abs(rotation) @ half
    low = np.floor((centre - reach - np.array(grid.origin)) / grid.voxel_size).clip(0, grid.shape).astype(int)
    high = np.ceil((centre + reach - np.array(grid.origin)) / grid.voxel_size).clip(low, grid.shape).astype(int)
    block = grid.box(_corner(grid, low), tuple(np.maximum(high - low, 1).tolist()))
    offset = np.abs((block.centres() - centre) @ rotation)[: high[0] - low[0], : high[1] - low[1], : high[2] - low[2]]
    return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])), offset


def _corner(grid: Grid, voxel: NDArray[np.int_]) -> tuple[float, float, float]:
    x, y, z = (float(o + n * grid.voxel_size) for o, n in zip(grid.origin, voxel, strict=True))
    return (x, y, z)
