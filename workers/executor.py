"""What the pipeline asks of whoever executes its orders."""

from __future__ import annotations

from typing import Protocol

from occlabel.workers.work import Order, Outcome


class Executor(Protocol):
    """A bounded set of hands. One thread drives it."""

    slots: int
    """How many orders are worked on at once; submitting more only queues them."""

    def submit(self, order: Order) -> int:
        """Takes an order and returns its ticket."""

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """The outcomes that are there, after at most ``timeout`` seconds. A dead worker is a Failure, never silence."""

    def kill(self, ticket: int) -> None:
        """Ends the worker that holds the order; the ticket gives no outcome any more."""

    def close(self) -> None:
        """Lets go of everything."""
