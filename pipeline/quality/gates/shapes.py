"""Whether tracked objects keep their shape."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.planning.gates import ShapesGate
from occlabel.pipeline.quality.gates.case import Case, NotJudged, Shares, answer, percent
from occlabel.pipeline.quality.gates.measures import SHAPES
from occlabel.schemas.version import GateResult
from occlabel.schemas.words import counted


def judge(case: Case, options: ShapesGate) -> list[GateResult]:
    rows = list(case.rows(SHAPES))
    if not rows:
        raise NotJudged("no object is seen whole in two frames with poses, one after the other")
    shares = Shares.of(((log, frame, np.array([row[2], 1.0])) for log, frame, row in rows), "")
    log, of_log = shares.worst_log(high=False)
    of_object: dict[int, list[float]] = {}
    for where, _, row in rows:
        if where == log:
            of_object.setdefault(int(row[0]), []).append(float(row[2]))
    track = min(of_object, key=lambda i: float(np.mean(of_object[i])))
    frame, _, row = min(((f, float(r[2]), r) for w, f, r in rows if w == log and r[0] == track), key=lambda x: x[1])
    said = (
        f"objects have {percent(shares.share)} of their voxels in the frame before too, over "
        f"{counted(len(rows), 'pair')}; least in log {log} ({percent(of_log)}), the {case.names[int(row[1])]} {track} "
        f"({percent(float(np.mean(of_object[track])))}), worst in frame {frame}"
    )
    return [answer("shapes", options, shares.share, said, case.view(log, frame, " --objects"))]
