"""Executes orders one after the other in this process: for debugging, tests and replay."""

from __future__ import annotations

from collections import deque

from occlabel.workers.work import Order, Outcome, attempt


class LocalExecutor:
    """Does an order when its outcome is waited for."""

    slots = 1

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Order]] = deque()
        self._tickets = 0

    def submit(self, order: Order) -> int:
        self._tickets += 1
        self._queue.append((self._tickets, order))
        return self._tickets

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        if not self._queue:
            return []
        ticket, order = self._queue.popleft()
        return [(ticket, attempt(order))]

    def kill(self, ticket: int) -> None:
        self._queue = deque(item for item in self._queue if item[0] != ticket)

    def close(self) -> None:
        self._queue.clear()
