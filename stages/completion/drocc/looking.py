"""Images, calibration and depth of a log's frames, as the network is shown them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import Matrix, inverse, rescaled
from occlabel.schemas.grid import Grid
from occlabel.stages.completion.drocc.image_encoder import SHRINK
from occlabel.stages.completion.drocc.parts import Sizes
from occlabel.stages.completion.drocc.projection import FINER
from occlabel.stages.sensing.depth_images import on

if TYPE_CHECKING:
    from occlabel.stages.completion.drocc.network import Views

_DEPTHS = SHRINK // FINER
"""Pixels of the network's image along each axis for one element of depth."""


class Taken(NamedTuple):
    """One image of a calibrated camera."""

    image: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    intrinsics: Matrix
    """K [3, 3] in its pixels."""
    ego_from_camera: Matrix
    depth: NDArray[np.floating[Any]]
    """[v, u] metres of the priors at every ``DEPTH.stride``-th pixel; NaN unknown."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The images of one frame."""

    cameras: Sequence[Taken | None]
    """Of each camera of the rig; None where there is no image, or it is not calibrated."""
    world_from_ego: Matrix | None

    @property
    def blind(self) -> bool:
        return all(one is None for one in self.cameras)


def views(moments: Sequence[Moment], ego_from_grid: Matrix, grid: Grid, sizes: Sizes) -> Views:
    """The frame ``moments[0]`` and those before it, the nearest first, as the network for ``grid`` is shown them.

    A frame that is not there, that has no image or of which nobody knows where it was is replaced by the frame itself,
    as BEVDet4D begins a drive.
    """
    import torch

    from occlabel.stages.completion.drocc.network import Views

    own = moments[0]
    shown = [_aligned(moments[t], own) if t < len(moments) else None for t in range(sizes.frames)]
    frames = [(own, np.eye(4)) if one is None else one for one in shown]
    grid_from_ego = inverse(ego_from_grid)
    parts = [
        [_shown(one, grid_from_ego @ ego_from_past, sizes) for one in moment.cameras]
        for moment, ego_from_past in frames
    ]
    blank = _Shown(
        np.zeros((sizes.rows, sizes.columns, 3), np.uint8),
        np.eye(3, dtype=np.float32),
        np.eye(4, dtype=np.float32),
        np.full((sizes.rows // _DEPTHS, sizes.columns // _DEPTHS), np.nan, np.float32),
    )
    filled = [[one or blank for one in frame] for frame in parts]
    stacked = [np.stack([np.stack([one[n] for one in frame]) for frame in filled]) for n in range(4)]
    images, intrinsics, grid_from_camera, depth = (torch.from_numpy(array) for array in stacked)
    there = torch.tensor([[one is not None for one in frame] for frame in parts])
    mask = torch.from_numpy(geometry_mask(own, grid_from_ego, grid, sizes.fold).ravel())
    return Views(images, there, intrinsics, grid_from_camera, depth, mask)


def geometry_mask(moment: Moment, grid_from_ego: Matrix, grid: Grid, fold: int) -> NDArray[np.bool_]:
    """Cells [x, y, z], ``fold`` voxels wide, in which depth of any camera shows a surface: equations 1 to 3, made
    coarser by whether any voxel of the cell is hit. The paper does not say how."""
    x, y, z = grid.shape
    result = np.zeros((-(-x // fold), -(-y // fold), z), np.bool_)
    for one in moment.cameras:
        image = None if one is None else on(one.depth, None, one.intrinsics, one.ego_from_camera)
        if image is None:
            continue
        points, _ = image.surface(grid.voxel_size, np.zeros(image.depth.shape, np.uint8))
        cells, inside = grid.cells(points @ grid_from_ego[:3, :3].T + grid_from_ego[:3, 3])
        i, j, k = cells[inside].T
        result[i // fold, j // fold, k] = True
    return result


class _Shown(NamedTuple):
    """One image as the network is shown it: the first four of ``Views``, without whether there is one."""

    image: NDArray[np.uint8]
    intrinsics: NDArray[np.float32]
    grid_from_camera: NDArray[np.float32]
    depth: NDArray[np.float32]


def _aligned(past: Moment, own: Moment) -> tuple[Moment, Matrix] | None:
    """``past`` and ``ego_from_past``; None where either is not known."""
    if past is own:
        return own, np.eye(4)
    if past.blind or past.world_from_ego is None or own.world_from_ego is None:
        return None
    return past, inverse(own.world_from_ego) @ past.world_from_ego


def _shown(taken: Taken | None, grid_from_ego: Matrix, sizes: Sizes) -> _Shown | None:
    if taken is None:
        return None
    height, width = taken.image.shape[:2]
    image = taken.image
    if (height, width) != (sizes.rows, sizes.columns):
        resized = Image.fromarray(image).resize((sizes.columns, sizes.rows), Image.Resampling.BILINEAR)
        image = np.asarray(resized)
    k = rescaled(taken.intrinsics, (width, height), (sizes.columns, sizes.rows))
    place = grid_from_ego @ taken.ego_from_camera
    return _Shown(image, k.astype(np.float32), place.astype(np.float32), _depth(taken, sizes))


def _depth(taken: Taken, sizes: Sizes) -> NDArray[np.float32]:
    """[rows / 4, columns / 4]: the nearest element of the priors to each."""
    at = []
    for axis, side in ((0, sizes.rows), (1, sizes.columns)):
        middles = (np.arange(side // _DEPTHS) * _DEPTHS + _DEPTHS / 2) * taken.image.shape[axis] / side - 0.5
        at.append(np.clip(np.rint(middles / DEPTH.stride).astype(int), 0, taken.depth.shape[axis] - 1))
    return taken.depth[np.ix_(*at)].astype(np.float32)
