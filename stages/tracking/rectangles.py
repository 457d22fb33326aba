"""The rectangle that an object fills, seen from above: of the smallest area, over turns of whole degrees, that holds
the centres of its voxels; half a voxel is added on every side. An upright box stands on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects

_TURNS = np.deg2rad(np.arange(90))


def upright_boxes(objects: Objects, grid: Grid) -> NDArray[np.float64]:
    """[n, 7]: x, y, z of the middle, length, width, height [m] and the turn of the length against x about z [rad], in
    (-pi/2, pi/2], as front and back look alike; in the frame that ``grid`` is fixed to."""
    boxes = np.zeros((len(objects), 7))
    for row, (start, stop) in enumerate(zip(objects.starts[:-1], objects.starts[1:], strict=True)):
        columns = np.unique(objects.cells[start:stop, :2], axis=0)
        boxes[row, [0, 1, 3, 4, 6]] = rectangle((columns + 0.5) * grid.voxel_size + grid.origin[:2], grid.voxel_size)
    boxes[:, 2] = (objects.lower[:, 2] + objects.upper[:, 2]) / 2
    boxes[:, 5] = objects.extent[:, 2]
    return boxes


def rectangle(points: NDArray[np.float64], voxel: float) -> tuple[float, float, float, float, float]:
    """x, y, length, width, turn of the rectangle about the squares with the centres ``points`` [n, 2]."""
    along = np.stack([np.cos(_TURNS), np.sin(_TURNS)])
    across = np.stack([-np.sin(_TURNS), np.cos(_TURNS)])
    low = np.stack([(points @ axis).min(axis=0) for axis in (along, across)])
    high = np.stack([(points @ axis).max(axis=0) for axis in (along, across)])
    sides = high - low + voxel
    best = int(np.argmin(np.round(sides.prod(axis=0), 9)))  # of equal ones the least turn
    x, y = (along[:, best] * (low + high)[0, best] + across[:, best] * (low + high)[1, best]) / 2
    length, width = sides[:, best]
    turn = float(_TURNS[best])
    if width > length:
        length, width, turn = width, length, turn + np.pi / 2 if turn <= 0 else turn - np.pi / 2
    return float(x), float(y), float(length), float(width), turn
