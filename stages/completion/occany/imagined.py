"""Views that no camera took, put into the voxels that no camera saw."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.occany.splatting import Cells, splat, splat_classes
from occlabel.stages.completion.slot import Prediction
from occlabel.stages.sensing.depth_images import SURE, DepthImage, Tally

_ENOUGH = 0.5
"""Of a point that a voxel must get to be occupied."""
_SURFACE = 0.2
"""Share of the views that saw a voxel at all which must have seen a surface in it."""
_BESIDE = 0.5
"""A class that no view says is half as sure as one on which all agree."""
_WORTH = 0.5
"""What nobody saw is half as sure as what somebody saw."""


@dataclass(frozen=True, slots=True)
class Imagined:
    """What the network says of one view that is believed."""

    depth: NDArray[np.float32]
    """[h, w] metres along the optical axis; NaN where it is not sure, and in the sky."""
    classes: NDArray[np.uint8]
    """[h, w]; UNKNOWN where nothing is said."""
    weights: NDArray[np.float32]
    """[h, w]: of the class, confidence - 1."""
    intrinsics: Matrix
    """K in pixels of the view."""
    ego_from_camera: Matrix

    def image(self) -> DepthImage:
        """As one of which only every ``DEPTH.stride``-th pixel is an element."""
        k = self.intrinsics * [[DEPTH.stride], [DEPTH.stride], [1]]
        return DepthImage(self.depth, None, k, self.ego_from_camera)


def complete(labels: Prediction, views: list[Imagined], grid_from_ego: Matrix, space: LabelSpace) -> None:
    """Fills what is unknown in ``labels``, semantics and confidence [X, Y, Z], by the ``views``, in place.

    Their surfaces are spread over the voxels whose centres lie around (trilinear voxelisation): a voxel is occupied by
    half a point or more where a fifth of the views that see it agree, and its class is the loudest, or, where no view
    names it, that of most of its 26 neighbours; one without any stays unknown. It is free where views see through it
    and no surface is near.
    """
    semantics, confidence = labels
    tally, places, classes, weights = Tally(space.grid), [], [], []
    for view in views:
        image = view.image()
        points, elements = image.surface(space.grid.voxel_size / 2, view.classes)
        tally.add(image, points, np.full(len(points), SURE, np.uint8), grid_from_ego)
        in_grid = points @ grid_from_ego[:3, :3].T + grid_from_ego[:3, 3]
        places.append((in_grid - np.array(space.grid.origin)) / space.grid.voxel_size - 0.5)
        classes.append(view.classes.ravel()[elements])
        weights.append(view.weights.ravel()[elements])
    if not places:
        return
    place, name, weight = np.concatenate(places), np.concatenate(classes), np.concatenate(weights)
    touched = splat(place, space.grid.shape)
    agreed = tally.hits >= _SURFACE * (tally.hits.astype(np.float32) + tally.passed)
    occupied = (touched >= _ENOUGH) & (tally.hits > 0) & agreed
    cells, named = Cells(place, space.grid.shape), name != UNKNOWN
    votes = splat_classes(place[named], name[named], weight[named].astype(np.float64), len(space.taxonomy.names), cells)
    total = votes.sum(axis=1)
    best = np.where(total > 0, votes.argmax(axis=1), UNKNOWN).astype(np.uint8)
    agree = np.divide(votes.max(axis=1, initial=0), total, out=np.zeros(len(total)), where=total > 0)
    found, share = cells.spread(best, UNKNOWN), cells.spread(agree, 0.0)
    heard = tally.hits.astype(np.float32) + tally.passed + SURE
    unknown = semantics == UNKNOWN
    filled, free = unknown & occupied & (found != UNKNOWN), unknown & (touched == 0) & (tally.passed > 0)
    semantics[filled], semantics[free] = found[filled], space.taxonomy.free_id
    beside = np.argwhere(unknown & occupied & ~filled)
    semantics[tuple(beside.T)] = _of_most(semantics, beside, space.taxonomy.free_id, len(space.taxonomy.names))
    filled = unknown & occupied & (semantics != UNKNOWN)
    sure = np.where(filled, tally.hits * np.maximum(share, _BESIDE), tally.passed) / heard
    confidence[filled | free] = np.maximum(np.rint(255 * _WORTH * sure), 1).astype(np.uint8)[filled | free]


@numba.njit(cache=True, nogil=True)
def _of_most(semantics, cells, free, classes):  # type: ignore[no-untyped-def]
    """Of voxels ``cells`` [n, 3] the class that most of their occupied neighbours in ``semantics`` have."""
    result = np.full(len(cells), UNKNOWN, np.uint8)
    for n in range(len(cells)):
        votes = np.zeros(classes, np.int64)
        x, y, z = cells[n]
        for i in range(max(x - 1, 0), min(x + 2, semantics.shape[0])):
            for j in range(max(y - 1, 0), min(y + 2, semantics.shape[1])):
                for k in range(max(z - 1, 0), min(z + 2, semantics.shape[2])):
                    name = semantics[i, j, k]
                    if name != UNKNOWN and name != free:
                        votes[name] += 1
        if votes.max() > 0:
            result[n] = votes.argmax()
    return result
