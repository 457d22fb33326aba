"""Two scores against truth, log by log, and whether these logs show a difference.

Two things are asked. Where the difference would lie for another draw of logs: the bootstrap's interval. And whether it
would be as large if nothing but chance decided, log by log, which version's labels are called a and which b: all ways
of swapping them (Fisher 1935), or a thousand. Alone, the interval calls noise a difference too often: among six logs
without any, one time in eight (normal and heavy-tailed differences, 1,500 draws each); the swaps keep their 5%.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.draws import Draws, Figure, figure, summed
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores

LEAST_LOGS = 6
"""Of fewer, no way of swapping has a chance below 5%."""
_CHANCE = 0.05
_PERCENT = 95
_SWAPS = 1000
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """One measure, as fractions of 1; NaN where a benchmark has no number."""

    a: float
    b: float
    interval: Figure
    """Of b - a: the value, and where 19 in 20 draws of as many logs put it."""
    chance: float
    """How often chance alone makes a difference as large; for classes, in any class."""
    log: str | None
    """The log without whose change least of the difference is left."""
    share: float
    """The part that goes with it: 1 for all."""

    @property
    def shown(self) -> bool:
        """Whether these logs show it."""
        return (self.interval.low > 0 or self.interval.high < 0) and self.chance <= _CHANCE

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        said = {"a": self.a, "b": self.b, "difference": self.interval.value, "low": self.interval.low}
        said |= {"high": self.interval.high, "chance": self.chance, "share_of_log": self.share}
        numbers = {name: None if np.isnan(value) else float(value) for name, value in said.items()}
        return {**numbers, "shown": self.shown, "log": self.log}


def differences(
    logs: Sequence[str],
    a: Sequence[Counts],
    b: Sequence[Counts],
    score: Callable[[Counts, Taxonomy], Scores],
    of: Taxonomy,
) -> dict[str, Difference]:
    """ "mIoU", "IoU", then every class but free; ``a`` and ``b`` have counts [prediction, truth] of each log."""
    mine, other = np.stack(a), np.stack(b)
    times = Draws.of(len(logs)).times
    before, after = (_values(summed(times, counts), score, of) for counts in (mine, other))
    drawn = after - before
    value = drawn[0]
    chance = _chances(value, _swapped(mine, other, score, of))
    kept = _without_each(mine, other, score, of) - before[0]
    result = {}
    for column, name in enumerate(("mIoU", "IoU", *(of.names[i] for i in of.occupied_ids))):
        log, share = _carrier(value[column], kept[:, column])
        there = not np.isnan(drawn[1:, column]).all()
        interval = figure(drawn[:, column].tolist(), _PERCENT) if there else Figure(value[column], np.nan, np.nan)
        result[name] = Difference(
            float(before[0, column]), float(after[0, column]), interval, float(chance[column]),
            None if log is None else logs[log], share,
        )  # fmt: skip
    return result


def _values(counts: Counts, score: Callable[[Counts, Taxonomy], Scores], of: Taxonomy) -> NDArray[np.float64]:
    """[rows, measures]"""
    found = [score(count, of) for count in counts]
    return np.array([[scores.miou, scores.iou, *scores.per_class.values()] for scores in found])


def _swapped(a: Counts, b: Counts, score: Callable[[Counts, Taxonomy], Scores], of: Taxonomy) -> NDArray[np.float64]:
    """[ways, measures]: the differences with the names of some logs' versions swapped."""
    logs = len(a)
    if 2**logs <= _SWAPS:
        ways = (np.arange(2**logs)[:, None] >> np.arange(logs)) & 1
    else:
        ways = np.random.default_rng(0).integers(2, size=(_SWAPS, logs))
    moved = summed(ways, b - a)
    return _values(b.sum(axis=0) - moved, score, of) - _values(a.sum(axis=0) + moved, score, of)


def _chances(value: NDArray[np.float64], swapped: NDArray[np.float64]) -> NDArray[np.float64]:
    """[measures]. Classes are many, so each is held against the largest of any class, in its own spread (Westfall and
    Young 1993): where nothing differs, one comparison in twenty names any class at all."""
    found, ways = np.nan_to_num(np.abs(value)), np.nan_to_num(np.abs(swapped))
    spread = np.sqrt((ways**2).mean(axis=0))
    found, ways = found / np.maximum(spread, 1e-12), ways / np.maximum(spread, 1e-12)
    result = (ways >= found - 1e-9).mean(axis=0)
    result[2:] = (ways[:, 2:].max(axis=1)[:, None] >= found[2:] - 1e-9).mean(axis=0)
    return result


def _without_each(
    a: Counts, b: Counts, score: Callable[[Counts, Taxonomy], Scores], of: Taxonomy
) -> NDArray[np.float64]:
    """[logs, measures]: the scores of b if that log were as in a."""
    return _values(b.sum(axis=0) - (b - a), score, of)


def _carrier(value: float, kept: NDArray[np.float64]) -> tuple[int | None, float]:
    if not abs(value) > 1e-12:
        return None, 0.0
    parts = np.nan_to_num(1 - kept / value, nan=-np.inf)
    log = int(parts.argmax())
    return log, float(min(parts[log], 1.0))
