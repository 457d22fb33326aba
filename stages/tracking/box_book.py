"""From the ids of a log to the whole box of each object in every frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.tracking.logbook import Logbook
from occlabel.stages.tracking.motion import has_moved, smooth
from occlabel.stages.tracking.rectangles import upright_boxes
from occlabel.stages.tracking.sightings import Sighting, seen
from occlabel.stages.tracking.usual_sizes import USUAL, Size
from occlabel.stages.tracking.whole_boxes import Part, whole_boxes

_DRIVES = 0.5
"""What is slower [m/s] heads to where it headed when it last was faster, or next will be."""


class BoxBook:
    """Takes in the frames of one log, one by one, as ``Logbook`` does.

    An object in a frame without a pose has a box by that frame alone; and any object where ids do not hold over time
    (not ``tracked``).
    """

    def __init__(self, grid: Grid, taxonomy: Taxonomy, *, tracked: bool = True) -> None:
        self.logbook = Logbook(grid)
        self._grid, self._names, self._tracked = grid, taxonomy.names, tracked
        self._parts: dict[int, list[Part]] = {}

    def add(
        self,
        frame: int,
        instance: NDArray[np.integer[Any]],
        semantics: NDArray[np.uint8],
        time: float,
        world_from_grid: Matrix | None,
        measured: NDArray[np.uint8] | None = None,
    ) -> Objects:
        """See ``Logbook.add``."""
        objects = self.logbook.add(frame, instance, semantics, time, world_from_grid, measured)
        pose = np.eye(4) if world_from_grid is None else world_from_grid
        for track, part in zip(objects.ids.tolist(), _parts(objects, self._grid, pose), strict=True):
            self._parts.setdefault(track, []).append(part)
        return objects

    def boxes(self) -> dict[tuple[int, int], NDArray[np.float64]]:
        """By object and frame: the box [7] as ``upright_boxes`` has it, of all of the object."""
        result = {}
        for track, life in self.logbook.lives.items():
            for some, parts in self._together(life, self._parts[track]):
                voxel_size = self._grid.voxel_size
                found = whole_boxes(parts, _headings(some, voxel_size), self._usual(some), voxel_size)
                result.update({(track, one.frame): box for one, box in zip(some, found, strict=True)})
        return result

    def _together(self, life: list[Sighting], parts: list[Part]) -> Iterator[tuple[list[Sighting], list[Part]]]:
        """What is known to be one object in one world, then every other frame for itself."""
        placed = [self._tracked and bool(np.isfinite(sighting.place).all()) for sighting in life]
        if any(placed):
            yield list(compress(life, placed)), list(compress(parts, placed))
        for sighting, part, known in zip(life, parts, placed, strict=True):
            if not known:
                yield [sighting], [part]

    def _usual(self, life: Sequence[Sighting]) -> Size | None:
        """By the class of most of its voxels."""
        most = int(np.sum([sighting.votes for sighting in life], axis=0).argmax())
        return USUAL.get(self._names[most]) if most < len(self._names) else None


def _parts(objects: Objects, grid: Grid, world_from_grid: Matrix) -> Iterator[Part]:
    """What a frame shows of each of its ``objects``."""
    turn = np.arctan2(world_from_grid[1, 0], world_from_grid[0, 0])
    rotation, origin = world_from_grid[:2, :3], world_from_grid[:2, 3]
    cut, rectangles = objects.cut(grid), upright_boxes(objects, grid)[:, [3, 4, 6]]
    for n, (start, stop) in enumerate(zip(objects.starts[:-1], objects.starts[1:], strict=True)):
        cells, voxels = np.unique(objects.cells[start:stop, :2], axis=0, return_counts=True)
        middle = (objects.lower[n, 2] + objects.upper[n, 2]) / 2
        places = np.column_stack([(cells + 0.5) * grid.voxel_size + grid.origin[:2], np.full(len(cells), middle)])
        length, width, lies = rectangles[n].tolist()
        yield Part(
            world_from_grid=world_from_grid,
            columns=np.column_stack([places @ rotation.T + origin, voxels]),
            rectangle=(length, width, lies + float(turn)),
            bottom=float(objects.lower[n, 2]),
            top=float(objects.upper[n, 2]),
            cut=bool(cut[n]),
        )


def _headings(life: list[Sighting], voxel_size: float) -> NDArray[np.float64] | None:
    """[n]: where the object drives to, in rad about the world's z; None if it stands."""
    known = seen(life)
    if not np.isfinite(known.places).all() or not has_moved(known, voxel_size):
        return None
    ways = smooth(known.times, known.places, known.cut)[1][:, :2]
    speeds = np.linalg.norm(ways, axis=1)
    drives = np.flatnonzero(speeds >= min(_DRIVES, speeds.max()))
    nearest = drives[np.abs(drives - np.arange(len(ways))[:, None]).argmin(axis=1)]
    return np.asarray(np.arctan2(ways[nearest, 1], ways[nearest, 0]))
