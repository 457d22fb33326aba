"""Whether objects have a size that their class can have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.pipeline.planning.gates import SizesGate
from occlabel.pipeline.quality.gates.case import Case, NotJudged, percent
from occlabel.pipeline.quality.gates.measure import Numbers
from occlabel.pipeline.quality.gates.measures import SIZES
from occlabel.schemas.version import GateResult
from occlabel.stages.evaluation.object_sizes import LARGEST

_SLACK = 2.0
"""Voxels: a box holds whole voxels, up to one too many on each side."""


@dataclass
class _Largest:
    """An object as it was when it was furthest beyond what its class can be."""

    name: str
    size: Numbers
    frame: str
    beyond: float
    """[m]; negative for one that is small enough."""


def judge(case: Case, options: SizesGate) -> list[GateResult]:
    found: dict[tuple[str, int], _Largest] = {}
    for log, frame, row in case.rows(SIZES):
        name = case.names[int(row[1])]
        if name not in LARGEST:
            continue
        beyond = float((row[2:] - np.array(LARGEST[name])).max()) - _SLACK * case.version.space.grid.voxel_size
        key = log, int(row[0])
        if key not in found or beyond > found[key].beyond:
            found[key] = _Largest(name, row[2:], frame, beyond)
    if not found:
        raise NotJudged(f"there is no object of {', '.join(n for n in case.names if n in LARGEST) or 'a known class'}")
    (log, track), worst = max(found.items(), key=lambda item: item[1].beyond)
    large = [one for one in found.values() if one.beyond > 0]
    share = len(large) / len(found)
    said = f"{len(large)} of {len(found)} objects are larger than their class can be ({percent(share)})"
    if large:
        length, width, height = worst.size
        said += (
            f"; most the {worst.name} {track} of log {log}, frame {worst.frame}: {length:.1f} x {width:.1f} x "
            f"{height:.1f} m"
        )
    return [
        GateResult(
            gate="sizes", required=options.most, found=share, bound="most", action=options.action, said=said,
            look=case.view(log, worst.frame, " --objects") if large else "",
        )
    ]  # fmt: skip
