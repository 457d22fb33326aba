"""Everything that a report says, read from a version, its store, and what it is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from occlabel.pipeline.delivery.report.content import Report
from occlabel.pipeline.delivery.report.look import look_at, spread
from occlabel.pipeline.delivery.report.showing import Showing, worst
from occlabel.pipeline.published.judged import judged
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.quality.compare.against_truth import rules_for
from occlabel.pipeline.quality.compare.compare import Comparison, compare
from occlabel.pipeline.quality.counting import Question
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.pipeline.running.history import RunState, run_states
from occlabel.pipeline.running.quarantine import ClipEntry, QuarantineEntry
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadPredictions, OcclabelError, StoreAway
from occlabel.workers.store import Store

MOST_FRAMES = 200
"""Read for shares of classes, and to find the worst."""


@dataclass(frozen=True)
class Sources:
    """What a report is made from, beside the version."""

    against: str | None = None
    """STORE@VERSION of what was before."""
    truth: Path | None = None
    """Root of voxel truth."""
    format: Format | None = None
    """Whose rules and layout; that of the version's classes by default."""
    logs: LogReader | None = None
    """For pictures of cameras."""
    frames: int = 12
    """How many are shown."""
    workplace: Workplace = Workplace("local")


def gather(spec: str, sources: Sources, note: Callable[[str], None] = lambda _: None) -> Report:
    """The report of the version STORE@VERSION. What is counted is kept in the stores, as evaluate and compare keep it.

    Raises OcclabelError where the version, what it is held against or the truth cannot be read at all; what is missing
    beside is a sentence in the report's ``notes``.
    """
    version = open_version(spec)
    if SEMANTICS.name not in version.info.arrays:
        raise BadPredictions(f"{version.spec} has no semantics, so there is nothing to report; label with completion")
    question = _question(version, sources)
    evaluation, comparison = _scores(version, sources, question)
    look = look_at(version, spread(list(version.frames()), MOST_FRAMES), note)
    known = judged(version.store, version.info)
    gates = (*version.info.gates, *(() if known is None else known.results))
    run = _newest_run(version, note)
    entries, unreadable = ((), ()) if run is None else _quarantine(version.store, run)
    report = Report(version, gates, look, evaluation, comparison, run, entries, unreadable)
    _show(report, sources, question, note)
    return report


def _question(version: PublishedVersion, sources: Sources) -> Question | None:
    if sources.truth is None:
        return None
    return Question(sources.truth.absolute(), sources.format or rules_for(version))


def _scores(
    version: PublishedVersion, sources: Sources, question: Question | None
) -> tuple[Evaluation | None, Comparison | None]:
    place, found, held = sources.workplace, None, None
    if question is not None:
        found = evaluate(version, question.truth, question.format, workplace=place)
    if sources.against is not None:
        truth, rules = (None, None) if question is None else (question.truth, question.format)
        held = compare(sources.against, version, truth, rules, workplace=place)
    return found, held


def _newest_run(version: PublishedVersion, note: Callable[[str], None]) -> RunState | None:
    """The newest run that was for the version. Others may have done its work before."""
    mine = [state for state in run_states(version.store, note) if state.what == f"version {version.name}"]
    return mine[-1] if mine else None


def _quarantine(store: Store, run: RunState) -> tuple[tuple[QuarantineEntry, ...], tuple[str, ...]]:
    """What the run gave up, and a sentence for each entry that cannot be read."""
    entries: list[QuarantineEntry] = []
    lost = []
    for name in store.names(f"quarantine/{run.run}")[1]:
        path = f"quarantine/{run.run}/{name}"
        content = store.get(path) or b""
        kind = ClipEntry if b'"log_digest"' in content else QuarantineEntry
        try:
            entries.append(kind.model_validate_json(content))
        except ValidationError:
            lost.append(f"{store.location}/{path} is damaged")
    return tuple(entries), tuple(lost)


def _show(report: Report, sources: Sources, question: Question | None, note: Callable[[str], None]) -> None:
    """Fills in the frames that are shown."""
    version = report.version
    showing = Showing.of(version, None if report.comparison is None else sources.against, question, sources.logs)
    chosen = worst(report.look, report.comparison, showing, sources.frames)
    for (log, name), why in chosen:
        note(f"drawing frame {name} of log {log}")
        try:
            report.shown.append(showing.frame(log, name, why))
        except StoreAway:
            raise
        except OcclabelError as error:
            showing.notes.append(f"frame {name} of log {log} is not shown: {error}")
    report.notes += dict.fromkeys(showing.notes)
