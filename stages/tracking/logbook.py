"""From the ids of a log to the trajectory table: where each object was in every frame, and how it moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import summarise
from occlabel.schemas.trajectories import Trajectories, concatenated
from occlabel.stages.tracking.motion import has_moved, smooth


@dataclass(slots=True)
class _Life:
    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64]] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    reaches: list[float] = field(default_factory=list)
    """Metres from the centroid to the far end, seen from above."""
    votes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    """Voxels by class."""

    def rows(self, track: int) -> Trajectories:
        n, times, places, cut = len(self.frames), np.array(self.times), np.array(self.places), np.array(self.cut)
        placed = bool(np.isfinite(places).all())
        moving = placed and has_moved(times, places, cut, float(np.median(self.reaches)))
        return Trajectories(
            np.full(n, track, np.uint32), np.array(self.frames), times, places, smooth(times, places, cut)[1], cut,
            np.full(n, moving), np.full(n, self.votes.argmax(), np.uint8),
        )  # fmt: skip


class Logbook:
    """Takes in the frames of one log, one by one, with the ids that hold through it; keeps a line per object."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._lives: dict[int, _Life] = {}

    def add(
        self,
        frame: int,
        instance: NDArray[np.integer[Any]],
        semantics: NDArray[np.uint8],
        time: float,
        world_from_grid: Matrix | None,
    ) -> None:
        """Frame number ``frame`` of the log: ids and class ids [X, Y, Z], seconds, and the pose [4, 4], if any."""
        objects = summarise(instance, semantics, self._grid)
        if not len(objects):
            return
        missing = np.full((len(objects), 3), np.nan)
        places = missing if world_from_grid is None else transform_points(world_from_grid, objects.centroids)
        offsets, cut = objects.offsets(self._grid), objects.cut(self._grid)
        reaches = np.maximum.reduceat(np.hypot(offsets[:, 0], offsets[:, 1]), objects.starts[:-1])
        for n, track in enumerate(objects.ids.tolist()):
            life = self._lives.setdefault(track, _Life())
            life.frames.append(frame)
            life.times.append(time)
            life.places.append(places[n])
            life.cut.append(bool(cut[n]))
            life.reaches.append(float(reaches[n]))
            life.votes[objects.classes[n]] += objects.voxels[n]

    def table(self) -> Trajectories:
        """All rows so far, by object and then by frame."""
        return concatenated([life.rows(track) for track, life in self._lives.items()])
