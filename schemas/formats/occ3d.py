"""Occ3D-nuScenes label files: ``labels.npz`` with ``semantics``, ``mask_lidar`` and ``mask_camera`` [200, 200, 16]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.npz import array_names, read_integers
from occlabel.schemas.taxonomy import UNKNOWN

SHAPE = (200, 200, 16)
_MASKS = ("mask_lidar", "mask_camera")


def read_labels(path: Path) -> dict[str, NDArray[np.uint8]]:
    """``semantics`` and what there is of ``mask_lidar`` and ``mask_camera``, of a ``labels.npz`` or a prediction.

    A prediction may hold a single array of any name but those of the masks, as ``np.savez(path, array)`` writes it.
    Integers of every width are read; the ids 0..255 need not be classes. Raises DamagedFile, with the place of a value
    that is no id.
    """
    names = array_names(path)
    if "semantics" not in names and (len(names) != 1 or names[0] in _MASKS):
        raise DamagedFile(f"{path} has no array 'semantics', only {', '.join(names) or 'nothing'}")
    arrays = {"semantics": read_integers(path, "semantics" if "semantics" in names else names[0], SHAPE, UNKNOWN)}
    arrays |= {mask: read_integers(path, mask, SHAPE, 1) for mask in _MASKS if mask in names}
    return {name: array.astype(np.uint8) for name, array in arrays.items()}


def write_labels(path: Path, semantics: NDArray[np.uint8], **masks: NDArray[np.bool_]) -> None:
    """Writes ``semantics`` and the masks (``mask_lidar``, ``mask_camera``) as Occ3D does: uint8, compressed."""
    arrays = {name: mask.astype(np.uint8) for name, mask in masks.items()}
    np.savez_compressed(path, semantics=semantics.astype(np.uint8), **arrays)
