"""Panoptic scores of a version that has instances at LiDAR points, by the rules of the LiDAR benchmarks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.benchmark import Benchmark
from occlabel.pipeline.quality.panoptic import PanopticEvaluation
from occlabel.pipeline.quality.predictions import Predictions
from occlabel.pipeline.quality.scans import scan_in_grid
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.drive_log import DriveLog, Frame, LogReader, PointSegments
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.panoptic import PanopticCounts
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.evaluation.tracking import TrackingCounts
from occlabel.stages.export.points import point_labels


def at_point_instances(
    predictions: Predictions, reader: LogReader, benchmark: Benchmark, frames: Mapping[str, list[str]]
) -> PanopticEvaluation | None:
    """Scores of ``frames`` (log -> names in time, those with point truth) at the points that lie in the grid.

    A point has the class and the object of its voxel, as it is exported. None when no prediction or no point of the
    truth has an instance. Raises what reading predictions, truth and logs raises.
    """
    named = {log: [name for name in names if predictions.has_instance(log, name)] for log, names in frames.items()}
    rules, taxonomy = benchmark.point_rules, benchmark.taxonomy
    quality = PanopticCounts(rules, 1 + max(rules.classes))
    tracking = TrackingCounts(taxonomy)
    scored_frames, identified = 0, False
    for log in reader.logs([log for log, names in named.items() if names]):
        truth = _LogTruth(reader, log, benchmark, predictions)
        in_log = {frame.name: frame for frame in log.frames}
        for name in named[log.id]:
            points = scan_in_grid(reader, in_log[name], predictions.grid)
            true = truth.segments(in_log[name], points)
            if true is None:
                continue
            semantics, instance = predictions.load(log.id, name), predictions.instance(log.id, name)
            found = Labels(*point_labels(semantics, instance, points, predictions.grid))
            inside = found.semantics != UNKNOWN  # within the grid the labels are free where nothing is known
            where = predictions.where(log.id, name)
            expected = Labels(_challenge_classes(true.semantics, rules), true.ids)
            quality.add(_challenge_labels(found, rules), expected, inside, where=where)
            tracking.add(found, Labels(true.semantics, np.where(true.instance > 0, true.ids, 0)), inside, where)
            identified |= bool(true.instance[inside].any())
            scored_frames += 1
        tracking.end_log()
    if not identified:
        return None
    return PanopticEvaluation(
        quality.scores(), tracking.scores(), None, taxonomy.names, scored_frames, elements="points"
    )


def _challenge_labels(found: Labels, rules: Rules) -> Labels:
    """A prediction [n] as the benchmark's files hold it: only things have ids."""
    things = rules.table(rules.things)[found.semantics]
    return Labels(_challenge_classes(found.semantics, rules), np.where(things, found.instance, 0))


def _challenge_classes(semantics: NDArray[np.uint8], rules: Rules) -> NDArray[np.uint8]:
    """``semantics`` [n] with 0 for what the benchmark has no class for."""
    return np.where(rules.table(rules.classes)[semantics], semantics, np.uint8(0))


class _LogTruth:
    """Whose points they are in one log: as its point labels say, or else its boxes."""

    def __init__(self, reader: LogReader, log: DriveLog, benchmark: Benchmark, predictions: Predictions) -> None:
        self._reader, self._things = reader, benchmark.point_rules.things
        boxed = any(frame.truth.boxes for frame in log.frames)
        self._objects = TrueObjects(log, predictions.grid, benchmark.taxonomy) if boxed else None

    def segments(self, frame: Frame, points: NDArray[np.float64]) -> PointSegments | None:
        """Of the frame's ``points`` [n, 3] in the frame of the grid; None when nobody says whose they are.

        Where boxes say it, a point of a thing class in no box of its class is UNKNOWN: it is somebody's, and counted
        as an object of its own it would be one that nobody can find.
        """
        truth = self._reader.point_truth(frame)
        assert truth is not None  # only frames with point truth are scored
        if truth.segments is not None:
            return truth.segments
        if self._objects is None or frame.world_from_ego is None:
            return None
        semantics = truth.semantics
        instance = self._objects.point_instances(frame.name, semantics, points, self._things)
        nobodys = np.isin(semantics, self._things) & (instance == 0)
        return PointSegments(
            np.where(nobodys, np.uint8(UNKNOWN), semantics), semantics.astype(np.uint16), instance.astype(np.uint16)
        )
