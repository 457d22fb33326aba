"""What the objects of a frame are: class, size and place, and which voxels they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid


@dataclass(frozen=True, slots=True)
class Objects:
    """The n objects of one frame, by ascending id, and their m voxels. Lengths in metres, in the grid's frame."""

    ids: NDArray[np.uint32]
    """[n]: local ids, as in the volume."""
    classes: NDArray[np.uint8]
    """[n]: the class of most of their voxels; ties to the lowest id."""
    voxels: NDArray[np.int64]
    """[n]: how many voxels each has."""
    centroids: NDArray[np.float64]
    """[n, 3]: mean of the voxel centres."""
    lower: NDArray[np.float64]
    """[n, 3]: lower corner of the box around the voxels, along the grid's axes."""
    upper: NDArray[np.float64]
    """[n, 3]: its upper corner."""
    cells: NDArray[np.int32]
    """[m, 3]: voxel indices, object by object, in C order within one."""
    starts: NDArray[np.int64]
    """[n + 1]: where the voxels of an object begin in ``cells``."""

    @property
    def extent(self) -> NDArray[np.float64]:
        """[n, 3]: sizes of the boxes."""
        return self.upper - self.lower

    def cut(self, grid: Grid) -> NDArray[np.bool_]:
        """[n]: which reach the border of ``grid`` sideways, so that there may be more of them beyond it."""
        first = np.minimum.reduceat(self.cells, self.starts[:-1], axis=0) if len(self) else self.cells
        last = np.maximum.reduceat(self.cells, self.starts[:-1], axis=0) if len(self) else self.cells
        result: NDArray[np.bool_] = ((first == 0) | (last == np.array(grid.shape) - 1))[:, :2].any(axis=1)
        return result

    def offsets(self, grid: Grid) -> NDArray[np.float64]:
        """[m, 3]: from the centroid of its object to the centre of each voxel."""
        centres = np.array(grid.origin) + (self.cells + 0.5) * grid.voxel_size
        result: NDArray[np.float64] = centres - np.repeat(self.centroids, self.voxels, axis=0)
        return result

    def __len__(self) -> int:
        return len(self.ids)


def summarise(instance: NDArray[np.integer[Any]], semantics: NDArray[np.uint8], grid: Grid) -> Objects:
    """The objects of ``instance`` [X, Y, Z] (0 = none) over ``semantics`` [X, Y, Z] of ``grid``."""
    places = np.flatnonzero(instance)
    ids, owner = np.unique(instance.reshape(-1)[places], return_inverse=True)
    owner = owner.reshape(-1)
    order = np.argsort(owner, kind="stable")
    owner, places = owner[order], places[order]
    cells = np.stack(np.unravel_index(places, instance.shape), axis=1)
    voxels = np.bincount(owner, minlength=len(ids))
    starts = np.concatenate([[0], np.cumsum(voxels)])
    if not len(ids):
        none = np.zeros((0, 3))
        return Objects(
            ids.astype(np.uint32), np.zeros(0, np.uint8), voxels, none, none, none, cells.astype(np.int32), starts
        )
    labels = np.bincount(owner * 256 + semantics.reshape(-1)[places], minlength=256 * len(ids)).reshape(-1, 256)
    # Sums of indices are exact, so the order of the voxels does not show in the centroid.
    sums = np.add.reduceat(cells, starts[:-1], axis=0)
    origin = np.array(grid.origin)
    return Objects(
        ids=ids.astype(np.uint32),
        classes=labels.argmax(axis=1).astype(np.uint8),
        voxels=voxels,
        centroids=origin + (sums / voxels[:, None] + 0.5) * grid.voxel_size,
        lower=origin + np.minimum.reduceat(cells, starts[:-1], axis=0) * grid.voxel_size,
        upper=origin + (np.maximum.reduceat(cells, starts[:-1], axis=0) + 1) * grid.voxel_size,
        cells=cells.astype(np.int32),
        starts=starts,
    )
