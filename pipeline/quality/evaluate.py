"""Scores of labels against truth: pairs each truth frame with its prediction, counts, and scores by range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.versions import PublishedVersion
from occlabel.pipeline.quality.benchmark import BENCHMARKS, Benchmark, Format
from occlabel.pipeline.quality.panoptic import PanopticEvaluation, at_instances
from occlabel.pipeline.quality.panoptic_points import at_point_instances
from occlabel.pipeline.quality.predictions import Predictions, Version, open_predictions
from occlabel.pipeline.quality.scans import scan_in_grid
from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.errors import BadPredictions
from occlabel.stages.evaluation import points as at_points
from occlabel.stages.evaluation.confusion import confusion, crop
from occlabel.stages.evaluation.reliability import Reliability
from occlabel.stages.evaluation.scores import Scores
from occlabel.stages.ingest.recognise import open_logs

Where = Literal["voxels", "points"]


@dataclass(frozen=True)
class Evaluation:
    """What was found."""

    scores: dict[str, Scores]
    """By range: "12.8", "25.6", "51.2", or "full"."""
    frames: int
    """Frames that were scored."""
    missing: dict[str, int] = field(default_factory=dict)
    """Of each scored log: truth frames without a prediction, where there are any."""
    baselines: dict[str, Scores] = field(default_factory=dict)
    """Of trivial rules, at points only."""
    reliability: Reliability | None = None
    """Of the confidence at voxels, where the labels have one."""
    panoptic: PanopticEvaluation | None = None
    """Of the instances, where the labels have them; at voxels, where the logs have boxes; at points, where point labels
    or boxes say whose the points are."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "scores": {name: scores.facts() for name, scores in self.scores.items()},
            "frames": self.frames,
            "missing": self.missing,
            **(
                {"calibration": {"error": self.reliability.error(), "curve": self.reliability.curve()}}
                if self.reliability
                else {}
            ),
            **({"panoptic": self.panoptic.facts()} if self.panoptic else {}),
            **({"baselines": {k: v.facts() for k, v in self.baselines.items()}} if self.baselines else {}),
        }

    def note(self) -> str:
        """What was left out, as a sentence; empty when nothing was."""
        count = sum(self.missing.values())
        if not count:
            return ""
        return f"{count} of {self.frames + count} truth frames have no prediction and are not scored"


def evaluate_version(
    version: PublishedVersion, truth: Path, format: Format = "semantickitti"
) -> dict[str, dict[str, Any]]:
    """Scores of a version against voxel truth: range -> measure -> value, as ``evaluate --json`` writes them."""
    benchmark = BENCHMARKS[format]
    return at_voxels(Version(version, benchmark), truth, benchmark).facts()["scores"]


def evaluate_labels(
    spec: str, truth: Path, format: Format, at: Where = "voxels", logs: Sequence[str] | None = None
) -> Evaluation:
    """Scores of STORE@VERSION or of a folder. Raises an OcclabelError when there is nothing to score."""
    benchmark = BENCHMARKS[format]
    predictions = open_predictions(spec, benchmark)
    score = at_voxels if at == "voxels" else at_labelled_points
    return score(predictions, truth, benchmark, logs)


def at_voxels(
    predictions: Predictions, truth: Path, benchmark: Benchmark, logs: Sequence[str] | None = None
) -> Evaluation:
    """Scores at voxels. A log is scored when any of its truth frames has a prediction."""
    files = benchmark.truth_files(truth)
    pairing = Pairing(predictions, logs, set(files))
    classes = len(benchmark.taxonomy.classes)
    counts = {name: np.zeros((classes, classes), np.int64) for name in benchmark.grid.ranges}
    reliability = None
    named = {}
    for log in pairing.logs:
        named[log] = pairing.predicted(log, list(files[log]))
        for name in named[log]:
            true, scored = benchmark.read_truth(files[log][name])
            labels, where = predictions.load(log, name), predictions.where(log, name)
            for range_, box in benchmark.grid.ranges.items():
                counts[range_] += confusion(crop(labels, box), crop(true, box), crop(scored, box), classes, where)
            confidence = predictions.confidence(log, name)
            if confidence is not None:
                reliability = reliability or Reliability()
                reliability.add(confidence, labels == true, scored)
    pairing.refuse_nothing()
    scores = {name: benchmark.score(count, benchmark.taxonomy) for name, count in counts.items()}
    panoptic = at_instances(predictions, truth, benchmark, named)
    return Evaluation(scores, pairing.frames, pairing.missing, reliability=reliability, panoptic=panoptic)


def at_labelled_points(
    predictions: Predictions, truth: Path, benchmark: Benchmark, logs: Sequence[str] | None = None
) -> Evaluation:
    """Scores at the labelled LiDAR points of a log root: each takes the label of the voxel that holds it."""
    reader = open_logs(truth)
    pairing = Pairing(predictions, logs, set(reader.log_ids()))
    taxonomy = benchmark.taxonomy
    classes = len(taxonomy.classes)
    counts, by_height = np.zeros((2, classes, classes), np.int64)
    named = {}
    for log in reader.logs(pairing.logs):
        frames = {frame.name: frame for frame in log.frames if frame.truth.points is not None}
        named[log.id] = pairing.predicted(log.id, list(frames))
        for name in named[log.id]:
            points, true = _labelled_points(reader, frames[name], predictions)
            labels, inside = at_points.labels_at(predictions.load(log.id, name), points, predictions.grid)
            true, scored = true[inside], np.ones(len(labels), bool)
            counts += confusion(labels, true, scored, classes, predictions.where(log.id, name))
            rule = at_points.height_rule(points[inside, 2], taxonomy)
            by_height += confusion(rule, true, scored, classes, "the height rule")
    pairing.refuse_nothing()
    baselines = {"height rule": by_height, "most frequent class": at_points.most_frequent(counts)}
    return Evaluation(
        {"full": at_points.score(counts, taxonomy)},
        pairing.frames,
        pairing.missing,
        {name: at_points.score(count, taxonomy) for name, count in baselines.items()},
        panoptic=at_point_instances(predictions, reader, benchmark, named),
    )


def _labelled_points(
    reader: LogReader, frame: Frame, predictions: Predictions
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Points [n, 3] in the frame of the predictions' grid, and their classes [n]."""
    truth = reader.point_truth(frame)
    assert truth is not None  # the frame refers to point truth, which is of its sweep
    return scan_in_grid(reader, frame, predictions.grid), truth.semantics


class Pairing:
    """Which truth frames have predictions. A log without any is not scored; a scored log's gaps are counted."""

    def __init__(self, predictions: Predictions, logs: Sequence[str] | None, known: set[str]) -> None:
        unknown = sorted(set(logs or ()) - known)
        if unknown:
            raise BadPredictions(f"the truth has no log {', '.join(unknown)}; it has {', '.join(sorted(known)[:20])}")
        self._predictions = predictions
        self.logs = sorted(set(logs) if logs else known)
        self.frames = 0
        self.missing: dict[str, int] = {}

    def predicted(self, log: str, names: list[str]) -> list[str]:
        """Those of the truth frames ``names`` of ``log`` that have a prediction."""
        found = [name for name in names if self._predictions.has(log, name)]
        self.frames += len(found)
        if found and len(found) < len(names):
            self.missing[log] = len(names) - len(found)
        return found

    def refuse_nothing(self) -> None:
        if not self.frames:
            raise BadPredictions(
                f"there is nothing to score: no truth frame of the logs {', '.join(self.logs[:20])} has a prediction; "
                "log and frame names must be those of the truth"
            )
