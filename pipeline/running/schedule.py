"""The schedule: which unit of work is next, what waits, and what can never run because something before it failed."""

from __future__ import annotations

import heapq

from occlabel.pipeline.planning.plan import Key

_LAST = 3
"""Units per hand and stage from which on the end is near."""


class Schedule:
    """Hands out the plan's work in the plan's order, each unit after what it waits for.

    The plan's order finishes one log after the other. When no more units are ready than there are hands, or when the
    end is near, those of the earliest stage go first: others wait for them, the hands would soon wait too, and what is
    done last, and by some hands alone, should be short. A failed unit takes everything that depends on it along. A unit
    can be put off until a moment (for a retry).
    """

    def __init__(self, todo: dict[Key, tuple[Key, ...]], hands: int = 1) -> None:
        self._hands = hands
        self._near = _LAST * hands * len({index for index, _ in todo})
        self._left = len(todo)
        """Units that were not handed out yet and can still run."""
        self._rank = {key: rank for rank, key in enumerate(todo)}
        self._keys = list(todo)
        self._waits = {key: len(needs) for key, needs in todo.items()}
        self._dependents: dict[Key, list[Key]] = {}
        for key, needs in todo.items():
            for need in needs:
                self._dependents.setdefault(need, []).append(key)
        self._ready = [self._rank[key] for key, waits in self._waits.items() if waits == 0]
        heapq.heapify(self._ready)
        self._later: list[tuple[float, int]] = []
        self._dead: set[Key] = set()

    def next(self, now: float) -> Key | None:
        """The next unit that can run at time ``now``, None when all that is left waits."""
        while self._later and self._later[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._later)[1])
        key = self._earliest() if self._scarce else self._first()
        if key is not None:
            self._left -= 1
        return key

    @property
    def _scarce(self) -> bool:
        return len(self._ready) <= self._hands or self._left <= self._near

    def _earliest(self) -> Key | None:
        """Takes the first ready unit of the earliest stage."""
        # Sorted by stage first; a list that is sorted by rank again is a heap.
        alive = sorted((self._keys[rank][0], rank) for rank in self._ready if self._keys[rank] not in self._dead)
        self._ready = sorted(rank for _, rank in alive[1:])
        return self._keys[alive[0][1]] if alive else None

    def _first(self) -> Key | None:
        """Takes the first ready unit in the plan's order."""
        while self._ready:
            key = self._keys[heapq.heappop(self._ready)]
            if key not in self._dead:
                return key
        return None

    @property
    def postponed(self) -> bool:
        """Whether something waits for a moment to come."""
        return bool(self._later)

    def done(self, key: Key) -> None:
        """``key`` is committed; what waited for it alone becomes ready."""
        for dependent in self._dependents.get(key, ()):
            self._waits[dependent] -= 1
            if self._waits[dependent] == 0:
                heapq.heappush(self._ready, self._rank[dependent])

    def postpone(self, key: Key, until: float) -> None:
        """``key`` is handed out again, not before ``until``."""
        heapq.heappush(self._later, (until, self._rank[key]))
        self._left += 1

    def failed(self, key: Key) -> list[Key]:
        """``key`` is given up; returns the units that depend on it, which will not run either."""
        lost: list[Key] = []
        front = [key]
        while front:
            for dependent in self._dependents.get(front.pop(), ()):
                if dependent not in self._dead:
                    self._dead.add(dependent)
                    lost.append(dependent)
                    front.append(dependent)
        self._left -= len(lost)
        return sorted(lost, key=lambda k: self._rank[k])
