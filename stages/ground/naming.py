"""Labels of the ground changed by what its brightness says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.stages.ground.brightness import PAVED_FOR_CERTAIN, prior
from occlabel.stages.ground.cells import key
from occlabel.stages.ground.window import Ground


def tell_apart(
    semantics: NDArray[np.uint8], confidence: NDArray[np.uint8], world_from_grid: Matrix, grid: Grid, ground: Ground
) -> None:
    """Changes ``semantics`` and ``confidence`` [X, Y, Z] of a frame where its ground is more likely of the other kind.

    The odds are those of the label's own confidence times those of the brightness of its place (Bayes); the confidence
    of what is changed is their probability, times the share of the frames' pavement around that is of that class; that
    of what stays is as much more or less than before as its kind has become likelier.
    """
    where = np.flatnonzero(np.isin(semantics, ground.names.all))
    centres = grid.origin + (np.stack(np.unravel_index(where, semantics.shape), axis=-1) + 0.5) * grid.voxel_size
    keys = key(transform_points(world_from_grid, centres)[:, :2])
    place = ground.places.find(keys)
    known = (place >= 0) & ~np.isnan(ground.says[place]) if len(ground.says) else np.zeros(len(place), np.bool_)
    where, keys, place = where[known], keys[known], place[known]
    flat, sure = semantics.reshape(-1), confidence.reshape(-1)
    grown = np.isin(flat[where], ground.names.grown)
    thought = prior(grown, sure[where])
    before = np.where(np.isin(keys, ground.driven), PAVED_FOR_CERTAIN, thought)
    after = 1 / (1 + np.exp(-(np.log(before / (1 - before)) + ground.says[place])))
    kept = np.where(grown, after / thought, (1 - after) / (1 - thought))
    sure[where] = np.minimum(np.rint(sure[where] * kept), 255)
    for changed, classes, likely in (
        (~grown & (after > 0.5), ground.names.grown, after),
        (grown & (after < 0.5), ground.names.paved, 1 - after),
    ):
        name, share = ground.usual(keys[changed], classes)
        flat[where[changed]] = name
        sure[where[changed]] = np.rint(255 * likely[changed] * share)
