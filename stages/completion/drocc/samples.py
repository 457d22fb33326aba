"""What a step learns from: frames with the images before them, the voxels that cameras see, and the depth of pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.drocc.image_encoder import SHRINK
from occlabel.stages.completion.drocc.looking import Moment, views
from occlabel.stages.completion.drocc.network import Views
from occlabel.stages.completion.drocc.parts import Sizes
from occlabel.stages.completion.drocc.projection import FINER, at_features, bin_of

VOXELS = 48 * 1024
"""Of each frame that enter the loss, at most."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One log with truth; each is asked for a row of its frames."""

    frames: int
    cameras: int
    """Of its rig."""
    moment: Callable[[int], Moment]
    """With depth as the priors see it."""
    exact: Callable[[int], Sequence[NDArray[np.floating[Any]] | None]]
    """Of each camera what depth [h, w] its pixels really have, NaN none; None where there is no image."""
    truth: Callable[[int], NDArray[np.uint8]]
    """Class ids [X, Y, Z], UNKNOWN where no camera sees."""
    ego_from_grid: Callable[[int], Matrix]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned from, and what is held out to judge it."""

    learned: Sequence[Drive]
    held_out: Sequence[Drive]
    facts: Mapping[str, str]
    """What the weight file shall tell of it."""


class Seen(NamedTuple):
    """One frame: what is shown of it, and what is true."""

    views: Views
    depth: Tensor
    """int64 [N, rows / 16, columns / 16]: which depth is right, -1 none."""
    truth: Tensor
    """uint8 [X, Y, Z]."""


@dataclass(frozen=True, slots=True)
class Scenes:
    """All frames of some drives."""

    drives: tuple[Drive, ...]
    grid: Grid
    sizes: Sizes
    cameras: int
    """So many in the rig that has most."""

    def __len__(self) -> int:
        return sum(drive.frames for drive in self.drives)

    def truth(self, number: int) -> NDArray[np.uint8]:
        drive, row = self._find(number)
        return drive.truth(row)

    def seen(self, number: int) -> Seen:
        drive, row = self._find(number)
        moments = [drive.moment(one) for one in range(row, max(-1, row - self.sizes.frames), -1)]
        filled = [
            Moment([*one.cameras, *[None] * (self.cameras - len(one.cameras))], one.world_from_ego) for one in moments
        ]
        shown = views(filled, drive.ego_from_grid(row), self.grid, self.sizes)
        rows, columns = self.sizes.rows // SHRINK, self.sizes.columns // SHRINK
        depth = torch.full((self.cameras, rows, columns), -1)
        for n, one in enumerate(drive.exact(row)):
            if one is not None:
                depth[n] = bin_of(at_features(torch.from_numpy(_quarter(one, self.sizes))), self.sizes)
        return Seen(shown, depth, torch.from_numpy(np.ascontiguousarray(drive.truth(row))))

    def _find(self, number: int) -> tuple[Drive, int]:
        for drive in self.drives:
            if number < drive.frames:
                return drive, number
            number -= drive.frames
        raise IndexError(number)


class Samples(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: the frame, and whether it is mirrored along x and y, are drawn from (seed, n).

    A sample holds the fields of ``Views``, ``depth_bins`` as ``Seen.depth``, and ``voxels`` int64 and ``target`` uint8
    [VOXELS]: all that is occupied, of free voxels one in ``thinning``; UNKNOWN where there are fewer.
    """

    def __init__(self, scenes: Scenes, free_id: int, thinning: int, seed: int) -> None:
        self.scenes, self.free_id, self.thinning, self.seed = scenes, free_id, thinning, seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        round_, place = divmod(number, len(self.scenes))
        index = int(np.random.default_rng([self.seed, 0, round_]).permutation(len(self.scenes))[place])
        draw = np.random.default_rng([self.seed, 1, number])
        seen = self.scenes.seen(index)
        for axis in (0, 1):
            if draw.random() < 0.5 and symmetric(self.scenes.grid, axis, self.scenes.sizes.fold):
                seen = mirrored(seen, axis, self.scenes.grid, self.scenes.sizes)
        voxels, target = self._drawn(seen.truth.flatten(), draw)
        return {**seen.views._asdict(), "depth_bins": seen.depth, "voxels": voxels, "target": target}

    def _drawn(self, truth: Tensor, draw: Generator) -> tuple[Tensor, Tensor]:
        volume = truth.numpy()
        free = np.flatnonzero(volume == self.free_id)
        kept = free[draw.random(len(free)) < 1 / self.thinning]
        chosen = np.concatenate([np.flatnonzero((volume != self.free_id) & (volume != UNKNOWN)), kept])
        chosen = draw.permutation(chosen)[:VOXELS]
        voxels, target = np.zeros(VOXELS, np.int64), np.full(VOXELS, UNKNOWN, np.uint8)
        voxels[: len(chosen)], target[: len(chosen)] = chosen, volume[chosen]
        return torch.from_numpy(voxels), torch.from_numpy(target)


def symmetric(grid: Grid, axis: int, fold: int) -> bool:
    """Whether the grid reaches as far to one side of the car as to the other, in whole cells of ``fold`` voxels."""
    cells = grid.shape[axis] % 2 == 0 and grid.shape[axis] % fold == 0
    return bool(np.isclose(grid.origin[axis], -grid.upper[axis]) and cells)


def mirrored(seen: Seen, axis: int, grid: Grid, sizes: Sizes) -> Seen:
    """The frame in a world that is mirrored along x (0) or y (1): every image is, and left is right in it."""
    views = seen.views
    world, camera = torch.eye(4), torch.diag(torch.tensor([-1.0, 1, 1, 1]))
    world[axis, axis] = -1
    intrinsics = views.intrinsics.clone()
    intrinsics[..., 0, 2] = sizes.columns - 1 - intrinsics[..., 0, 2]
    cells = [-(-side // fold) for side, fold in zip(grid.shape, (sizes.fold, sizes.fold, 1), strict=True)]
    turned = views._replace(
        images=views.images.flip(3),
        intrinsics=torch.where(views.there[..., None, None], intrinsics, views.intrinsics),
        grid_from_camera=world @ views.grid_from_camera @ camera,
        depth=views.depth.flip(3),
        mask=views.mask.view(cells).flip(axis).flatten(),
    )
    return Seen(turned, seen.depth.flip(2), seen.truth.flip(axis))


def _quarter(depth: NDArray[np.floating[Any]], sizes: Sizes) -> NDArray[np.float32]:
    """``depth`` [h, w] of every pixel at the lattice of the priors, [rows / 4, columns / 4]."""
    step = SHRINK // FINER
    at = [
        np.clip(((np.arange(side // step) + 0.5) * step * whole / side).astype(int), 0, whole - 1)
        for side, whole in zip((sizes.rows, sizes.columns), depth.shape, strict=True)
    ]
    return depth[np.ix_(*at)].astype(np.float32)
