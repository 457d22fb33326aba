"""Panoptic scores of a version that has instances, against logs that have boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from occlabel.pipeline.quality.benchmark import Benchmark
from occlabel.pipeline.quality.predictions import Predictions
from occlabel.pipeline.quality.true_objects import logs_of_truth, true_objects
from occlabel.stages.evaluation.panoptic import PanopticCounts, PanopticScores
from occlabel.stages.evaluation.panoptic_rules import voxels
from occlabel.stages.evaluation.ray_scores import RayCounts, RayScores
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.evaluation.tracking import TrackingCounts, TrackingScores


@dataclass(frozen=True)
class PanopticEvaluation:
    """What was found about instances."""

    quality: PanopticScores
    tracking: TrackingScores
    rays: RayScores | None
    """By the rules of Occ3D only."""
    names: tuple[str, ...]
    """Of the classes."""
    frames: int
    """Frames that were scored: those with instances, where somebody says whose the elements are: at voxels the boxes of
    a log with poses, at points the labels or the boxes."""
    elements: Literal["voxels", "points"] = "voxels"
    """What was counted."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        quality = self.quality.facts(self.names)
        facts = {"frames": self.frames, self.elements: quality, "tracking": self.tracking.facts()}
        return facts if self.rays is None else {**facts, "rays": self.rays.facts()}


def at_instances(
    predictions: Predictions, truth: Path, benchmark: Benchmark, frames: Mapping[str, list[str]]
) -> PanopticEvaluation | None:
    """Scores of ``frames`` (log -> names) against the voxel truth under ``truth``, over the whole grid.

    None when no prediction has instances or no log has boxes. Raises what reading predictions, truth and logs raises.
    """
    named = {log: [name for name in names if predictions.has_instance(log, name)] for log, names in frames.items()}
    reader = logs_of_truth(truth) if any(named.values()) else None
    if reader is None:
        return None
    files, taxonomy = benchmark.truth_files(truth), benchmark.taxonomy
    quality = PanopticCounts(voxels(taxonomy), len(taxonomy.classes))
    tracking = TrackingCounts(taxonomy)
    rays = RayCounts(predictions.grid, taxonomy) if benchmark.format == "occ3d" else None
    scored_frames = 0
    for log, names in named.items():
        objects = true_objects(reader, log, benchmark, predictions.grid) if names else None
        if objects is None:
            continue
        for name in objects.in_time(names):
            semantics, scored = benchmark.read_truth(files[log][name])
            true = Labels(semantics, objects.instances(name, semantics))
            found, where = (
                Labels(predictions.load(log, name), predictions.instance(log, name)),
                predictions.where(log, name),
            )
            quality.add(found, true, scored, where=where)
            tracking.add(found, true, scored, where)
            if rays is not None:
                rays.add(found, true, objects.origins(name), where)
            scored_frames += 1
        tracking.end_log()
    if not scored_frames:
        return None
    return PanopticEvaluation(
        quality.scores(), tracking.scores(), rays.scores() if rays else None, taxonomy.names, scored_frames
    )
