"""Whether voxels in which a point was measured are labelled free."""

from __future__ import annotations

from occlabel.pipeline.planning.gates import HitsFreeGate
from occlabel.pipeline.quality.gates.case import Case, Shares, answer, percent
from occlabel.pipeline.quality.gates.measures import HITS
from occlabel.schemas.version import GateResult


def judge(case: Case, options: HitsFreeGate) -> list[GateResult]:
    rows = ((log, frame, row[::-1]) for log, frame, row in case.rows(HITS))
    shares = Shares.of(rows, "no point was measured in any voxel")
    log, of_log = shares.worst_log()
    frame, of_frame = shares.worst_frame(log)
    said = (
        f"{percent(shares.share)} of {shares.whole.sum():,.0f} voxels that were hit are labelled free; most in log "
        f"{log} ({percent(of_log)}), frame {frame} ({percent(of_frame)})"
    )
    return [answer("hits_free", options, shares.share, said, case.view(log, frame))]
