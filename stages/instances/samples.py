"""Training samples: crops of labelled frames with the objects in them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.grid import Grid
from occlabel.stages.instances.damage import Damage
from occlabel.stages.instances.lattice import Lattice, nearest_points
from occlabel.stages.instances.voxel_embeddings import FOLD, SCALE
from occlabel.stages.learning.rarity import LOOKED_AT, Sought
from occlabel.stages.learning.spread import EvenlySpread

_FOCUSED = 0.9
"""Share of the crops that lie around an object of a class that is looked for."""
_KEPT_BYTES = 3 << 30
"""Frames that have been read stay in memory up to so much."""
MOST_OBJECTS = 64
"""In a crop; what lies farther from its middle is not learned."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame: its labels, and the objects that can be found in them."""

    labels: NDArray[np.uint8]
    """[X, Y, Z] class ids."""
    classes: NDArray[np.int64]
    """[objects]: place among the thing classes."""
    starts: NDArray[np.int64]
    """[objects + 1]: where the voxels of each begin."""
    voxels: NDArray[np.int16]
    """[m, 3]: of all objects."""


def scene(
    labels: NDArray[np.uint8], truth: NDArray[np.uint8], scored: NDArray[np.bool_], owners: NDArray[np.int64],
    things: Sequence[int],
) -> Scene:  # fmt: skip
    """A frame from its labels and truth, [X, Y, Z] each; ``owners``: true object ids, 0 for none.

    Left out are objects of which truth scores no voxel, as the paper leaves out what no camera saw, and those of which
    the labels show nothing: there is nothing to find them by.
    """
    places = np.flatnonzero(owners)
    ids, first, row = np.unique(owners.ravel()[places], return_index=True, return_inverse=True)
    of_class = np.full(256, -1, np.int64)
    of_class[list(things)] = np.arange(len(things))
    classes = of_class[truth.ravel()[places[first]]]
    seen = np.bincount(row, scored.ravel()[places], len(ids)) > 0
    shown = np.bincount(row, of_class[labels.ravel()[places]] >= 0, len(ids)) > 0
    kept = seen & shown & (classes >= 0)
    chosen = kept[row]
    order = np.argsort(row[chosen], kind="stable")
    voxels = np.stack(np.unravel_index(places[chosen][order], truth.shape), axis=1).astype(np.int16)
    sizes = np.bincount(row, minlength=len(ids))[kept]
    return Scene(labels, classes[kept], np.concatenate([[0], np.cumsum(sizes)]), voxels)


class Scenes:
    """All frames of some logs, read when they are asked for."""

    def __init__(self, frames: Sequence[Callable[[], Scene]], grid: Grid, classes: int) -> None:
        self.frames = frames
        self.grid = grid
        self.classes = classes
        self._kept: OrderedDict[int, Scene] = OrderedDict()
        self._most = max(1, _KEPT_BYTES // (2 * grid.voxels))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> Scene:
        if number not in self._kept:
            self._kept[number] = self.frames[number]()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return self._kept[number]


def census_of(scenes: Scenes, things: int) -> NDArray[np.int64]:
    """Objects of each thing class [frames, things], in the frames that are looked at."""
    census = np.zeros((len(scenes), things), np.int64)
    for number in EvenlySpread(len(scenes), LOOKED_AT).chosen:
        census[number] = np.bincount(scenes[number].classes, minlength=things)
    return census


def alike(census: NDArray[np.int64]) -> Sought:
    """Each thing class of a ``census`` is looked for as much as any other that as many frames hold."""
    return Sought(np.ones(census.shape[1], np.float32), census > 0)


class Crops(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: frame, crop, flips, turn and damage are drawn from (seed, n) alone.

    A sample holds ``labels`` uint8 [x, y, Z] of the crop, UNKNOWN as the last kind; ``low`` and ``high`` [3] metres,
    the crop's box; ``classes`` int64 [MOST_OBJECTS], -1 for none; ``centres`` and ``phase`` [MOST_OBJECTS, 3] metres;
    ``filled`` bool [MOST_OBJECTS, K]: see ``object_losses.Truth``. An object that the crop cuts is what is left of it.
    ``damage`` is done to the labels, not to the truth, of a share ``damaged`` of the crops.
    """

    def __init__(
        self,
        scenes: Scenes,
        sought: Sought,
        lattice: Lattice,
        crop: int,
        seed: int,
        damage: Damage | None = None,
        damaged: float = 0.5,
    ) -> None:
        self.scenes = scenes
        self.sought = sought
        self.lattice = lattice
        self.crop = crop
        self.seed = seed
        self.damage = damage
        self.damaged = damaged

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        round_, place = divmod(number, len(self.scenes))
        index = int(np.random.default_rng([self.seed, 0, round_]).permutation(len(self.scenes))[place])
        draw = np.random.default_rng([self.seed, 1, number])
        sought = self.sought.drawn(draw) if draw.random() < _FOCUSED else None
        index = index if sought is None else sought[0]
        scene, grid = self.scenes[index], self.scenes.grid
        size = np.array([*(min(self.crop, extent // SCALE * SCALE) for extent in grid.shape[:2]), grid.shape[2]])
        corner = _corner(scene, None if sought is None else sought[1], size, np.array(grid.shape), draw)
        part = scene.labels[tuple(slice(start, start + extent) for start, extent in zip(corner, size, strict=True))]
        owner = np.repeat(np.arange(len(scene.classes)), np.diff(scene.starts))
        voxels = scene.voxels.astype(np.int64) - corner
        inside = ((voxels >= 0) & (voxels < size)).all(axis=1)
        part, voxels = _turned(part, voxels[inside], draw)
        box = _box(grid, corner, part.shape)
        if self.damage is not None and draw.random() < self.damaged:
            part = self.damage.done(part, draw)
        truth = _objects(voxels, owner[inside], scene.classes, box, self.lattice)
        tall = -part.shape[2] % FOLD
        kinds = np.minimum(np.pad(part, [(0, 0), (0, 0), (0, tall)], constant_values=255), self.scenes.classes)
        arrays = {
            "labels": np.ascontiguousarray(kinds),
            "low": np.array(box.origin, np.float32),
            "high": np.array(box.upper, np.float32) + np.array([0, 0, tall * grid.voxel_size], np.float32),
            **truth,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _corner(
    scene: Scene, chosen: int | None, size: NDArray[np.int64], shape: NDArray[np.int64], draw: Generator
) -> NDArray[np.int64]:
    """First voxel [3] of a crop of ``size``, around an object of the thing class ``chosen`` if any."""
    last = shape - size
    if chosen is None:
        return draw.integers(last + 1)
    which = draw.choice(np.flatnonzero(scene.classes == chosen))
    voxel = scene.voxels[(scene.starts[which] + scene.starts[which + 1]) // 2].astype(np.int64)
    return np.clip(voxel - draw.integers(size), 0, last)


def _turned(
    labels: NDArray[np.uint8], voxels: NDArray[np.int64], draw: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The crop flipped along x, along y, and with x and y exchanged where it is square, each every other time."""
    for axis in (0, 1):
        if draw.random() < 0.5:
            labels = np.flip(labels, axis)
            voxels = voxels.copy()
            voxels[:, axis] = labels.shape[axis] - 1 - voxels[:, axis]
    if labels.shape[0] == labels.shape[1] and draw.random() < 0.5:
        labels, voxels = labels.swapaxes(0, 1), voxels[:, [1, 0, 2]]
    return labels, voxels


def _box(grid: Grid, corner: NDArray[np.int64], shape: tuple[int, ...]) -> Grid:
    x, y, z = (float(o + n * grid.voxel_size) for o, n in zip(grid.origin, corner, strict=True))
    return grid.box((x, y, z), (shape[0], shape[1], shape[2]))


def _objects(
    voxels: NDArray[np.int64], owner: NDArray[np.int64], classes: NDArray[np.int64], box: Grid, lattice: Lattice
) -> dict[str, NDArray[np.generic]]:
    """Truth of the at most MOST_OBJECTS objects nearest to the middle of ``box``; ``voxels`` [m, 3] lie in it."""
    present, row = np.unique(owner, return_inverse=True)
    sizes = np.bincount(row, minlength=len(present))
    sums = np.stack([np.bincount(row, voxels[:, axis], len(present)) for axis in range(3)], axis=1)
    centres = (sums / np.maximum(sizes, 1)[:, None] + 0.5) * box.voxel_size + np.array(box.origin)
    middle = (np.array(box.origin) + np.array(box.upper)) / 2
    chosen = np.argsort(np.linalg.norm(centres - middle, axis=1), kind="stable")[:MOST_OBJECTS]
    result: dict[str, NDArray[np.generic]] = {
        "classes": np.full(MOST_OBJECTS, -1, np.int64),
        "centres": np.zeros((MOST_OBJECTS, 3), np.float32),
        "phase": np.zeros((MOST_OBJECTS, 3), np.float32),
        "filled": np.zeros((MOST_OBJECTS, lattice.points), np.bool_),
    }
    for slot, which in enumerate(chosen):
        points, phase = nearest_points(voxels[row == which], lattice)
        result["classes"][slot] = classes[present[which]]
        result["centres"][slot] = centres[which]
        result["phase"][slot] = phase
        result["filled"][slot, points[points >= 0]] = True
    return result
