"""Occ3D-nuScenes label files: ``labels.npz`` with ``semantics``, ``mask_lidar`` and ``mask_camera`` [200, 200, 16]."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile

SHAPE = (200, 200, 16)


def read_labels(path: Path) -> dict[str, NDArray[np.uint8]]:
    """The arrays of a ``labels.npz`` (or of a prediction ``.npz``), each uint8; ``semantics`` is always there.

    A prediction may hold a single unnamed array, as ``np.savez(path, array)`` writes it. Raises DamagedFile.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"{path} is not a readable npz file: {error}") from error
    if "semantics" not in arrays and len(arrays) == 1:
        arrays = {"semantics": next(iter(arrays.values()))}
    if "semantics" not in arrays:
        raise DamagedFile(f"{path} has no array 'semantics', only {', '.join(sorted(arrays)) or 'nothing'}")
    if arrays["semantics"].shape != SHAPE:
        raise DamagedFile(f"{path}: semantics is {list(arrays['semantics'].shape)}, expected {list(SHAPE)}")
    return {name: array.astype(np.uint8) for name, array in arrays.items()}


def write_labels(path: Path, semantics: NDArray[np.uint8], **masks: NDArray[np.bool_]) -> None:
    """Writes ``semantics`` and the masks (``mask_lidar``, ``mask_camera``) as Occ3D does: uint8, compressed."""
    arrays = {name: mask.astype(np.uint8) for name, mask in masks.items()}
    np.savez_compressed(path, semantics=semantics.astype(np.uint8), **arrays)
