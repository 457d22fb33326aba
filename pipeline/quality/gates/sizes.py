"""Whether objects have a size that their class can have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.pipeline.planning.gates import SizesGate
from occlabel.pipeline.quality.gates.case import Case, NotJudged, answer, percent
from occlabel.pipeline.quality.gates.measure import Numbers
from occlabel.pipeline.quality.gates.measures import SIZES
from occlabel.schemas.version import GateResult
from occlabel.schemas.words import counted, inflected
from occlabel.stages.evaluation.object_sizes import LARGEST

_SLACK = 2.0
"""Voxels: a box holds whole voxels, up to one too many on each side."""


@dataclass(frozen=True)
class _Sighting:
    """An object in one frame."""

    name: str
    size: Numbers
    """Length, width and height [m]."""
    frame: str
    beyond: float
    """[m] beyond what its class can be, whichever side is worst; negative for one that is small enough."""


def judge(case: Case, options: SizesGate) -> list[GateResult]:
    found: dict[tuple[str, int], list[_Sighting]] = {}
    for log, frame, row in case.rows(SIZES):
        name = case.names[int(row[1])]
        if name in LARGEST:
            beyond = float((row[2:] - np.array(LARGEST[name])).max()) - _SLACK * case.version.space.grid.voxel_size
            found.setdefault((log, int(row[0])), []).append(_Sighting(name, row[2:], frame, beyond))
    if not found:
        raise NotJudged(f"there is no object of {', '.join(n for n in case.names if n in LARGEST) or 'a known class'}")
    mostly = {key: float(np.median([one.beyond for one in seen])) for key, seen in found.items()}
    large = [key for key in found if mostly[key] > 0]
    share, look = len(large) / len(found), ""
    are = inflected(len(large), "is", "are")
    said = f"{len(large)} of {counted(len(found), 'object')} {are} larger than their class can be ({percent(share)})"
    if large:
        log, track = max(large, key=lambda key: mostly[key])
        worst = max(found[log, track], key=lambda one: one.beyond)
        length, width, height = worst.size
        said += f"; most the {worst.name} {track} of log {log}, frame {worst.frame}: {length:.1f} x {width:.1f} x "
        said += f"{height:.1f} m"
        look = case.view(log, worst.frame, " --objects")
    return [answer("sizes", options, share, said, look)]
