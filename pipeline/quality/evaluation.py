"""What an evaluation found, and what it left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from occlabel.pipeline.quality.counting import At
from occlabel.pipeline.quality.elements import Elements
from occlabel.pipeline.quality.panoptic import PanopticEvaluation
from occlabel.schemas.words import counted, inflected
from occlabel.stages.evaluation.boxes import BoxScores
from occlabel.stages.evaluation.flow import FlowScores
from occlabel.stages.evaluation.points import LEAST_POINTS
from occlabel.stages.evaluation.reliability import ReliabilityByClass
from occlabel.stages.evaluation.scores import Scores
from occlabel.stages.evaluation.visible import VisibleScores


@dataclass
class Evaluation:
    """Scores, and everything that they do not cover."""

    labels: str
    """What was scored."""
    at: At
    frames: int
    """Frames that were scored."""
    place: dict[str, str] = field(default_factory=dict)
    """The store and the version of the labels, or their folder."""
    logs: dict[str, int] = field(default_factory=dict)
    """Logs of which frames have truth and labels -> how many of them were scored."""
    missing: dict[str, int] = field(default_factory=dict)
    """Of each scored log: truth frames without a prediction, where there are any."""
    frames_without_truth: dict[str, int] = field(default_factory=dict)
    """Of each scored log: labelled frames without truth, where there are any."""
    without_truth: tuple[str, ...] = ()
    """Logs of the labels that have no truth."""
    without_labels: tuple[str, ...] = ()
    """Logs of the truth that have no labels at all."""
    unreadable: tuple[str, ...] = ()
    """A sentence for each frame that is not scored as its truth, or its scan, is missing or cannot be read."""
    remarks: tuple[str, ...] = ()
    """What of the truth of scored frames is left out, or of frames around them, in sentences."""
    damaged: tuple[str, ...] = ()
    """A sentence for each frame whose labels cannot be read any more."""
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Log -> what its reader says of it, where more than voxels are asked for."""
    failed: dict[str, str] = field(default_factory=dict)
    """Logs that could not be scored -> why."""
    left_out: tuple[str, ...] = ()
    """Classes of the labels that are none of the truth's; where they stand nothing is scored."""
    beyond: float = 0.0
    """Share of the truth's voxels where the labels have no say."""
    elements: Elements | None = None
    """Points or boxes of the scored frames, and which of them are not scored."""
    scores: dict[str, Scores] = field(default_factory=dict)
    """By range: "12.8", "25.6", "51.2", or "full"."""
    baselines: dict[str, Scores] = field(default_factory=dict)
    """Of trivial rules, at points only."""
    calibration: ReliabilityByClass | None = None
    """Whether confidence at voxels or points means what it says, where the labels have one."""
    confidence_is: str | None = None
    """What the labels say of their confidence: a margin, or a probability and what it was calibrated to."""
    panoptic: PanopticEvaluation | None = None
    """Of the instances, where the labels have them and somebody says whose the elements are."""
    boxes: BoxScores | None = None
    """Of objects against boxes."""
    flow: FlowScores | None = None
    """Of flow at the voxels of objects, where the labels have it and the logs have boxes."""
    visible: dict[str, VisibleScores] | None = None
    """Before the camera that looks ahead: "scene slice", "objects slice", "scene block", "objects block"."""
    unknown: float = 0.0
    """Share of the scored samples there of which the labels know nothing, and which count as free."""
    few_sweeps: tuple[int, int] = (0, 0)
    """Frames there which fewer sweeps follow than should carve, and all of them."""
    frames_left_out: dict[str, int] = field(default_factory=dict)
    """Frames with boxes that are not scored at boxes, by reason."""
    names: tuple[str, ...] = ()
    """Of the classes."""

    @property
    def sound(self) -> bool:
        """Whether all labels that have truth could be read and scored."""
        return not self.failed and not self.damaged

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        facts: dict[str, Any] = {"labels": self.labels, **self.place, "at": self.at}
        facts |= {"frames": self.frames, "logs": self.logs, "missing": self.missing}
        facts |= {"frames_without_truth": self.frames_without_truth}
        facts |= {"without_truth": list(self.without_truth), "without_labels": list(self.without_labels)}
        facts |= {"unreadable": list(self.unreadable), "damaged": list(self.damaged), "failed": self.failed}
        facts |= {"remarks": list(self.remarks)}
        facts |= {"warnings": {log: list(said) for log, said in self.warnings.items()}}
        if self.left_out or self.beyond:
            facts |= {"classes_left_out": list(self.left_out), "voxels_left_out": self.beyond}
        if self.elements is not None:
            facts |= {f"{self.elements.name}_asked": self.elements.facts()}
        if self.flow is not None:
            facts["flow"] = self.flow.facts()
        if self.boxes is not None:
            return facts | {"frames_left_out": self.frames_left_out} | self.boxes.facts(self.names)
        if self.visible is not None:
            scores = {name.replace(" ", "_"): found.facts() for name, found in self.visible.items()}
            few = {"frames_with_few_sweeps": self.few_sweeps[0]}
            return facts | {"scores": scores, "unknown_as_free": self.unknown, **few}
        facts["scores"] = {name: scores.facts() for name, scores in self.scores.items()}
        if self.calibration:
            facts["calibration"] = {"confidence": self.confidence_is, **self.calibration.facts(self.names)}
        if self.panoptic:
            facts["panoptic"] = self.panoptic.facts()
        if self.baselines:
            facts["baselines"] = {name: scores.facts() for name, scores in self.baselines.items()}
        return facts

    def notes(self) -> Iterator[str]:
        """What was left out, in sentences."""
        count = sum(self.missing.values())
        whole = sum(self.logs.values()) + count + len(self.unreadable) + len(self.damaged)
        of_truth = counted(whole, "truth frame")
        if count:
            has, is_ = inflected(count, "has", "have"), inflected(count, "is", "are")
            yield f"{count} of {of_truth} {has} no prediction and {is_} not scored"
        if self.frames_without_truth:
            count = sum(self.frames_without_truth.values())
            yield f"labelled frames that have no truth, and are not scored: {count}"
        if self.without_truth:
            yield f"logs of the labels that have no truth: {_some(self.without_truth)}"
        if self.without_labels:
            yield f"logs of the truth that have no labels: {_some(self.without_labels)}"
        if self.unreadable:
            what = {"points": "scan or truth", "around": "scan", "visible": "scan"}.get(self.at, "truth")
            yield (
                f"{len(self.unreadable)} of {of_truth} not scored, as their {what} is missing or damaged: "
                f"{_some(self.unreadable, 3, '; ')}"
            )
        if self.remarks:
            yield _some(self.remarks, 3, "; ")
        if self.damaged:
            yield (
                f"error: {len(self.damaged)} of {of_truth} not scored, as their labels are damaged: "
                f"{_some(self.damaged, 3, '; ')}"
            )
        for log, why in self.failed.items():
            yield f"error: log {log} is not scored: {why}"
        for log, said in self.warnings.items():
            yield f"the reader says of log {log}: {_some(said, 3, '; ')}"
        for reason, frames in self.frames_left_out.items():
            if frames:
                is_ = inflected(frames, "is", "are")
                yield f"{counted(frames, 'frame')} with boxes {is_} not scored: {reason.replace('_', ' ')}"
        if self.at in ("points", "around"):
            what = "points" if self.at == "points" else "voxels"
            yield f"mIoU is of the classes that at least {LEAST_POINTS} {what} of the truth have"
        if self.elements is not None:
            yield from self.elements.notes()
        if self.unknown:
            yield f"{100 * self.unknown:.1f}% of the samples are unknown in the labels and count as free"
        if self.few_sweeps[0]:
            few, whole = self.few_sweeps
            near = inflected(few, "is near the end of its log", "are near the end of their log")
            yield (
                f"{few} of {counted(whole, 'frame')} {near}, where few sweeps "
                "look at what was hidden from them: where none does, it counts as occupied, whatever it is"
            )
        if self.beyond:
            yield f"{100 * self.beyond:.1f}% of the truth's voxels are not scored: the labels say nothing of them"
        if self.left_out:
            yield f"classes that are none of the truth's, and not scored: {', '.join(self.left_out)}"
        if self.panoptic is not None and self.panoptic.frames < self.frames:
            yield (
                f"objects are scored in {self.panoptic.frames} of {self.frames} frames: the others have no instances, "
                "no pose, or nobody says whose their elements are"
            )


def _some(names: tuple[str, ...], most: int = 10, between: str = ", ") -> str:
    """The first of them, and how many more there are."""
    rest = len(names) - most
    return between.join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
