"""What the pipeline asks of whoever executes its units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from occlabel.schemas.stage import Resources
from occlabel.workers.unit import Outcome, Unit

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True, order=True)
class Pool:
    """A class of hands: what each of them holds while it lives. ``gpus`` is 0 where there are none."""

    cpus: int = 1
    gpus: float = 0.0


class Executor(Protocol):
    """A bounded set of hands in pools. One thread drives it."""

    @property
    def where(self) -> str:
        """Whose hands they are, in a sentence."""

    @property
    def device(self) -> Device:
        """What stages that use a GPU run on."""

    @property
    def workers(self) -> int:
        """How many units are worked on at once at most, as things are now."""

    def prepare(self, needs: Iterable[Resources]) -> None:
        """Told once, before the first submit: all that the units to come will need. Raises OcclabelError, in a sentence
        with the way out, for needs that no node can meet."""

    def pool(self, needs: Resources) -> Pool:
        """The pool whose hands do such units."""

    def capacity(self, pool: Pool) -> int:
        """How many hands the pool can have at most, as things are now."""

    def has_room(self, pool: Pool) -> bool:
        """Whether a unit that is submitted now is begun without waiting for another one to end."""

    def submit(self, unit: Unit, pool: Pool, seconds: float) -> int:
        """Takes a unit, to be asked only where there is room, and returns its ticket. A unit that takes longer than
        ``seconds`` from when a hand began it is ended: a Failure ``timeout``."""

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """The outcomes that are there, after at most about ``timeout`` seconds. A dead hand is a Failure, never
        silence. Raises OcclabelError when no hand can be had any more."""

    def done_with(self, pool: Pool) -> None:
        """No unit of the pool will come any more: its hands, and the models that they hold, are let go."""

    def close(self) -> None:
        """Lets go of everything."""
