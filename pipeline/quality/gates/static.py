"""Whether what does not move has the same class a frame later."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.planning.gates import StaticGate
from occlabel.pipeline.quality.gates.case import Case, Shares, answer, percent
from occlabel.pipeline.quality.gates.measures import STATIC
from occlabel.schemas.version import GateResult

_LEAST = 0.001
"""A class with a smaller part of the static voxels is not named as the worst."""


def judge(case: Case, options: StaticGate) -> list[GateResult]:
    rows = [(log, frame, row.reshape(-1, 2)) for log, frame, row in case.rows(STATIC)]
    told = ((log, frame, row.sum(axis=0)[::-1]) for log, frame, row in rows)
    shares = Shares.of(told, "no two frames of a log have poses and know a static voxel in common")
    log, of_log = shares.worst_log(high=False)
    frame, of_frame = shares.worst_frame(log, high=False)
    whole, kept = np.sum([row for _, _, row in rows], axis=0).T
    by_class = np.where(whole >= _LEAST * whole.sum(), kept / np.maximum(whole, 1), 2)
    worst = int(by_class.argmin())
    said = (
        f"{percent(shares.share)} of the static voxels have their class in the frame before too; least in log {log} "
        f"({percent(of_log)}), frame {frame} ({percent(of_frame)}), and of {case.names[worst]} "
        f"({percent(by_class[worst])})"
    )
    return [answer("static", options, shares.share, said, case.view(log, frame))]
