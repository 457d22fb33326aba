"""The gates that there are: the names are those of the blocks in ``Gates``."""

from __future__ import annotations

from occlabel.pipeline.quality.gates import (
    drift,
    hits_free,
    low_confidence,
    quarantine,
    regression,
    score,
    shapes,
    sizes,
    static,
)
from occlabel.pipeline.quality.gates.case import Gate
from occlabel.pipeline.quality.gates.measures import CLASSES, CONFIDENCES, HITS, SHAPES, SIZES, STATIC

GATES = {
    gate.name: gate
    for gate in (
        Gate("score", score.judge),
        Gate("regression", regression.judge, against=True),
        Gate("drift", drift.judge, (CLASSES,), against=True),
        Gate("low_confidence", low_confidence.judge, (CONFIDENCES,)),
        Gate("quarantine", quarantine.judge),
        Gate("hits_free", hits_free.judge, (HITS,)),
        Gate("static", static.judge, (STATIC,)),
        Gate("shapes", shapes.judge, (SHAPES,)),
        Gate("sizes", sizes.judge, (SIZES,)),
    )
}
