"""Whether too many occupied voxels are labelled without confidence."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.planning.gates import LowConfidenceGate
from occlabel.pipeline.quality.gates.case import Case, Shares, answer, percent
from occlabel.pipeline.quality.gates.measures import CONFIDENCES, CONFIDENT
from occlabel.schemas.arrays import least_confidence
from occlabel.schemas.version import GateResult

_LEAST = 0.001
"""A class with a smaller part of the occupied voxels is not named as the worst."""


def judge(case: Case, options: LowConfidenceGate) -> list[GateResult]:
    least = least_confidence(options.below)
    rows = [(log, frame, row.reshape(-1, CONFIDENT)) for log, frame, row in case.rows(CONFIDENCES)]
    told = ((log, frame, np.array([row[:, :least].sum(), row.sum()])) for log, frame, row in rows)
    shares = Shares.of(told, "no voxel is occupied")
    log, of_log = shares.worst_log()
    frame, of_frame = shares.worst_frame(log)
    every = np.sum([row for _, _, row in rows], axis=0)
    whole = every.sum(axis=1)
    by_class = np.where(whole >= _LEAST * whole.sum(), every[:, :least].sum(axis=1) / np.maximum(whole, 1), -1)
    worst = int(by_class.argmax())
    said = (
        f"{percent(shares.share)} of the occupied voxels have a confidence below {options.below:g}; most in log {log} "
        f"({percent(of_log)}), frame {frame} ({percent(of_frame)}), and of {case.names[worst]} "
        f"({percent(by_class[worst])})"
    )
    return [answer("low_confidence", options, shares.share, said, case.view(log, frame))]
