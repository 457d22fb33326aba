"""One log, counted by the rules that were asked for: every scan and every truth file of a frame is read once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from occlabel.pipeline.published.labelled_log import Join, LabelledFrame, LabelledLog, drive_log, join, labelled_log
from occlabel.pipeline.published.labels import Format, LabelSource
from occlabel.pipeline.quality.benchmark import BENCHMARKS
from occlabel.pipeline.quality.known_truth import known_truth
from occlabel.pipeline.quality.rules import around, visible
from occlabel.pipeline.quality.rules.around import AroundRule
from occlabel.pipeline.quality.rules.boxes import BoxRule
from occlabel.pipeline.quality.rules.flow import FlowRule
from occlabel.pipeline.quality.rules.point_objects import PointObjectRule
from occlabel.pipeline.quality.rules.points import PointRule
from occlabel.pipeline.quality.rules.rule import Rule, part, prefixed
from occlabel.pipeline.quality.rules.visible import VisibleRule
from occlabel.pipeline.quality.rules.voxel_objects import VoxelObjectRule
from occlabel.pipeline.quality.rules.voxels import VoxelRule
from occlabel.schemas.drive_log import DriveLog, Frame
from occlabel.schemas.errors import BadLog, DamagedFile, StoreAway, StoreError
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.ingest.truth import OtherTruth, TruthSource, open_truth

At = Literal["voxels", "points", "around", "boxes", "visible"]


@dataclass(frozen=True)
class Question:
    """What is asked of labels: against which truth, by whose rules, at what."""

    truth: Path
    format: Format
    at: At = "voxels"
    told: tuple[tuple[str, str | None], ...] = ()
    """What a map file says of classes that have no namesake in the truth."""

    def joined(self, labels: LabelSource) -> Join:
        """Labels and truth. Raises BadLog when there is no such truth, BadRecipe when classes do not fit."""
        benchmark, told = BENCHMARKS[self.format], dict(self.told)
        if self.at == "voxels":
            truth = _voxel_truth(self.truth, self.format)
            return join(labels, truth.space, truth, truth.reader, told)
        if self.at == "visible":  # occupied or free is all that is asked, whatever the classes
            return join(labels, labels.space, None, open_logs(self.truth), told)
        return join(labels, benchmark.space, None, open_logs(self.truth), told)

    def rules(self, joined: Join) -> tuple[Rule, ...]:
        benchmark = BENCHMARKS[self.format]
        match self.at:
            case "voxels":
                flow = FlowRule(joined.target.taxonomy, joined.scored_grid, "voxels")
                return VoxelRule(benchmark, joined), VoxelObjectRule(benchmark, joined), flow
            case "points":
                return PointRule(benchmark.taxonomy), PointObjectRule(benchmark)
            case "around":
                return (AroundRule(benchmark.taxonomy),)
            case "boxes":
                flow = FlowRule(benchmark.taxonomy, joined.labels.space.grid, "boxes")
                return BoxRule(benchmark.taxonomy), flow
            case "visible":
                return (VisibleRule(),)

    def logs(self, joined: Join) -> list[str]:
        """Logs that may have such truth."""
        if joined.truth is not None:
            return joined.truth.log_ids()
        assert joined.reader is not None  # see joined()
        return joined.reader.log_ids()

    def frames(self, joined: Join, log: str, drive: DriveLog | None) -> list[str]:
        """The frames of ``log`` that have such truth, in time."""
        if joined.truth is not None:
            return joined.truth.frames(log)
        has = {
            "points": _has_points, "around": around.can_be_asked, "boxes": _has_boxes, "visible": visible.can_be_asked,
        }[self.at]  # fmt: skip
        return [frame.name for frame in (drive.frames if drive else ()) if has(frame)]


@dataclass
class LogCounts:
    """What was counted of one log."""

    frames: int
    """That were scored."""
    missing: int
    """That have truth and no labels."""
    unasked: int
    """That have labels and no truth, where that is known."""
    unreadable: list[str]
    """A sentence for each that has both, and whose truth or scan, where that is needed, is missing or damaged."""
    damaged: list[str]
    """A sentence for each that has both, and whose labels cannot be read."""
    remarks: list[str]
    """What of the truth of scored frames is left out."""
    not_asked: list[str]
    """A sentence for each frame whose labelled points cannot be read, where those of the frames around are asked."""
    warnings: list[str]
    """What the reader says of the log, where its scans, points or boxes are asked for."""
    counts: Counts

    @property
    def truth(self) -> int:
        """Frames that have truth."""
        return self.frames + self.missing + len(self.unreadable) + len(self.damaged)

    def to_bytes(self) -> bytes:
        facts = {name: value for name, value in vars(self).items() if name != "counts"}
        about = json.dumps(facts).encode()
        file = io.BytesIO()
        arrays: dict[str, Any] = {"about": np.frombuffer(about, np.uint8), **self.counts}
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> LogCounts:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            counts = {name: file[name] for name in file.files}
        return LogCounts(**json.loads(counts.pop("about").tobytes()), counts=counts)


def count_log(question: Question, joined: Join, log: str) -> LogCounts:
    """A frame whose truth, scan or labels of a version cannot be read costs that frame.

    Raises BadLog when the log cannot be read, DamagedFile for a file of predictions, BadPredictions and BadRecipe for
    labels that cannot be scored, StoreAway."""
    labelled, rules = labelled_frames(question, joined, log), question.rules(joined)
    drive = labelled.log if question.at != "voxels" else None
    known = None if drive is None else {frame.name for frame in drive.frames}
    gone = [name for name in labelled.unasked if known is not None and name not in known]
    unreadable = [f"log {log}, frame {name} is labelled, and the log has no such frame" for name in gone]
    damaged: list[str] = []
    remarks: list[str] = []
    lost: set[str] = set()
    for rule in rules if labelled.names else ():
        rule.begin(labelled)
    for frame in labelled.frames():
        if (lacking := unread(frame, question.at)) is not None:
            (damaged if lacking.labels else unreadable).append(lacking.sentence)
            if not lacking.labels:
                lost.add(frame.name)
            continue
        remarks += _remarks(frame, question.at)
        for rule in rules:
            rule.add(frame)
    for rule in rules if labelled.names else ():
        rule.end()
    asked_around = [rule for rule in rules if isinstance(rule, AroundRule)]
    remarks += [sentence for rule in asked_around for sentence in rule.remarks.values()]
    counts = {name: array for rule in rules for name, array in prefixed(rule.name, rule.state()).items()}
    return LogCounts(
        frames=len(labelled.names) + len(gone) - len(unreadable) - len(damaged),
        missing=labelled.missing,
        unasked=len(labelled.unasked) - len(gone),
        unreadable=unreadable,
        damaged=damaged,
        remarks=remarks,
        not_asked=[said for rule in asked_around for name, said in rule.not_asked.items() if name not in lost],
        warnings=[] if drive is None else list(drive.warnings),
        counts=counts,
    )


def labelled_frames(question: Question, joined: Join, log: str) -> LabelledLog:
    """The frames of the log that have truth, joined with their labels."""
    drive = drive_log(joined.reader, log)
    return labelled_log(joined, log, question.frames(joined, log, drive), drive)


class Unread(NamedTuple):
    """Why a frame cannot be scored."""

    sentence: str
    labels: bool
    """Whether it is the labels that cannot be read; otherwise truth or scan."""


def unread(frame: LabelledFrame, at: At) -> Unread | None:
    """None for a frame of which everything could be read, which it keeps. Raises DamagedFile for a file of predictions,
    StoreAway."""
    try:
        _read_truth(frame, at)
    except (BadLog, DamagedFile) as error:
        return Unread(_placed(frame, error), labels=False)
    try:
        _read_labels(frame, at)
    except StoreAway:
        raise
    except StoreError as error:
        return Unread(_placed(frame, error), labels=True)
    return None


def _remarks(frame: LabelledFrame, at: At) -> list[str]:
    """What is to be said of the frame's truth, which was read."""
    truth = frame.voxel_truth if at == "voxels" else frame.point_truth if at == "points" else None
    return [truth.remark] if truth is not None and truth.remark is not None else []


def _read_truth(frame: LabelledFrame, at: At) -> None:
    """Reads what the rules ask of the frame's truth, which is kept: before any of them has counted a part of it.

    Raises BadLog for a frame without a scan, DamagedFile for truth or a scan that cannot be read."""
    if at == "voxels":
        frame.voxel_truth  # noqa: B018
    elif at == "points":
        frame.points, frame.point_truth  # noqa: B018
    elif at in ("around", "visible"):
        frame.points  # noqa: B018


def _read_labels(frame: LabelledFrame, at: At) -> None:
    """The same of its labels. Raises DamagedFile or StoreError."""
    frame.semantics  # noqa: B018
    if at == "visible":
        return
    if at != "boxes":
        frame.confidence, frame.observed  # noqa: B018
    if at == "around":
        return
    frame.instance  # noqa: B018
    if at != "points":
        frame.flow  # noqa: B018


def _placed(frame: LabelledFrame, error: Exception) -> str:
    """The sentence of the error, with the log and the frame."""
    where = f"log {frame.log}, frame {frame.name}"
    return str(error) if where in str(error) else f"{where}: {error}"


def _voxel_truth(root: Path, format: Format) -> TruthSource:
    """Raises BadLog when there is none, and says what other truth there is."""
    try:
        return open_truth(root, format)
    except OtherTruth:
        raise
    except BadLog as error:
        try:
            reader = open_logs(root)
            known = known_truth(reader, reader.log_ids())
        except BadLog:
            raise error from None
        raise BadLog(f"{error}; {known}") from error


def merged(rules: Iterable[Rule], logs: Iterable[LogCounts]) -> None:
    """Adds the counts of the logs, in their order, to the rules."""
    rules = tuple(rules)
    for log in logs:
        for rule in rules:
            rule.merge(part(rule.name, log.counts))


def truth_stamp(joined: Join, log: str) -> list[Any]:
    """Changes when a file of the truth does, by name, size and time, or anything of the drive log."""
    try:
        drive = drive_log(joined.reader, log)
    except BadLog as error:  # found again when the log is counted, which costs that log alone
        return [str(error)]
    facts: list[Any] = [] if joined.truth is None else [joined.truth.stamp(log)]
    for frame in () if drive is None else drive.frames:
        paths = (frame.truth.voxels, frame.truth.points, frame.truth.point_objects, frame.truth.point_classes)
        facts.append([_stat(path) for path in paths if path is not None])
        facts.append(
            [[b.instance, b.category, b.size, b.lidar_points, b.world_from_box.tolist()] for b in frame.truth.boxes]
        )
    return [None if drive is None else drive.stamp, *facts]


def _stat(path: Path) -> list[Any]:
    if not path.is_file():
        return [path.name]
    stat = path.stat()
    return [path.name, stat.st_size, stat.st_mtime_ns]


def _has_points(frame: Frame) -> bool:
    return frame.truth.points is not None


def _has_boxes(frame: Frame) -> bool:
    return bool(frame.truth.boxes)
