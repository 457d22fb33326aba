"""Car parks on a small grid: rows of cars that touch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from occlabel.schemas.space import LabelSpace
from occlabel.stages.instances.samples import Scene, scene

CAR, ROAD = 1, 9


def car_park(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Semantics and owners [40, 36, 7]: cars of 10 x 5 x 4 voxels side by side, in rows on the road."""
    draw = np.random.default_rng(seed)
    semantics, owners = np.zeros((40, 36, 7), np.uint8), np.zeros((40, 36, 7), np.int64)
    semantics[:, :, 1] = ROAD
    for x in (3, 22):
        first = draw.integers(0, 6)
        for n in range(draw.integers(2, 6)):
            body = np.s_[x : x + 10, first + 5 * n : first + 5 * n + 5, 2:6]
            semantics[body] = CAR
            owners[body] = owners.max() + 1
    return semantics, owners


def parked(seed: int, space: LabelSpace) -> Callable[[], Scene]:
    semantics, owners = car_park(seed)
    things = [entry.id for entry in space.taxonomy.classes if entry.thing]
    return lambda: scene(semantics, semantics, np.ones(semantics.shape, bool), owners, things)
