"""From the ids of a log to the trajectory table: where each object was in every frame, and how it moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects, summarise
from occlabel.schemas.trajectories import Trajectories, concatenated
from occlabel.stages.tracking.motion import has_moved, smooth
from occlabel.stages.tracking.sightings import Sighting, seen, sightings


def rows(life: list[Sighting], grid: Grid) -> Trajectories:
    """Of the sightings of one object."""
    n, known = len(life), seen(life)
    placed = bool(np.isfinite(known.places).all())
    moving = placed and has_moved(known, grid.voxel_size)
    return Trajectories(
        np.full(n, life[0].track, np.uint32), np.array([s.frame for s in life]), known.times, known.places,
        smooth(known.times, known.places, known.cut)[1], known.cut, np.full(n, moving),
        np.full(n, np.sum([s.votes for s in life], axis=0).argmax(), np.uint8),
    )  # fmt: skip


class Logbook:
    """Takes in the frames of one log, one by one, with the ids that hold through it; keeps a line per object."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.lives: dict[int, list[Sighting]] = {}
        """Of each object, in the order of the frames."""

    def add(
        self,
        frame: int,
        instance: NDArray[np.integer[Any]],
        semantics: NDArray[np.uint8],
        time: float,
        world_from_grid: Matrix | None,
        measured: NDArray[np.uint8] | None = None,
    ) -> Objects:
        """Frame number ``frame`` of the log: ids and class ids [X, Y, Z], seconds, and the pose [4, 4], if any, and
        what its own sweep measured [X, Y, Z], if anybody says. Returns the objects in it."""
        objects = summarise(instance, semantics, self._grid)
        for sighting in sightings(objects, semantics, self._grid, frame, time, world_from_grid, measured):
            self.lives.setdefault(sighting.track, []).append(sighting)
        return objects

    def table(self) -> Trajectories:
        """All rows so far, by object and then by frame."""
        return concatenated([rows(life, self._grid) for life in self.lives.values()])
