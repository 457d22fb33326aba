"""Panoptic scores of a version that has instances, against logs that have boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from occlabel.stages.evaluation.lidar_tracking import LidarTrackingScores
from occlabel.stages.evaluation.panoptic import PanopticScores
from occlabel.stages.evaluation.ray_scores import RayScores
from occlabel.stages.evaluation.tracking import TrackingScores


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
    lidar_tracking: LidarTrackingScores | None = None
    """At points by the rules of SemanticKITTI only."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        quality = self.quality.facts(self.names)
        facts = {"frames": self.frames, self.elements: quality, "tracking": self.tracking.facts()}
        if self.lidar_tracking is not None:
            facts["lidar_tracking"] = self.lidar_tracking.facts()
        return facts if self.rays is None else {**facts, "rays": self.rays.facts()}
