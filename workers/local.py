"""Executes units one after the other in this process: for debugging, tests and what is small."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from occlabel.schemas.stage import Resources
from occlabel.workers.executor import Device, Pool
from occlabel.workers.unit import Outcome, Unit, attempt

_POOL = Pool()


class LocalExecutor:
    """Does a unit when its outcome is waited for. Knows no time limit: nobody could end the unit."""

    where = "this process"
    workers = 1

    def __init__(self, device: Device = "cpu") -> None:
        self.device: Device = device
        self._queue: deque[tuple[int, Unit]] = deque()
        self._tickets = 0

    def prepare(self, needs: Iterable[Resources]) -> None:
        pass

    def pool(self, needs: Resources) -> Pool:
        return _POOL

    def capacity(self, pool: Pool) -> int:
        return 1

    def has_room(self, pool: Pool) -> bool:
        return not self._queue

    def submit(self, unit: Unit, pool: Pool, seconds: float) -> int:
        self._tickets += 1
        self._queue.append((self._tickets, unit))
        return self._tickets

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        if not self._queue:
            return []
        ticket, unit = self._queue.popleft()
        return [(ticket, attempt(unit))]

    def done_with(self, pool: Pool) -> None:
        pass

    def close(self) -> None:
        self._queue.clear()
