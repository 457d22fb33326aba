"""Whether any class is worse against truth than in another version: over all logs, or in one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.pipeline.planning.gates import RegressionGate
from occlabel.pipeline.quality.benchmark import BENCHMARKS
from occlabel.pipeline.quality.compare.against_truth import AgainstTruth, against_truth, asked
from occlabel.pipeline.quality.compare.verdict import LEAST_LOGS
from occlabel.pipeline.quality.gates.case import Case, NotJudged
from occlabel.pipeline.quality.gates.lone import stands_out
from occlabel.pipeline.quality.gates.ranking import worst_first
from occlabel.pipeline.quality.gates.truth import format_of, truth_of
from occlabel.pipeline.quality.stores import kept_in
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.schemas.version import GateResult
from occlabel.schemas.words import counted, inflected

_FEW = 100
"""Voxels of truth: a log with fewer of a class does not score it."""


@dataclass(frozen=True)
class _Loss:
    name: str
    log: str | None
    """None: over all logs."""
    a: float
    b: float
    allowed: float
    shown: bool
    """Whether it is more than chance."""

    @property
    def held(self) -> bool:
        return self.a - self.b <= self.allowed or not self.shown

    @property
    def size(self) -> float:
        return self.a - self.b

    def sentence(self) -> str:
        where = "over all logs" if self.log is None else f"in log {self.log}"
        points = f"IoU {100 * self.a:.1f} -> {100 * self.b:.1f} ({100 * (self.b - self.a):+.1f})"
        return f"{self.name} {where}: {points}{'' if self.shown else ', which may be chance'}"


def judge(case: Case, options: RegressionGate) -> list[GateResult]:
    found = _scored(case)
    taxonomy = BENCHMARKS[format_of(case.gates, case.version.space.taxonomy)].taxonomy
    losses = [
        _Loss(name, None, one.a, one.b, options.most, one.shown) for name, one in found.classes.items() if one.a > 0
    ]
    losses += _of_logs(found, taxonomy, case, options)
    if not losses:
        raise NotJudged("no class of the truth is in these frames")
    losses = worst_first(losses)
    failed, worst = [one for one in losses if not one.held], losses[0]
    if failed:
        said = worst.sentence()
        said += (
            f", and {len(failed) - 1} more: {'; '.join(one.sentence() for one in failed[1:3])}" if failed[1:] else ""
        )
    else:
        said = f"no class lost more than is allowed and chance explains; most {worst.sentence()}"
    if len(found.logs) < LEAST_LOGS:
        said += f"; {counted(len(found.logs), 'log')} can show nothing over all logs, that takes {LEAST_LOGS}"
    if found.left_out:
        log, why = next(iter(found.left_out.items()))
        count = len(found.left_out)
        said += f"; {counted(count, 'log')} {inflected(count, 'is', 'are')} not scored, log {log}: {why}"
    assert case.against is not None
    chosen = "" if worst.log is None else f" --log {worst.log}"
    look = (
        f"occlabel compare {case.against.spec} {case.version.spec} --truth {case.gates.truth}{chosen} --out changed.png"
    )
    return [
        GateResult(
            gate="regression", required=worst.allowed, found=max(worst.a - worst.b, 0.0), bound="most",
            action=options.action, held=not failed and not found.failed, said=said, look=look,
        )
    ]  # fmt: skip


def _scored(case: Case) -> AgainstTruth:
    """Raises NotJudged when there is nothing to score in both."""
    assert case.against is not None and case.gates.truth is not None  # see Gates
    logs = sorted(set(case.version.logs) & set(case.against.logs))
    if not logs:
        raise NotJudged(f"{case.against.spec} has none of these logs: name a version of the logs that have truth")
    versions = case.against, case.version
    try:
        truth_of(case.gates, case.version.space.taxonomy)
        question = asked(case.gates.truth, format_of(case.gates, case.version.space.taxonomy), {})
        with kept_in(*versions) as stores:
            return against_truth(versions, (stores[0], stores[1]), question, logs, (case.workplace, case.quiet))
    except OcclabelError as error:
        raise NotJudged(str(error)) from error


def _of_logs(found: AgainstTruth, taxonomy: Taxonomy, case: Case, options: RegressionGate) -> list[_Loss]:
    score = BENCHMARKS[format_of(case.gates, case.version.space.taxonomy)].score
    a, b = (
        np.array([list(score(count, taxonomy).per_class.values()) for count in counts], np.float64)
        for counts in found.by_log
    )
    true = np.array([count.sum(axis=0)[list(taxonomy.occupied_ids)] for count in found.by_log[0]])
    changes = np.where(true >= _FEW, b - a, np.nan)
    out = stands_out(changes)
    names = [taxonomy.names[i] for i in taxonomy.occupied_ids]
    return [
        _Loss(name, log, float(a[n, i]), float(b[n, i]), options.most_of_log, bool(out[n, i]))
        for n, log in enumerate(found.logs)
        for i, name in enumerate(names)
        if not np.isnan(changes[n, i])
    ]
