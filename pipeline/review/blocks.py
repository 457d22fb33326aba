"""How many voxels are probably wrong at each place that a log has seen, by what the labels say of themselves."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN

SIDE = 4.0
"""Of a block along x and y of the world [m]."""
LAYERS = 4
"""Of blocks in a grid, one on the other."""


@dataclass
class Blocks:
    """Blocks of the world that a log's labels lie in. A place of many frames is one block."""

    keys: NDArray[np.int64]
    """[n, 4]: number along x and y of the world, layer, and 0; where a frame has no pose, along its own grid, and
    the frame's number plus one."""
    wrong: NDArray[np.float64]
    """[n] voxels labelled occupied that are probably wrong, over all frames."""
    labelled: NDArray[np.int64]
    """[n] voxels labelled occupied."""
    frames: NDArray[np.int64]
    """[n] frames that have any there."""
    worst: NDArray[np.int64]
    """[n] number of the frame that has most of ``wrong``."""
    most: NDArray[np.float64]
    """[n] what it has."""
    doubted: NDArray[np.int64]
    """[n] the class that has most of ``wrong`` in that frame."""
    names: list[str]
    """Of the frames that were read."""
    damaged: list[str]
    """A sentence for each frame that cannot be read."""

    def to_bytes(self) -> bytes:
        file = io.BytesIO()
        arrays = {name: np.array(value) for name, value in vars(self).items() if name not in ("names", "damaged")}
        texts = {name: np.array(getattr(self, name), np.str_) for name in ("names", "damaged")}
        np.savez_compressed(file, **arrays, **texts)
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> Blocks:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
        for name in ("names", "damaged"):
            arrays[name] = [str(one) for one in arrays[name].tolist()]
        return Blocks(**arrays)


def count_blocks(version: PublishedVersion, log: str) -> Blocks:
    """Reads the log a frame at a time. A voxel of confidence p is wrong with 1 - p. Raises StoreAway."""
    grid = version.space.grid
    names: list[str] = []
    damaged: list[str] = []
    found: dict[tuple[int, ...], list[float]] = {}
    for frame in version.frames(log):
        try:
            rows = _of_frame(frame, version)
        except StoreAway:
            raise
        except StoreError as error:
            damaged.append(f"log {log}, frame {frame.name}: {error}")
            continue
        keys = block_keys(frame.world_from_grid, grid, len(names))
        cells, inverse = np.unique(keys, axis=0, return_inverse=True)
        _add(found, cells, inverse.ravel(), rows, len(names))
        names.append(frame.name)
    table = np.array(list(found.values())).reshape(-1, 6)
    return Blocks(
        keys=np.array(list(found), np.int64).reshape(-1, 4),
        wrong=table[:, 0],
        labelled=table[:, 1].astype(np.int64),
        frames=table[:, 2].astype(np.int64),
        worst=table[:, 3].astype(np.int64),
        most=table[:, 4],
        doubted=table[:, 5].astype(np.int64),
        names=names,
        damaged=damaged,
    )


def block_keys(world_from_grid: Matrix | None, grid: Grid, number: int) -> NDArray[np.int64]:
    """Of each column and layer [x * y * LAYERS, 4] the block that it lies in."""
    x, y = (
        (np.arange(n) + 0.5) * grid.voxel_size + low for n, low in zip(grid.shape[:2], grid.origin[:2], strict=True)
    )
    centres = np.stack([*np.meshgrid(x, y, [0.0], indexing="ij")], axis=-1).reshape(-1, 3)
    where = centres if world_from_grid is None else transform_points(world_from_grid, centres)
    cells = np.floor(where[:, :2] / SIDE).astype(np.int64)
    layer = np.tile(np.arange(LAYERS), len(cells))
    alone = np.full(len(layer), 0 if world_from_grid is not None else number + 1)
    return np.column_stack([np.repeat(cells, LAYERS, axis=0), layer, alone])


def layer_heights(grid: Grid) -> NDArray[np.int64]:
    """[z]: the layer of each height of the grid."""
    return np.asarray(np.minimum(np.arange(grid.shape[2]) * LAYERS // grid.shape[2], LAYERS - 1), np.int64)


def _of_frame(frame: PublishedFrame, version: PublishedVersion) -> NDArray[np.float64]:
    """[classes, x * y * LAYERS, 2]: voxels of each class that are probably wrong, and all of them."""
    taxonomy = version.space.taxonomy
    semantics, doubt = frame[SEMANTICS], 1 - frame[CONFIDENCE].astype(np.float32) / 255
    layers = layer_heights(version.space.grid)
    columns = semantics.shape[0] * semantics.shape[1]
    place = (np.arange(columns).reshape(*semantics.shape[:2], 1) * LAYERS + layers).ravel()
    occupied = ((semantics != taxonomy.free_id) & (semantics != UNKNOWN)).ravel()
    size, classes = columns * LAYERS, len(taxonomy.classes)
    joint = semantics.ravel()[occupied].astype(np.int64) * size + place[occupied]
    wrong = np.bincount(joint, doubt.ravel()[occupied], classes * size)
    both: NDArray[np.float64] = np.stack([wrong, np.bincount(joint, minlength=classes * size)], axis=-1)
    return both.reshape(classes, size, 2)


def _add(
    found: dict[tuple[int, ...], list[float]],
    cells: NDArray[np.int64],
    inverse: NDArray[np.int64],
    rows: NDArray[np.float64],
    number: int,
) -> None:
    """Adds a frame to the blocks: wrong, labelled, frames, the worst frame, what it has, and its class."""
    sums = np.stack([[np.bincount(inverse, part, len(cells)) for part in of_class.T] for of_class in rows])
    wrong, labelled = sums.sum(axis=0)
    doubted = sums[:, 0].argmax(axis=0)
    for n in np.flatnonzero(labelled).tolist():
        key = tuple(cells[n].tolist())
        row = found.setdefault(key, [0.0, 0.0, 0.0, 0.0, -1.0, 0.0])
        row[0] += wrong[n]
        row[1] += labelled[n]
        row[2] += 1
        if wrong[n] > row[4]:
            row[3:] = [number, wrong[n], doubted[n]]
