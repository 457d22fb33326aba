"""Labels as SSCBench keeps those of KITTI-360: ``data_2d_raw/<sequence>/voxels/NNNNNN.label`` and ``.invalid``.

Layout, ids and the rule for masks: ai4ce/SSCBench, ``dataset/configs/kitti360.yaml`` and ``preprocess.py`` of its
MonoScene. Volumes are [256, 256, 32] over the voxels of SemanticKITTI: ``.label`` little-endian uint16 raw ids,
``.invalid`` one byte a voxel (SemanticKITTI packs eight), 1 where nobody saw it. Its preparation makes of both one
volume: 255, not scored, where ``.invalid`` is 1, but for voxels that have a label: a label always counts.

Of bicyclists, motorcyclists and trunks its learning map makes no class, so neither is one here. A voxel of which the
labels say something that is no class of it, or nothing, has no label and is invalid.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.formats.semantickitti import SHAPE, write_volume
from occlabel.schemas.grid import grid_preset
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN, LabelClass, Taxonomy, taxonomy_preset
from occlabel.stages.export.occ3d import refuse_name

LEFT_OUT = ("bicyclist", "motorcyclist", "trunk")
"""Classes of SemanticKITTI that are none here."""
SEQUENCE = re.compile(r"2013_05_28_drive_\d{4}_sync")
"""What the tools call a sequence of KITTI-360; which of them are for training stands in their splits."""
_OWN = {"other-structure": (255, 150, 0), "other-object": (50, 255, 255)}
_RAW = (0, 10, 11, 15, 18, 20, 30, 40, 44, 48, 49, 50, 51, 70, 72, 80, 81, 52, 99)


def _taxonomy() -> Taxonomy:
    shared = [entry for entry in taxonomy_preset("semantickitti").classes if entry.name not in LEFT_OUT]
    classes = [entry.model_copy(update={"id": place}) for place, entry in enumerate(shared)]
    classes += [LabelClass(id=len(shared) + n, name=name, colour=rgb) for n, (name, rgb) in enumerate(_OWN.items())]
    return Taxonomy(name="sscbench-kitti360", free_id=0, classes=tuple(classes), inverse_map=dict(enumerate(_RAW)))


SPACE = LabelSpace(grid_preset("semantickitti"), _taxonomy())


def write_frame(
    root: Path, log: str, name: str, semantics: NDArray[np.uint8], seen: NDArray[np.bool_] | None = None
) -> Path:
    """Writes class ids [256, 256, 32] of one frame, UNKNOWN included, and its mask; returns the ``.label``. ``seen``:
    what was observed; None: nobody says, and all that has a class counts as seen. Raises BadPredictions."""
    refuse_name(log, name)
    if semantics.shape != SHAPE:
        raise BadPredictions(
            f"log {log}, frame {name} has {list(semantics.shape)} voxels, sscbench-kitti360 has {list(SHAPE)}"
        )
    known = semantics != UNKNOWN
    strange = np.unique(semantics[known & (semantics >= len(SPACE.taxonomy.classes))])
    if strange.size:
        raise BadPredictions(f"log {log}, frame {name} has the ids {strange.tolist()}, which have no raw id")
    path = root / "data_2d_raw" / log / "voxels" / f"{name}.label"
    with appearing(path) as partial:
        write_volume(partial, SPACE.taxonomy.to_raw[semantics])
    with appearing(path.with_suffix(".invalid")) as partial:
        partial.write_bytes((~(known if seen is None else known & seen)).astype(np.uint8).tobytes())
    return path
