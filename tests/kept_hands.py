"""Runs one after the other on one Ray: each finds the hands of the one before it, with all that they loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from occlabel.pipeline.running.workplace import Workplace
from occlabel.workers.executor import Executor, Pool
from occlabel.workers.ray import RayExecutor


class KeptHands(RayExecutor):
    """Lets no hand go before it is closed."""

    def done_with(self, pool: Pool) -> None:
        """The next run has work for the pool."""


@dataclass(frozen=True)
class OneRay(Workplace):
    """Runs are done by ``hands``, which stay."""

    hands: KeptHands | None = None

    @contextmanager
    def open(self) -> Iterator[Executor]:
        assert self.hands is not None
        yield self.hands
