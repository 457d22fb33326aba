"""From the ids of a log to where each object was in every frame: its box, and how it moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects, summarise
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.schemas.trajectories import Trajectories, concatenated
from occlabel.stages.tracking.motion import LEAST, driving, has_moved
from occlabel.stages.tracking.sightings import Sighting, seen, sightings
from occlabel.stages.tracking.usual_sizes import USUAL
from occlabel.stages.tracking.whole_boxes import centre, whole_boxes


class Logbook:
    """Takes in the frames of one log, one by one, with the ids that hold through it; keeps a line per object.

    An object in a frame without a pose has a box by that frame alone; and any object where ids do not hold over time
    (not ``tracked``).
    """

    def __init__(self, grid: Grid, taxonomy: Taxonomy, *, tracked: bool = True) -> None:
        self._grid, self._names, self._tracked = grid, taxonomy.names, tracked
        self._lives: dict[int, list[Sighting]] = {}

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
            self._lives.setdefault(sighting.track, []).append(sighting)
        return objects

    def boxes(self) -> dict[tuple[int, int], NDArray[np.float64]]:
        """By object and frame: the box [7] of all of it, see ``whole_boxes``."""
        result = {}
        for track, life in self._lives.items():
            result.update({(track, s.frame): box for s, box in zip(life, self._boxes(life), strict=True)})
        return result

    def table(self) -> Trajectories:
        """All rows so far, by object and then by frame. Of ids that hold over time."""
        return concatenated([self._rows(life) for life in self._lives.values()])

    def _boxes(self, life: list[Sighting]) -> Iterator[NDArray[np.float64]]:
        """In the order of the frames."""
        placed = [self._tracked and bool(np.isfinite(sighting.place).all()) for sighting in life]
        together = iter(self._of(list(compress(life, placed))) if any(placed) else ())
        for sighting, known in zip(life, placed, strict=True):
            yield next(together) if known else self._of([sighting])[0]

    def _of(self, life: Sequence[Sighting]) -> NDArray[np.float64]:
        """The boxes [n, 7] of what is one object, in one world."""
        most = int(np.sum([sighting.votes for sighting in life], axis=0).argmax())
        usual = USUAL.get(self._names[most]) if most < len(self._names) else None
        return whole_boxes(life, usual, self._grid.voxel_size)

    def _rows(self, life: list[Sighting]) -> Trajectories:
        n, known = len(life), seen(life)
        placed = bool(np.isfinite(known.places).all())
        moving = placed and has_moved(known, self._grid.voxel_size)
        places = np.array([centre(s, box) for s, box in zip(life, self._boxes(life), strict=True)])
        still = np.full((n, 3), 0.0 if placed and n >= LEAST else np.nan)
        return Trajectories(
            np.full(n, life[0].track, np.uint32), np.array([s.frame for s in life]), known.times, places,
            driving(known.times, places, known.cut)[0] if moving else still, known.cut, np.full(n, moving),
            np.full(n, np.sum([s.votes for s in life], axis=0).argmax(), np.uint8),
        )  # fmt: skip
