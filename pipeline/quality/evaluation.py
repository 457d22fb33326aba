"""What an evaluation found, and what it left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from occlabel.pipeline.quality.counting import At
from occlabel.pipeline.quality.panoptic import PanopticEvaluation
from occlabel.stages.evaluation.boxes import BoxScores
from occlabel.stages.evaluation.reliability import Reliability
from occlabel.stages.evaluation.scores import Scores


@dataclass
class Evaluation:
    """Scores, and everything that they do not cover."""

    labels: str
    """What was scored."""
    at: At
    frames: int
    """Frames that were scored."""
    missing: dict[str, int] = field(default_factory=dict)
    """Of each scored log: truth frames without a prediction, where there are any."""
    without_truth: tuple[str, ...] = ()
    """Logs of the labels that have no truth."""
    without_labels: tuple[str, ...] = ()
    """Logs of the truth that have no labels at all."""
    unreadable: tuple[str, ...] = ()
    """A sentence for each frame that is not scored as its scan is missing or cannot be read."""
    failed: dict[str, str] = field(default_factory=dict)
    """Logs that could not be scored -> why."""
    left_out: tuple[str, ...] = ()
    """Classes of the labels that are none of the truth's; where they stand nothing is scored."""
    beyond: float = 0.0
    """Share of the truth's voxels where the labels have no say."""
    scores: dict[str, Scores] = field(default_factory=dict)
    """By range: "12.8", "25.6", "51.2", or "full"."""
    baselines: dict[str, Scores] = field(default_factory=dict)
    """Of trivial rules, at points only."""
    reliability: Reliability | None = None
    """Of the confidence at voxels, where the labels have one."""
    panoptic: PanopticEvaluation | None = None
    """Of the instances, where the labels have them and somebody says whose the elements are."""
    boxes: BoxScores | None = None
    """Of objects against boxes."""
    names: tuple[str, ...] = ()
    """Of the classes of boxes."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        facts: dict[str, Any] = {"labels": self.labels, "frames": self.frames, "missing": self.missing}
        facts |= {"without_truth": list(self.without_truth), "without_labels": list(self.without_labels)}
        facts |= {"unreadable": list(self.unreadable), "failed": self.failed}
        if self.left_out or self.beyond:
            facts |= {"classes_left_out": list(self.left_out), "voxels_left_out": self.beyond}
        if self.boxes is not None:
            return facts | self.boxes.facts(self.names)
        facts["scores"] = {name: scores.facts() for name, scores in self.scores.items()}
        if self.reliability:
            facts["calibration"] = {"error": self.reliability.error(), "curve": self.reliability.curve()}
        if self.panoptic:
            facts["panoptic"] = self.panoptic.facts()
        if self.baselines:
            facts["baselines"] = {name: scores.facts() for name, scores in self.baselines.items()}
        return facts

    def notes(self) -> Iterator[str]:
        """What was left out, in sentences."""
        count = sum(self.missing.values())
        if count:
            yield f"{count} of {self.frames + count} truth frames have no prediction and are not scored"
        if self.without_truth:
            yield f"logs of the labels that have no truth: {_some(self.without_truth)}"
        if self.without_labels:
            yield f"logs of the truth that have no labels: {_some(self.without_labels)}"
        if self.unreadable:
            yield f"not scored without their scans: {_some(self.unreadable, 3, '; ')}"
        for log, why in self.failed.items():
            yield f"log {log} is not scored: {why}"
        if self.beyond:
            yield f"{100 * self.beyond:.1f}% of the truth's voxels are not scored: the labels say nothing of them"
        if self.left_out:
            yield f"classes that are none of the truth's, and not scored: {', '.join(self.left_out)}"


def _some(names: tuple[str, ...], most: int = 10, between: str = ", ") -> str:
    """The first of them, and how many more there are."""
    rest = len(names) - most
    return between.join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
