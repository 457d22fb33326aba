"""What a run and a collection of garbage owe each other, in a store that knows no locks.

runs/<run>/holds.json   the pieces that a run may publish
collecting              that unread pieces are being removed, or were

A run says what it holds and then looks whether a collection is going on; a collection says that it is going on and then
looks what is held. Each looks after it has spoken, so at least one of two that meet knows of the other: the run is
refused, or the collection passes over what it holds (Dekker's rule; a store shows what was written to whoever asks
later).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pydantic import BaseModel

from occlabel.pipeline.running.history import SILENT_AFTER, RunState, every, run_states, write_state
from occlabel.schemas.errors import StoreError
from occlabel.schemas.seal import sealed, unsealed
from occlabel.workers.store import Store
from occlabel.workers.unit import STORE_TROUBLE

_COLLECTING = "collecting"
_BEAT = 5.0
_LEAST = 3600.0
"""Seconds for which a run that is silent holds at least: what is silent may be publishing."""


class _Holds(BaseModel):
    keys: tuple[str, ...]


class _Collecting(BaseModel):
    begun: float
    heartbeat: float
    ended: bool = False


def last_collection(store: Store) -> bytes:
    """Changes whenever unread pieces are removed: what was found before need not be there any more."""
    return store.get(_COLLECTING) or b""


def hold(store: Store, state: RunState, keys: Iterable[str]) -> None:
    """The run may publish these pieces: no collection removes them while it goes on. Raises StoreError while one is
    removing."""
    store.put(_holds(state.run), sealed(_Holds(keys=tuple(sorted(set(keys))))))
    write_state(store, state)
    if _going_on(last_collection(store)):
        raise StoreError(
            f"what nobody reads is being removed from {store.location} (occlabel versions gc): run again when it has "
            "ended"
        )


def let_go(store: Store, state: RunState) -> None:
    """Of a run that has ended: what it published is held by its version."""
    with suppress(*STORE_TROUBLE):
        store.delete(_holds(state.run))


@dataclass(frozen=True)
class Held:
    """What is held."""

    keys: dict[str, RunState]
    """Piece -> the run."""
    silent: tuple[RunState, ...]
    """Runs that are going on and do not say what they need: jobs, and runs of an occlabel of before."""


def held(store: Store, grace: float) -> Held:
    """A run holds while it goes on; one that was killed for ``grace`` seconds more, an hour at least, as it will be run
    again."""
    keys: dict[str, RunState] = {}
    silent = []
    for state in run_states(store):
        going_on = state.state == "running" and not state.silent
        if not (going_on or (state.state == "running" and time.time() - state.heartbeat < max(grace, _LEAST))):
            continue
        content = store.get(_holds(state.run))
        holds = None if content is None else unsealed(_Holds, content)
        if holds is not None:
            keys.update(dict.fromkeys(holds.keys, state))
        elif going_on:
            silent.append(state)
    return Held(keys, tuple(silent))


class Collecting:
    """That a collection is going on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun = time.time()
        self._last = self._begun

    def check(self) -> None:
        """Before each removal. Raises StoreError when nothing was said for so long that runs take it for ended."""
        if (silent := self._silent) > SILENT_AFTER / 2:
            raise StoreError(f"this was stopped for {silent:.0f} s, and a run may have begun: start it again")

    def beat(self) -> None:
        """Says so again. After too long a silence it is too late, as ``check`` then says."""
        if self._silent <= SILENT_AFTER / 2:
            with suppress(*STORE_TROUBLE):
                self.say()

    def say(self, ended: bool = False) -> None:
        told = _Collecting(begun=self._begun, heartbeat=time.time(), ended=ended)
        self._store.put(_COLLECTING, sealed(told))
        self._last = told.heartbeat

    @property
    def _silent(self) -> float:
        """Seconds, by the clock that others go by: this machine may have slept."""
        return time.time() - self._last


@contextmanager
def collecting(store: Store) -> Iterator[Collecting]:
    """While pieces are looked for and removed, which may take long: a thread of its own says so again and again. Raises
    StoreError when somebody else is removing."""
    if _going_on(last_collection(store)):
        raise StoreError(f"what nobody reads is being removed from {store.location} already: wait until it has ended")
    sign = Collecting(store)
    sign.say()
    try:
        with every(_BEAT, sign.beat):
            yield sign
    finally:
        sign.say(ended=True)


def _going_on(content: bytes) -> bool:
    """What was killed is taken for ended after a while; so is an object that is not whole."""
    found = unsealed(_Collecting, content)
    return found is not None and not found.ended and time.time() - found.heartbeat < SILENT_AFTER


def _holds(run: str) -> str:
    return f"runs/{run}/holds.json"
