"""The schedule: which unit of work is next, what waits, and what can never run because something before it failed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from occlabel.workers.executor import Pool

K = TypeVar("K", bound=Hashable)
_LAST = 3
"""Units per hand and step from which on the end is near."""


class _Queue:
    """The units of one pool, by rank in the plan. Handing one out costs the logarithm of how many are ready."""

    def __init__(self) -> None:
        self.left = 0
        """Units that were not handed out yet and can still run."""
        self.steps: set[int] = set()
        self._ready: set[int] = set()
        self._in_order: list[int] = []
        self._by_step: list[tuple[int, int]] = []

    def add(self, rank: int, step: int) -> None:
        self._ready.add(rank)
        heapq.heappush(self._in_order, rank)
        heapq.heappush(self._by_step, (step, rank))

    @property
    def ready(self) -> int:
        return len(self._ready)

    def take(self, hands: int) -> int:
        """The unit that is next for ``hands`` hands. Each is in both heaps, and stays in one when it is taken."""
        scarce = len(self._ready) <= hands or self.left <= _LAST * hands * len(self.steps)
        rank = -1
        while rank not in self._ready:
            rank = heapq.heappop(self._by_step)[1] if scarce else heapq.heappop(self._in_order)
        self._ready.remove(rank)
        self.left -= 1
        return rank


class Schedule(Generic[K]):
    """Hands out work in the plan's order, each unit after what it waits for, to the pools that ask.

    The plan's order finishes one log after the other. When no more units are ready for a pool than it has hands, or
    when its end is near, those of the earliest step go first: others wait for them, the hands would soon wait too, and
    what is done last, and by some hands alone, should be short. A failed unit takes everything that depends on it
    along. A unit can be put off until a moment (for a retry).
    """

    def __init__(self, todo: Mapping[K, tuple[K, ...]], step: Callable[[K], int], pools: Mapping[int, Pool]) -> None:
        """``todo`` is the work and what each unit of it waits for; ``pools`` says which pool does a step."""
        self._keys = list(todo)
        self._rank = {key: rank for rank, key in enumerate(self._keys)}
        self._step = [step(key) for key in self._keys]
        self._pools = pools
        self._queues: dict[Pool, _Queue] = {}
        self._waits = {key: len(needs) for key, needs in todo.items()}
        self._dependents: dict[K, list[K]] = {}
        self._later: list[tuple[float, int]] = []
        self._dead: set[K] = set()
        for key, needs in todo.items():
            queue = self._queues.setdefault(self.pool(key), _Queue())
            queue.steps.add(self._step[self._rank[key]])
            queue.left += 1
            for need in needs:
                self._dependents.setdefault(need, []).append(key)
            if not needs:
                self._make_ready(self._rank[key])

    def pool(self, key: K) -> Pool:
        """The pool that does the unit."""
        return self._pools[self._step[self._rank[key]]]

    def ready(self, pool: Pool, now: float) -> int:
        """How many units of the pool can run at time ``now``."""
        while self._later and self._later[0][0] <= now:
            self._make_ready(heapq.heappop(self._later)[1])
        return self._queues[pool].ready

    def next(self, pool: Pool, hands: int) -> K:
        """The next unit for ``pool``, which has ``hands`` hands. To be asked only where something is ready."""
        return self._keys[self._queues[pool].take(hands)]

    def left(self, pool: Pool | None = None) -> int:
        """Units that were not handed out yet and can still run: of one pool, or in all."""
        return sum(queue.left for queue in self._queues.values()) if pool is None else self._queues[pool].left

    @property
    def postponed(self) -> list[K]:
        """What waits for a moment to come."""
        return [self._keys[rank] for _, rank in sorted(self._later)]

    def done(self, key: K) -> None:
        """``key`` is committed; what waited for it alone becomes ready."""
        for dependent in self._dependents.get(key, ()):
            self._waits[dependent] -= 1
            if self._waits[dependent] == 0:
                self._make_ready(self._rank[dependent])

    def postpone(self, key: K, until: float) -> None:
        """``key`` is handed out again, not before ``until``."""
        heapq.heappush(self._later, (until, self._rank[key]))
        self._queues[self.pool(key)].left += 1

    def failed(self, key: K) -> list[K]:
        """``key`` is given up; returns the units that depend on it, which will not run either."""
        lost: list[K] = []
        front = [key]
        while front:
            for dependent in self._dependents.get(front.pop(), ()):
                if dependent not in self._dead:
                    self._dead.add(dependent)
                    self._queues[self.pool(dependent)].left -= 1
                    lost.append(dependent)
                    front.append(dependent)
        return sorted(lost, key=self._rank.__getitem__)

    def _make_ready(self, rank: int) -> None:
        step = self._step[rank]
        self._queues[self._pools[step]].add(rank, step)
