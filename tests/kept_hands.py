"""Runs one after the other with what is loaded already: on one Ray each finds the hands of the one before it, and what
is tried out before a run is tried out in the process of the test."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from occlabel.pipeline.running.workplace import Workplace
from occlabel.workers.executor import Executor, Pool
from occlabel.workers.ray import RayExecutor
from occlabel.workers.unit import attempt


class KeptHands(RayExecutor):
    """Lets no hand go before it is closed."""

    def done_with(self, pool: Pool) -> None:
        """The next run has work for the pool."""


class HandHere:
    """A ``Hand`` without a process of its own: for what may be trusted not to take this one along."""

    def __init__(self, threads: int) -> None:
        pass

    def work(self, unit: bytes, seconds: float) -> bytes:
        return pickle.dumps(attempt(pickle.loads(unit)))

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class OneRay(Workplace):
    """Runs are done by ``hands``, which stay."""

    hands: KeptHands | None = None

    @contextmanager
    def open(self) -> Iterator[Executor]:
        assert self.hands is not None
        yield self.hands
