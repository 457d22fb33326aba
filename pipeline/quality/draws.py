"""How far a figure of some logs carries.

Logs of one street are alike, frames of one log nearly the same: what another draw of logs would have said is asked by
drawing the logs anew, with replacement (the bootstrap, Efron 1979), each with all its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores


@dataclass(frozen=True)
class Figure:
    """A figure of some logs, and where nine in ten draws of as many logs put it, or as many as were asked for."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Draws:
    """Which logs each draw takes: int64 [draws, logs], the same for every row, so that rows compare log by log. The
    first takes each log once."""

    chosen: NDArray[np.int64]

    @staticmethod
    def of(logs: int, count: int = 500, seed: int = 0) -> Draws:
        drawn = np.random.default_rng(seed).integers(logs, size=(count, logs))
        return Draws(np.concatenate([np.arange(logs)[None], drawn]))

    @property
    def times(self) -> NDArray[np.int64]:
        """How often each draw takes each log, [draws, logs]."""
        return np.stack([np.bincount(logs, minlength=len(logs)) for logs in self.chosen])

    def scores(
        self, counts: Sequence[NDArray[np.int64]], score: Callable[[NDArray[np.int64], Taxonomy], Scores], of: Taxonomy
    ) -> list[Scores]:
        """Of ``counts`` [prediction, truth] of each log, summed up over the logs of each draw."""
        return [score(count, of) for count in summed(self.times, np.stack(counts))]

    def means(self, of_logs: Sequence[float]) -> list[float]:
        """By draw, the mean of a figure that each log has by itself."""
        return np.asarray(of_logs, np.float64)[self.chosen].mean(axis=1).tolist()  # type: ignore[no-any-return]


def summed(times: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """[rows, ...]: ``counts`` [logs, ...], each log taken as often as ``times`` [rows, logs] says. In floating point,
    which is exact below 2^53 and many times faster."""
    flat = times.astype(np.float64) @ counts.reshape(len(counts), -1).astype(np.float64)
    return np.rint(flat).astype(np.int64).reshape(len(times), *counts.shape[1:])


def figure(values: Sequence[float], percent: float = 90) -> Figure:
    """Of what each draw says; the first is that of all logs. ``percent`` of the others lie between low and high."""
    tail = (100 - percent) / 2
    low, high = np.nanpercentile(values[1:], [tail, 100 - tail])
    return Figure(values[0], float(low), float(high))


def gain(row: Sequence[float], over: Sequence[float]) -> Figure:
    """By how many percent of ``over`` the figures of a row lie above it, draw by draw."""
    return figure([100 * (mine / its - 1) for mine, its in zip(row, over, strict=True)])
