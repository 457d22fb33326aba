"""One log, counted by the rules that were asked for: every scan and every truth file of a frame is read once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from occlabel.pipeline.published.labelled_log import Join, LabelledFrame, LabelledLog, drive_log, join, labelled_log
from occlabel.pipeline.published.labels import Format, LabelSource
from occlabel.pipeline.quality.benchmark import BENCHMARKS
from occlabel.pipeline.quality.rules.boxes import BoxRule
from occlabel.pipeline.quality.rules.point_objects import PointObjectRule
from occlabel.pipeline.quality.rules.points import PointRule
from occlabel.pipeline.quality.rules.rule import Rule, part, prefixed
from occlabel.pipeline.quality.rules.voxel_objects import VoxelObjectRule
from occlabel.pipeline.quality.rules.voxels import VoxelRule
from occlabel.schemas.drive_log import DriveLog, Frame
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.ingest.truth import open_truth

At = Literal["voxels", "points", "boxes"]


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
            truth = open_truth(self.truth, self.format)
            return join(labels, truth.space, truth, truth.reader, told)
        return join(labels, benchmark.space, None, open_logs(self.truth), told)

    def rules(self, joined: Join) -> tuple[Rule, ...]:
        benchmark = BENCHMARKS[self.format]
        match self.at:
            case "voxels":
                return VoxelRule(benchmark, joined), VoxelObjectRule(benchmark, joined)
            case "points":
                return PointRule(benchmark.taxonomy), PointObjectRule(benchmark)
            case "boxes":
                return (BoxRule(benchmark.taxonomy),)

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
        has = {"points": _has_points, "boxes": _has_boxes}[self.at]
        return [frame.name for frame in (drive.frames if drive else ()) if has(frame)]


@dataclass
class LogCounts:
    """What was counted of one log."""

    frames: int
    """That were scored."""
    missing: int
    """That have truth and no labels."""
    unreadable: list[str]
    """A sentence for each that has both and whose scan, which was needed, is missing or cannot be read."""
    counts: Counts

    @property
    def truth(self) -> int:
        """Frames that have truth."""
        return self.frames + self.missing + len(self.unreadable)

    def to_bytes(self) -> bytes:
        facts = {"frames": self.frames, "missing": self.missing, "unreadable": self.unreadable}
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
    """Raises what reading labels, truth and log raises."""
    labelled, rules = labelled_frames(question, joined, log), question.rules(joined)
    unreadable: list[str] = []
    for rule in rules if labelled.names else ():
        rule.begin(labelled)
    for frame in labelled.frames():
        lacking = _without_scan(frame) if question.at == "points" else None
        if lacking is not None:
            unreadable.append(lacking)
            continue
        for rule in rules:
            rule.add(frame)
    for rule in rules if labelled.names else ():
        rule.end()
    counts = {name: array for rule in rules for name, array in prefixed(rule.name, rule.state()).items()}
    return LogCounts(len(labelled.names) - len(unreadable), labelled.missing, unreadable, counts)


def labelled_frames(question: Question, joined: Join, log: str) -> LabelledLog:
    """The frames of the log that have truth, joined with their labels."""
    drive = drive_log(joined.reader, log)
    return labelled_log(joined, log, question.frames(joined, log, drive), drive)


def _without_scan(frame: LabelledFrame) -> str | None:
    """Why the frame has no points to score; None when it has."""
    try:
        frame.points  # noqa: B018  read here, and kept for the rules
    except (BadLog, DamagedFile) as error:
        where = f"log {frame.log}, frame {frame.name}"
        return str(error) if where in str(error) else f"{where}: {error}"
    return None


def merged(rules: Iterable[Rule], logs: Iterable[LogCounts]) -> None:
    """Adds the counts of the logs, in their order, to the rules."""
    rules = tuple(rules)
    for log in logs:
        for rule in rules:
            rule.merge(part(rule.name, log.counts))


def truth_stamp(joined: Join, log: str) -> list[Any]:
    """Changes when a file of the truth does, by name, size and time, or anything of the drive log."""
    drive = drive_log(joined.reader, log)
    facts: list[Any] = [] if joined.truth is None else [joined.truth.stamp(log)]
    for frame in () if drive is None else drive.frames:
        paths = (frame.truth.voxels, frame.truth.points, frame.truth.point_objects)
        facts.append([_stat(path) for path in paths if path is not None])
        facts.append([[box.instance, box.category, box.world_from_box.tolist()] for box in frame.truth.boxes])
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
