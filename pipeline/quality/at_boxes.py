"""Scores of a version's objects against the annotated boxes of logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occlabel.pipeline.quality.evaluate import Pairing
from occlabel.pipeline.quality.predictions import Predictions
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.objects import summarise
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.boxes import BoxCounts, BoxScores, Placed

LEAST_POINTS = 20
"""A box with fewer LiDAR points inside is not asked for: hardly anything of it was seen."""


@dataclass(frozen=True)
class BoxEvaluation:
    """What was found."""

    scores: BoxScores
    frames: int
    names: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {"frames": self.frames, **self.scores.facts(self.names)}


def at_boxes(
    predictions: Predictions, reader: LogReader, taxonomy: Taxonomy, logs: Sequence[str] | None = None
) -> BoxEvaluation:
    """Scores every frame that has boxes, a pose and instances; boxes whose centre lies in the grid, of thing classes.

    Raises BadPredictions when there is no such frame.
    """
    pairing, counts, frames = Pairing(predictions, logs, set(reader.log_ids())), BoxCounts(), 0
    for log in reader.logs(pairing.logs):
        truth = TrueObjects(log, predictions.grid, taxonomy)
        boxed = pairing.predicted(log.id, [frame.name for frame in log.frames if frame.truth.boxes])
        for name in truth.in_time(name for name in boxed if predictions.has_instance(log.id, name)):
            boxes = truth.boxes(name, LEAST_POINTS)
            _, inside = predictions.grid.cells(boxes.centres)
            kept = Placed(boxes.ids[inside], boxes.classes[inside], boxes.centres[inside])
            found = summarise(predictions.instance(log.id, name), predictions.load(log.id, name), predictions.grid)
            counts.add(Placed(found.ids.astype(np.int64), found.classes.astype(np.int64), found.centroids), kept)
            frames += 1
        counts.end_log()
    pairing.refuse_nothing()
    if not frames:
        raise BadPredictions(
            "there is nothing to score at boxes: no frame has annotated boxes, a pose and instances; label the logs "
            "with a recipe that has an instances block"
        )
    return BoxEvaluation(counts.scores(), frames, taxonomy.names)
