"""Voxel truth as networks learn it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats import occ3d
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN


def learnable_truth(reader: LogReader, frame: Frame, grid: Grid) -> NDArray[np.uint8]:
    """Class ids [X, Y, Z]; UNKNOWN where nothing is to be learned, because the place was never seen.

    Raises BadLog when the truth lies on another grid.
    """
    truth = reader.voxel_truth(frame)
    assert truth is not None
    if truth.semantics.shape != grid.shape:
        raise BadLog(
            f"the truth of frame {frame.name} is {list(truth.semantics.shape)} voxels, the recipe's grid is "
            f"{list(grid.shape)}; train on logs of the recipe's own data set"
        )
    learned = truth.scored | _seen_by_lidar(frame.truth.voxels)
    return np.where(learned, truth.semantics, np.uint8(UNKNOWN))


def _seen_by_lidar(voxels: Path | None) -> NDArray[np.bool_] | np.bool_:
    """Where Occ3D truth is sound although the cameras, by which it is scored, do not see it; False in other layouts."""
    if voxels is None or voxels.suffix != ".npz":
        return np.False_
    arrays = occ3d.read_labels(voxels)
    return arrays["mask_lidar"].astype(bool) if "mask_lidar" in arrays else np.False_
