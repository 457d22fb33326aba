"""Where work is done: which executor, whose Ray; and a history that always says how it ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from occlabel.pipeline.running.history import RunState, beating, write_abort, write_state
from occlabel.pipeline.running.loop import Loop, Work
from occlabel.pipeline.running.progress import progress
from occlabel.schemas.errors import Ended, OcclabelError, StoreAway, StoreDenied, StoreError
from occlabel.workers.executor import Device, Executor
from occlabel.workers.store import Store
from occlabel.workers.unit import STORE_TROUBLE

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Workplace:
    """Who does the work: ``ray`` (one of our own on this machine, or the cluster at ``ray_address``) or ``local``, this
    process. ``workers`` bounds the hands of a Ray of our own."""

    executor: str = "ray"
    ray_address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        """Raises OcclabelError for what contradicts itself."""
        if self.executor not in ("ray", "local"):
            raise OcclabelError(f"there is no executor {self.executor!r}; there are ray and local")
        if self.executor == "local" and (self.ray_address is not None or self.workers is not None):
            given = "--ray-address" if self.ray_address is not None else "--workers"
            raise OcclabelError(f"{given} is for --executor ray; --executor local works in this process alone")
        if self.workers is not None and self.workers < 1:
            raise OcclabelError(f"--workers {self.workers}: at least one worker is needed")
        if self.workers is not None and self.ray_address:
            raise OcclabelError("--workers is for Ray on this machine; a cluster at --ray-address has its own size")

    @property
    def device(self) -> Device:
        """What stages that use a GPU would run on: a plan needs to know. Raises OcclabelError for a cluster that
        cannot be reached."""
        from occlabel.workers.ray_cluster import device_of

        return "cpu" if self.executor == "local" else device_of(self.ray_address)

    @property
    def likely_device(self) -> Device:
        """The same as far as this machine tells, without asking a cluster: most plans find that nothing is left."""
        from occlabel.workers.ray_cluster import device_here

        return "cpu" if self.executor == "local" else device_here()

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """The executor, closed at the end."""
        executor = self._start()
        try:
            yield executor
        finally:
            executor.close()

    def _start(self) -> Executor:
        if self.executor == "local":
            from occlabel.workers.local import LocalExecutor

            return LocalExecutor()
        from occlabel.workers.ray import RayExecutor

        return RayExecutor(self.ray_address, self.workers)


def carry_out(work: Work[K], executor: Executor, store: Store, state: RunState, quiet: bool = False) -> Loop[K]:
    """Does all of ``work`` that can be done; returns the loop, which knows what could not. See ``Loop.execute``."""
    state.where = executor.where
    with progress(state, quiet) as watch:
        loop = Loop(work, executor, store, state, watch)
        loop.execute()
    return loop


@contextmanager
def told(store: Store, state: RunState) -> Iterator[None]:
    """The history says that the run goes on, and how it ended, whatever ends it: what is raised, Ctrl-C, the signal to
    terminate. Who uses it sets the final state; until then it is ``running``. Raises StoreError where the store's own
    error is no sentence."""
    with _terminated_politely():
        try:
            with beating(store, state):
                yield
        except BaseException as error:
            state.state, state.message = "aborted", _why(error)
            with suppress(*STORE_TROUBLE):  # what ended the run matters more
                write_abort(store, state)
            if isinstance(error, StoreDenied):  # what is missing is a right, and the sentence says which
                raise
            if isinstance(error, StoreAway) or (isinstance(error, STORE_TROUBLE) and not isinstance(error, StoreError)):
                raise StoreAway(f"{error}; what is committed stays, run the same command again to go on") from error
            raise
    write_state(store, state)


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "it was asked to stop; run again to go on"
    return str(error) if isinstance(error, OcclabelError) else f"{type(error).__name__}: {error}"


@contextmanager
def _terminated_politely() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does, where nobody handles it."""

    def leave(number: int, frame: Any) -> None:
        raise Ended(128 + number)

    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if mine:
        signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
