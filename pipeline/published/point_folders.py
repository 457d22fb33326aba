"""Folders that hold labels of LiDAR points, where volumes were to be scored: exports for the panoptic benchmarks, of
which one has the file names of scene completion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occlabel.schemas.errors import BadPredictions, DamagedFile
from occlabel.schemas.formats.semantickitti import SHAPE, read_point_labels
from occlabel.schemas.taxonomy import taxonomy_preset

_VOLUME = 2 * int(np.prod(SHAPE))  # bytes
_LABELLED = 1 / 8
"""Share of points that has labels at least, in a grid that holds only some. One layer of a volume is a sixteenth."""
_NUSCENES = "_panoptic.npz"
_LAYOUTS = (f"panoptic/*/*{_NUSCENES}", f"*/*{_NUSCENES}", f"*{_NUSCENES}", "sequences/*/predictions/*.label")


def refuse_points(root: Path, first: Path | None) -> None:
    """Raises BadPredictions where ``first``, the first file of ``root`` that may be a volume, holds labels of points;
    without any, where another one does. No more than one is read."""
    if first is None:
        first = next((path for layout in _LAYOUTS for path in root.glob(layout)), None)
    if first is not None and _of_points(first):
        raise BadPredictions(
            f"{root} holds labels of LiDAR points ({first.relative_to(root)}), and of a folder only volumes of voxels "
            "are scored: score the version that it was exported from, with occlabel evaluate STORE@VERSION --at points"
        )


def _of_points(path: Path) -> bool:
    """A torn volume may be as long as labels of points are. These say the object of a point in every other number, and
    stuff has none, where a volume has another voxel; and points are where something is, where most voxels are free."""
    if path.suffix != ".label":
        return path.name.endswith(_NUSCENES)
    try:
        size = path.stat().st_size
        if size == _VOLUME or size % 4:
            return False
        raw, number = read_point_labels(path, size // 4)
    except (OSError, DamagedFile):  # who reads its labels says so
        return False
    taxonomy = taxonomy_preset("semantickitti")
    things = [entry.id for entry in taxonomy.classes if entry.thing]
    labelled = np.count_nonzero(raw) > _LABELLED * len(raw)
    return labelled and not number[~np.isin(taxonomy.from_raw[raw], things)].any()
