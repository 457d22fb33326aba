"""Objects of a frame, where they went, and how fast voxels move."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.pictures.palette import object_colours
from occlabel.pipeline.delivery.scene.shapes import Arrows, Boxes, Lines
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects
from occlabel.schemas.taxonomy import Taxonomy

LASTS = 30
"""Frames of an object's way that are drawn behind it."""
MOST_ARROWS = 2_000
_STANDS = 0.1
"""What is slower has no arrow [m/s]."""
_FLOW = np.array([255, 255, 255], np.uint8)


def boxes_of(objects: Objects, boxes: NDArray[np.float64], taxonomy: Taxonomy) -> Boxes:
    """The ``boxes`` [n, 7] of a frame's ``objects``, each with class and id."""
    names = taxonomy.names
    said = tuple(f"{names[c]} {i}" for c, i in zip(objects.classes.tolist(), objects.ids.tolist(), strict=True))
    return Boxes(boxes, said, object_colours(objects.ids))


class Trails:
    """Where the objects of a log have been lately."""

    def __init__(self) -> None:
        self._ways: dict[int, deque[NDArray[np.float64]]] = {}

    def drawn(self, objects: Objects, boxes: NDArray[np.float64], world_from_grid: Matrix) -> Lines:
        """Takes in the objects of the next frame, and their boxes [n, 7]; the ways of those that are in it."""
        ids = objects.ids.tolist()
        for id_, place in zip(ids, transform_points(world_from_grid, boxes[:, :3]), strict=True):
            self._ways.setdefault(id_, deque(maxlen=LASTS)).append(place)
        long = [id_ for id_ in ids if len(self._ways[id_]) > 1]
        return Lines(tuple(np.stack(self._ways[id_]) for id_ in long), object_colours(np.array(long, np.int64)))


def flow_arrows(flow: NDArray[np.float16], grid: Grid) -> tuple[Arrows, str]:
    """An arrow of one second for voxels of ``flow`` [x, y, z, 3] that move, and in words how many are left out."""
    moving = np.argwhere(np.linalg.norm(np.nan_to_num(flow.astype(np.float32)), axis=3) > _STANDS)
    step = max(1, -(-len(moving) // MOST_ARROWS))
    cells = moving[::step]
    places = (cells + 0.5) * grid.voxel_size + np.array(grid.origin)
    vectors = flow[tuple(cells.T)].astype(np.float64)
    said = f"flow: one in {step} of {len(moving):,} arrows is drawn" if step > 1 else ""
    return Arrows(places, vectors, np.broadcast_to(_FLOW, (len(cells), 3))), said
