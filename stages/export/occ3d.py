"""Labels as Occ3D-nuScenes has them: ``<scene>/<sample token>/labels.npz`` with ``semantics`` and two masks.

Occ3D labels voxels that nobody saw and tells them by its masks only, and so do we: ``mask_lidar`` is 1 where a voxel
was observed, by a point or a ray, and ``mask_camera`` where a ray of an image of the frame reaches such a voxel before
another that is labelled as occupied.
What is not known is written as free and is in no mask. Masks hold nothing that was not measured: without evidence, or
without cameras, they are 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.formats.occ3d import SHAPE, write_labels
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset


def refuse_name(log: str, name: str) -> None:
    """Raises BadPredictions unless both can be the name of a folder."""
    for part in (log, name):
        if not re.fullmatch(r"\w[\w.-]*", part):
            raise BadPredictions(f"log {log}, frame {name} cannot be exported: {part!r} cannot be the name of a folder")


def write_frame(
    root: Path,
    log: str,
    name: str,
    semantics: NDArray[np.uint8],
    by_lidar: NDArray[np.bool_] | None = None,
    by_cameras: NDArray[np.bool_] | None = None,
) -> Path:
    """Writes class ids [200, 200, 16] of one frame and returns the file. Raises BadPredictions.

    ``by_lidar``: what was observed; ``by_cameras``: what the cameras see. None: nobody knows of any.
    """
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
        seen = np.zeros(SHAPE, np.bool_) if by_lidar is None else known & by_lidar
        write_labels(partial, filled, mask_lidar=seen, mask_camera=seen & (False if by_cameras is None else by_cameras))
    return path
