"""Labels as Occ3D-nuScenes has them: ``<scene>/<sample token>/labels.npz`` with ``semantics`` and two masks.

Occ3D labels voxels that nobody saw and tells them by its masks only. Ours are UNKNOWN where no frame voted: such a
voxel is written as free, and both masks, ``mask_lidar`` and ``mask_camera``, are 1 exactly where a voxel is known.
Trainers that weigh by either mask thus learn from what is known and from nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.occ3d import SHAPE, write_labels
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.export.files import appearing


def refuse_name(log: str, name: str) -> None:
    """Raises BadPredictions unless both can be the name of a folder."""
    for part in (log, name):
        if not re.fullmatch(r"\w[\w.-]*", part):
            raise BadPredictions(f"log {log}, frame {name} cannot be exported: {part!r} cannot be the name of a folder")


def write_frame(root: Path, log: str, name: str, semantics: NDArray[np.uint8]) -> Path:
    """Writes class ids [200, 200, 16] of one frame and returns the file. Raises BadPredictions."""
    refuse_name(log, name)
    taxonomy = taxonomy_preset("occ3d")
    if semantics.shape != SHAPE:
        raise BadPredictions(f"log {log}, frame {name} has {list(semantics.shape)} voxels, occ3d has {list(SHAPE)}")
    known = semantics != UNKNOWN
    strange = np.unique(semantics[known & (semantics >= len(taxonomy.classes))])
    if strange.size:
        raise BadPredictions(f"log {log}, frame {name} has the ids {strange.tolist()}, which are no Occ3D classes")
    path = root / log / name / "labels.npz"
    with appearing(path) as partial:
        filled = np.where(known, semantics, np.uint8(taxonomy.free_id))
        write_labels(partial, filled, mask_lidar=known, mask_camera=known)
    return path
