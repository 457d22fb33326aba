"""One file of voxel truth, in the label space of its data set."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from occlabel.schemas.drive_log import VoxelTruth
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.grid import grid_preset
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset


@cache
def truth_space(preset: str) -> LabelSpace:
    """The label space in which ``semantickitti`` or ``occ3d`` publishes its truth."""
    return LabelSpace(grid_preset(preset), taxonomy_preset(preset))


def read_semantickitti(path: Path) -> VoxelTruth:
    """A voxel ``.label`` and the ``.invalid`` beside it. Raw ids {1, 52, 99} are UNKNOWN and not scored, raw 0 is free,
    as in the official evaluation of completion. Raises DamagedFile, also when there is no ``.invalid``.
    """
    space = truth_space("semantickitti")
    raw = semantickitti.read_volume(path)
    remark = semantickitti.other_ids(raw, path)
    semantics = space.taxonomy.from_raw[raw]
    invalid = path.with_suffix(".invalid")
    if not invalid.is_file():
        raise DamagedFile(
            f"{path} has no {invalid.name} beside it, which says where nothing was seen; without it nothing can be "
            "scored: copy it too"
        )
    return VoxelTruth(semantics, (semantics != UNKNOWN) & ~semantickitti.read_flags(invalid), space, remark)


def read_occ3d(path: Path) -> VoxelTruth:
    """A ``labels.npz``, scored where the cameras see. Raises DamagedFile, also when there is no ``mask_camera``."""
    arrays = occ3d.read_labels(path)
    if "mask_camera" not in arrays:
        raise DamagedFile(
            f"{path} has no array mask_camera, which says what the cameras see; without it nothing can be scored: it "
            "is a prediction, or cut; take the file of the release"
        )
    semantics, space = arrays["semantics"], truth_space("occ3d")
    wrong = np.argwhere((semantics >= len(space.taxonomy.classes)) & (semantics != UNKNOWN))
    if len(wrong):
        place = wrong[0].tolist()
        raise DamagedFile(f"{path}: semantics is {semantics[tuple(place)]} at {place}, which Occ3D does not have")
    return VoxelTruth(semantics, arrays["mask_camera"].astype(bool), space)
