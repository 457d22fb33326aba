"""Scores of labels against truth: each log is counted by itself, as a job, and the counts are merged and scored."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from os import W_OK, access
from pathlib import Path
from typing import ClassVar, NamedTuple, get_args

from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.common import CommonLabels
from occlabel.pipeline.published.labelled_log import Join
from occlabel.pipeline.published.labels import Format, LabelSource, VersionLabels
from occlabel.pipeline.published.open_labels import open_labels
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.quality.benchmark import rules_of
from occlabel.pipeline.quality.counting import At, LogCounts, Question, count_log, merged, truth_stamp
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.pipeline.quality.known_truth import known_truth
from occlabel.pipeline.quality.rules.around import AroundRule
from occlabel.pipeline.quality.rules.boxes import BoxRule
from occlabel.pipeline.quality.rules.flow import FlowRule
from occlabel.pipeline.quality.rules.point_objects import PointObjectRule
from occlabel.pipeline.quality.rules.points import PointRule
from occlabel.pipeline.quality.rules.rule import Rule
from occlabel.pipeline.quality.rules.visible import VisibleRule
from occlabel.pipeline.quality.rules.voxel_objects import VoxelObjectRule
from occlabel.pipeline.quality.rules.voxels import VoxelRule
from occlabel.pipeline.running.given import refuse_no_workplace
from occlabel.pipeline.running.jobs import Job, run_job
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arguments import is_a, maps_classes, one_of, refuse_none
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.stage import Resources
from occlabel.workers.store import Store

FRAMES_WORTH_RAY = 100
"""Fewer are counted in the time in which Ray starts."""


class EvaluateLog(Job):
    """The counts of one log of a version."""

    name: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 15

    labels: str
    """STORE@VERSION."""
    question: Question
    beside: str | None = None
    """STORE@VERSION: only frames that this one has too are scored."""

    @property
    def resources(self) -> Resources:
        return Resources(memory=1 << 30)

    def fingerprint(self, unit: str) -> str:
        joined, asked = self._joined, self.question
        facts = [self.name, self.version, asked.format, asked.at, asked.told, unit]
        labels = [joined.labels.stamp(unit), joined.labels.space.model_dump(mode="json"), joined.labels.tracked]
        if isinstance(joined.labels, CommonLabels) and joined.labels.fewer(unit):
            labels.append(joined.labels.names(unit))
        return digest_of([*facts, *labels, truth_stamp(joined, unit)])

    def frames(self, unit: str) -> int:
        assert isinstance(self._joined.labels, VersionLabels)  # see _joined
        return len(self._joined.labels.names(unit))

    def work(self, unit: str) -> bytes:
        return count_log(self.question, self._joined, unit).to_bytes()

    def lasts(self, result: bytes) -> bool:
        # What could not be read, as nobody had the right or the network was away, may be read tomorrow, and is the same
        # file then by size and time.
        counts = LogCounts.from_bytes(result)
        return not (counts.unreadable or counts.not_asked)

    @property
    def _joined(self) -> Join:
        return _joined(self.labels, self.question, self.beside)


@lru_cache(maxsize=2)
def _joined(labels: str, question: Question, beside: str | None = None) -> Join:
    """Once per process and evaluation: a worker does many logs."""
    version = open_version(labels)
    return question.joined(VersionLabels(version) if beside is None else CommonLabels(version, open_version(beside)))


def evaluate(
    labels: str | Path | PublishedVersion,
    truth: Path | str,
    format: Format | None = None,
    at: At = "voxels",
    *,
    logs: Sequence[str] | None = None,
    told: dict[str, str | None] | None = None,
    workplace: Workplace = Workplace("local"),
    quiet: bool = True,
) -> Evaluation:
    """Scores of a version (STORE@VERSION, or opened) or of a folder of predictions against the truth under ``truth``.

    ``format``: whose rules and layout; by default that of the benchmark whose classes the version has. ``told`` maps
    classes of the labels to those of the benchmark where names differ (None: none of them). The counts of
    a version's logs are kept in its store, where that can be written, so that a second evaluation, or one that was
    stopped, goes on. What is not scored, and why, is in the Evaluation: a frame whose truth or scan cannot be read
    costs that frame, and so does one of a version that cannot be read any more (``damaged``); a log that cannot be
    scored is named in ``failed``. Ray is started for FRAMES_WORTH_RAY frames and more. Raises an OcclabelError for
    an argument of another kind, and when there is nothing to score.
    """
    if format is not None:
        one_of("format", format, get_args(Format))
    one_of("at", at, get_args(At))
    is_a("labels", labels, str | Path | PublishedVersion, "STORE@VERSION, an open version, or a folder of predictions")
    is_a("truth", truth, str | Path, "the root of the truth")
    maps_classes(told)
    refuse_no_workplace(workplace)
    spec = spec_of(labels.store, labels.name) if isinstance(labels, PublishedVersion) else str(labels)
    source = open_labels(spec, format)
    rules = format or _rules_of(source)
    question = Question(Path(truth).absolute(), rules, at, tuple(sorted((told or {}).items())))
    if not isinstance(source, VersionLabels) or read_only(source.version.store):
        return score(source, question, logs)
    spec = spec_of(source.version.store, source.version.name)  # also where "latest" was asked for
    joined = fresh(spec, question)
    asked = _logs(question, joined, logs)
    job = EvaluateLog(labels=spec, question=question)
    counted, failed = counts_of(job, asked.chosen, source.version.store, workplace, quiet)
    return _scored(question, joined, asked, counted, failed)


def _rules_of(source: LabelSource) -> Format:
    """Raises BadPredictions for classes of no benchmark."""
    found = rules_of(source.space.taxonomy)
    if found is None:
        raise BadPredictions(
            f"the classes of {source.title} are no benchmark's: give format, whose rules are meant, one of "
            f"{', '.join(get_args(Format))}, and told, what your classes are in it"
        )
    return found


def fresh(labels: str, question: Question, beside: str | None = None) -> Join:
    """Labels and truth as they are now: what lies there may be another than when this process asked before."""
    _joined.cache_clear()
    return _joined(labels, question, beside)


def counts_of(
    job: EvaluateLog, logs: Sequence[str], store: Store, workplace: Workplace, quiet: bool
) -> tuple[dict[str, LogCounts], dict[str, str]]:
    """What was counted of each log, and which could not be counted and why."""
    if workplace == Workplace("ray") and sum(job.frames(log) for log in logs) < FRAMES_WORTH_RAY:
        workplace = Workplace("local")
    done = run_job(job, logs, store, workplace, quiet=quiet)
    return {log: LogCounts.from_bytes(result) for log, result in done.results.items()}, done.failed


def score(source: LabelSource, question: Question, logs: Sequence[str] | None = None) -> Evaluation:
    """The same in this process, without keeping anything."""
    joined = question.joined(source)
    asked = _logs(question, joined, logs)
    counted: dict[str, LogCounts] = {}
    errors: dict[str, BadLog | DamagedFile] = {}
    for log in asked.chosen:
        try:
            counted[log] = count_log(question, joined, log)
        except (BadLog, DamagedFile) as error:
            errors[log] = error
    if errors and not any(log.frames for log in counted.values()):
        raise next(iter(errors.values()))
    return _scored(question, joined, asked, counted, {log: str(error) for log, error in errors.items()})


def read_only(store: Store) -> bool:
    """Whether the store is a folder in which nothing may be written."""
    return "://" not in store.location and not access(store.location, W_OK)


class _Logs(NamedTuple):
    chosen: list[str]
    """To be counted."""
    without_truth: tuple[str, ...] = ()
    """Logs of the labels."""
    without_labels: tuple[str, ...] = ()
    """Logs of the truth."""


def _logs(question: Question, joined: Join, logs: Sequence[str] | None) -> _Logs:
    known = question.logs(joined)
    if logs is not None:
        refuse_none(logs, "logs")
    if unknown := sorted(set(logs or ()) - set(known)):
        raise BadPredictions(f"the truth has no log {', '.join(unknown)}; it has {', '.join(known[:20])}")
    if logs is not None:
        return _Logs(sorted(set(logs)))
    labelled = set(joined.labels.logs())
    without_truth = tuple(sorted(labelled - set(known)))
    if not isinstance(joined.labels, VersionLabels):  # files may lie beside each other, whatever their log
        return _Logs(sorted(known), without_truth)
    return _Logs(sorted(set(known) & labelled), without_truth, tuple(sorted(set(known) - labelled)))


def _scored(
    question: Question,
    joined: Join,
    asked: _Logs,
    counted: dict[str, LogCounts],
    failed: dict[str, str],
) -> Evaluation:
    _refuse_nothing(question, joined, asked, counted, failed)
    rules = question.rules(joined)
    merged(rules, counted.values())
    some = {log: c for log, c in counted.items() if c.truth > c.missing}
    bare = [log for log, c in counted.items() if c.missing and log not in some]
    result = Evaluation(
        labels=joined.labels.title,
        place=joined.labels.place,
        at=question.at,
        frames=sum(counts.frames for counts in some.values()),
        logs={log: c.frames for log, c in some.items()},
        missing={log: c.missing for log, c in some.items() if c.missing},
        frames_without_truth={log: c.unasked for log, c in some.items() if c.unasked},
        without_truth=tuple(sorted([*asked.without_truth, *(log for log, c in counted.items() if not c.truth)])),
        without_labels=tuple(sorted([*asked.without_labels, *bare])),
        unreadable=tuple(sentence for c in some.values() for sentence in c.unreadable),
        damaged=tuple(sentence for c in some.values() for sentence in c.damaged),
        remarks=tuple(sentence for c in some.values() for sentence in (*c.not_asked, *c.remarks)),
        warnings={log: tuple(c.warnings) for log, c in counted.items() if c.warnings},
        failed=failed,
        left_out=joined.classes.left_out,
        names=joined.target.taxonomy.names,
        confidence_is=joined.labels.confidence_is,
    )
    for rule in rules:
        _fill(result, rule)
    return result


def _fill(result: Evaluation, rule: Rule) -> None:
    """What one rule found."""
    match rule:
        case VoxelRule():
            result.scores, result.calibration = dict(rule.scores()), rule.calibration
            result.beyond = rule.beyond / (rule.beyond + rule.scored) if rule.beyond else 0.0
        case PointRule():
            result.scores, result.baselines = {"full": rule.scores()}, dict(rule.baselines())
            result.elements, result.calibration = rule.elements, rule.calibration
        case AroundRule():
            if not rule.elements.scored:
                why = "; ".join(result.remarks[:3]) or "give logs of several labelled frames"
                raise BadPredictions(
                    "there is nothing to score around what sweeps hit: no labelled points of other frames lie in the "
                    f"grid of the labels beside those of the frame itself; {why}"
                )
            result.scores = {"full": rule.scores()}
            result.elements, result.calibration = rule.elements, rule.calibration
        case VoxelObjectRule() | PointObjectRule():
            result.panoptic = rule.evaluation()
        case FlowRule():
            result.flow = rule.scores()
        case VisibleRule():
            result.visible, result.elements, result.unknown = rule.scores(), rule.elements, rule.unknown
            result.few_sweeps = rule.few_sweeps
        case BoxRule():
            result.elements = rule.elements
            if not rule.frames:
                raise BadPredictions(
                    f"there is nothing to score at boxes: {rule.lacking()}; label the logs with a recipe that has an "
                    "instances block, and give them poses"
                )
            result.boxes, result.frames, result.frames_left_out = rule.scores(), rule.frames, rule.frames_left_out()


def _refuse_nothing(
    question: Question, joined: Join, asked: _Logs, counted: dict[str, LogCounts], failed: dict[str, str]
) -> None:
    if any(log.frames for log in counted.values()):
        return
    reasons = [f"log {log}: {why}" for log, why in failed.items()]
    reasons += [sentence for log in counted.values() for sentence in (*log.unreadable, *log.damaged)]
    if reasons:
        raise BadPredictions(f"there is nothing to score: {'; '.join(reasons[:10])}")
    logs = ", ".join(sorted(counted)[:20])
    if not counted:
        known, own = (", ".join(names[:20]) or "none" for names in (asked.without_labels, asked.without_truth))
        raise BadPredictions(
            f"there is nothing to score: {joined.labels.title} has the logs {own}, the truth has {known}, and they "
            "have none in common; give the root of the logs that were labelled"
        )
    if not any(log.truth for log in counted.values()):
        what = {
            "voxels": "voxel truth", "points": "labelled points", "around": "frames with labelled points and a pose",
            "boxes": "boxes",
            "visible": "frames with a sweep, a pose and a camera that looks ahead",
        }[question.at]  # fmt: skip
        raise BadPredictions(
            f"there is nothing to score: the logs {logs} have no {what}; {known_truth(joined.reader, counted)}"
        )
    raise BadPredictions(
        f"there is nothing to score: no truth frame of the logs {logs} has a prediction in {joined.labels.title}; "
        "log and frame names must be those of the truth"
    )
