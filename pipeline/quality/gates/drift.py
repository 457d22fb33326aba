"""Whether classes have the shares of all voxels that they have in another version: no truth is needed.

In the frames that both versions have, shares are of the same streets and any change is one of the labels. Where they
have none in common, streets differ too: then a share has moved only where 19 of 20 draws of the logs of each say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from occlabel.pipeline.planning.gates import DriftGate
from occlabel.pipeline.quality.draws import Draws, summed
from occlabel.pipeline.quality.gates.case import Case, NotJudged, percent
from occlabel.pipeline.quality.gates.measure import LogNumbers, Numbers
from occlabel.pipeline.quality.gates.measures import CLASSES
from occlabel.pipeline.quality.gates.ranking import worst_first
from occlabel.schemas.version import GateResult

_FEW = 1000
"""Voxels: a class with fewer in both versions, summed over what is held against each other, has no share to speak
of."""
_LOGS = 6
"""Logs of each version that it takes where none of their frames are the same."""


@dataclass(frozen=True)
class _Moved:
    name: str
    log: str | None
    """None: over all logs."""
    change: float
    """As a part of the larger share: -1 for a class that is gone."""
    shares: tuple[float, float]
    allowed: float
    held: bool

    @property
    def size(self) -> float:
        return abs(self.change)

    def sentence(self, against: str) -> str:
        where = "over all logs" if self.log is None else f"in log {self.log}"
        before, now = self.shares
        told = f"{percent(before)} of voxels in {against}, {percent(now)} now"
        return f"{self.name} {100 * self.change:+.1f}% {where} ({told})"


def judge(case: Case, options: DriftGate) -> list[GateResult]:
    assert case.against is not None  # see judge.py
    names = (*case.names, "unknown")
    if case.against.space.taxonomy.names != case.names:
        raise NotJudged(f"{case.against.spec} has other classes, whose shares are no measure for these")
    if case.against.space.grid.model_dump(exclude={"ranges"}) != case.version.space.grid.model_dump(exclude={"ranges"}):
        raise NotJudged(f"{case.against.spec} has another grid, in which classes have other shares")
    before, now, logs = _common(case.numbers_against, case.numbers)
    moved = _same_frames(before, now, logs, names, options) if logs else _other_logs(case, names, options)
    if not moved:
        raise NotJudged(f"no class has {_FEW} voxels in either version")
    nothing = {names[case.version.space.taxonomy.free_id], names[-1]}  # they move where anything does
    moved = [*worst_first([one for one in moved if one.name not in nothing]),
             *worst_first([one for one in moved if one.name in nothing])]  # fmt: skip
    moved.sort(key=lambda one: one.held)
    worst, against = moved[0], case.against.name
    failed = [one for one in moved if not one.held]
    if failed:
        said = f"the share of {worst.sentence(against)}"
        said += f", and {len(failed) - 1} more: {_listed(failed[1:4])}" if failed[1:] else ""
    else:
        said = f"no share moved by more than is allowed; most {worst.sentence(against)}"
    if not logs:
        said += "; the versions have no frame in common, so logs are held against other logs"
    chosen = "" if worst.log is None else f" --log {worst.log}"
    look = f"occlabel compare {case.against.spec} {case.version.spec}{chosen if logs else ''} --out changed.png"
    return [
        GateResult(
            gate="drift", required=worst.allowed, found=abs(worst.change), bound="most", action=options.action,
            held=not failed, said=said, look=look if logs else f"occlabel versions show {case.version.spec}",
        )
    ]  # fmt: skip


def _listed(moved: list[_Moved]) -> str:
    return ", ".join(f"{one.name} {100 * one.change:+.1f}%{f' in {one.log}' if one.log else ''}" for one in moved)


def _common(before: Mapping[str, LogNumbers], now: Mapping[str, LogNumbers]) -> tuple[Numbers, Numbers, list[str]]:
    """Voxels [logs, classes + 1] of both in the frames that both have, and the logs."""
    sums, logs = [], []
    for log in now:
        if log not in before:
            continue
        mine, other = (_by_frame(numbers[log]) for numbers in (now, before))
        if both := [name for name in mine if name in other]:
            sums.append([np.sum([rows[name] for name in both], axis=0) for rows in (other, mine)])
            logs.append(log)
    found = np.array(sums) if sums else np.zeros((0, 2, 0))
    return found[:, 0], found[:, 1], logs


def _by_frame(numbers: LogNumbers) -> dict[str, Numbers]:
    rows = numbers.measured[CLASSES.name]
    return {numbers.names[place]: values for place, values in zip(rows.frame, rows.values, strict=True)}


def _same_frames(
    before: Numbers, now: Numbers, logs: list[str], names: tuple[str, ...], options: DriftGate
) -> list[_Moved]:
    result = []
    places: list[tuple[str | None, Numbers, Numbers, float]] = [(None, before.sum(0), now.sum(0), options.most)]
    places += [(log, before[n], now[n], options.most_of_log) for n, log in enumerate(logs)]
    for log, mine, other, allowed in places:
        for i, change in enumerate(_change(mine, other)):
            if max(mine[i], other[i]) >= _FEW:
                shares = float(mine[i] / mine.sum()), float(other[i] / other.sum())
                result.append(_Moved(names[i], log, float(change), shares, allowed, abs(change) <= allowed))
    return result


def _change(before: Numbers, now: Numbers) -> Numbers:
    """[..., classes]: difference of the shares as a part of the larger, of counts [..., classes]."""
    a, b = (counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1) for counts in (before, now))
    change: Numbers = (b - a) / np.maximum(np.maximum(a, b), 1e-12)
    return change


def _other_logs(case: Case, names: tuple[str, ...], options: DriftGate) -> list[_Moved]:
    """A class has moved where the whole interval of draws lies beyond what is allowed."""
    before, now = (
        np.array([one.measured[CLASSES.name].values.sum(axis=0) for one in numbers.values() if one.names])
        for numbers in (case.numbers_against, case.numbers)
    )
    if min(len(before), len(now)) < _LOGS:
        raise NotJudged(
            f"the versions have no frame in common, and of {len(before)} logs against {len(now)} others none can be "
            f"told from another street: that takes {_LOGS} of each"
        )
    drawn = [
        summed(Draws.of(len(counts), seed=seed).times, counts.astype(np.int64)).astype(np.float64)
        for seed, counts in enumerate((before, now))
    ]
    changes = _change(*drawn)
    low, high = np.percentile(changes[1:], [2.5, 97.5], axis=0)
    first, second = (counts[0] for counts in drawn)
    result = []
    for i, change in enumerate(changes[0]):
        if max(first[i], second[i]) >= _FEW:
            held = bool(low[i] <= options.most and high[i] >= -options.most)
            shares = float(first[i] / first.sum()), float(second[i] / second.sum())
            result.append(_Moved(names[i], None, float(change), shares, options.most, held))
    return result
