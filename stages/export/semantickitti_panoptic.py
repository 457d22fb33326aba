"""Panoptic predictions for SemanticKITTI's LiDAR points: ``sequences/XX/predictions/NNNNNN.label``.

One uint32 a point, in the order of the scan: the semantic raw id in the low 16 bits, the instance in the high 16. Scene
completion has the same names for its volumes, so the two go to different roots. Only points of thing classes have an
instance. Ids of a log, which may be of 32 bits, are numbered anew from 1 (``points.Numbering``); a log with more than
65,535 objects is refused. UNKNOWN becomes raw 0, which the official tools call unlabelled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.formats.semantickitti import write_point_labels
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.export.points import Numbering, refuse_lengths
from occlabel.stages.export.semantickitti import refuse_name

MOST = 65_535


def numbering(log: str) -> Numbering:
    """For all frames of one log."""
    return Numbering(log, MOST)


def write_points(
    root: Path,
    log: str,
    name: str,
    semantics: NDArray[np.uint8],
    instance: NDArray[np.integer[Any]],
    numbers: Numbering,
) -> Path:
    """Writes class ids [n] and instance ids [n] of one scan's points and returns the file. Raises BadPredictions."""
    refuse_name(log, name)
    refuse_lengths(log, name, semantics, instance)
    taxonomy = taxonomy_preset("semantickitti")
    strange = np.unique(semantics[(semantics >= len(taxonomy.classes)) & (semantics != UNKNOWN)])
    if strange.size:
        raise BadPredictions(f"log {log}, frame {name} has the ids {strange.tolist()}, which have no raw id")
    things = np.isin(semantics, [entry.id for entry in taxonomy.classes if entry.thing])
    number = numbers.numbers(np.where(things, instance, 0))
    path = root / "sequences" / log / "predictions" / f"{name}.label"
    with appearing(path) as partial:
        write_point_labels(partial, taxonomy.to_raw[semantics], number)
    return path
