"""The history of a run, as the store keeps it: what ``status`` shows and what estimates are made from."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from pydantic import BaseModel, ValidationError

from occlabel.schemas.receipt import JobReceipt, Receipt
from occlabel.workers.store import Store
from occlabel.workers.unit import STORE_TROUBLE

State = Literal["running", "complete", "quarantine", "gate failed", "aborted"]
HEARTBEAT = 5.0
"""Seconds from one writing of the state of a run that goes on to the next."""
SILENT_AFTER = 60.0
"""Seconds without a heartbeat after which a run that says it is running is taken for dead."""


class StageProgress(BaseModel):
    """Counts of one stage of a chain, or of a job, in one run. Seconds are summed over workers."""

    stage: str
    """Name of the stage in its chain, or of the job."""
    total: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    frames: int = 0
    load: float = 0.0
    setup: float = 0.0
    process: float = 0.0
    write: float = 0.0

    def add(self, receipt: Receipt | JobReceipt) -> None:
        self.done += 1
        self.frames += receipt.frames
        for part in ("load", "setup", "process", "write"):
            setattr(self, part, getattr(self, part) + getattr(receipt.timings, part))

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed - self.skipped

    @property
    def seconds(self) -> float:
        return self.load + self.setup + self.process + self.write


class RunState(BaseModel):
    """One run: written when it starts, every few seconds, and when it ends."""

    run: str
    what: str
    """What it is for: ``version nightly``, ``job evaluate``."""
    state: State = "running"
    started: float
    heartbeat: float
    where: str = ""
    """Whose hands do it, in a sentence."""
    workers: int = 0
    stages: list[StageProgress]
    damaged: int = 0
    """Frames that were labelled without some sensor file."""
    retried: int = 0
    """Attempts that were repeated, or will be."""
    quarantined: int = 0
    message: str = ""

    @property
    def seconds(self) -> float:
        return self.heartbeat - self.started

    @property
    def job(self) -> str | None:
        """Name of the job that it was; None for one that labelled."""
        return self.what.removeprefix("job ") if self.what.startswith("job ") else None

    @property
    def version(self) -> str | None:
        """Name of the version that it labelled for; None for a job."""
        return self.what.removeprefix("version ") if self.what.startswith("version ") else None

    @property
    def silent(self) -> bool:
        """Says it is running, and nothing was heard of it for a while: it was killed."""
        return self.state == "running" and time.time() - self.heartbeat > SILENT_AFTER


def new_state(what: str, stages: list[StageProgress]) -> RunState:
    """The state of a run that is about to start, under a name that sorts by time, to the second."""
    now = time.time()
    run = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(2)
    return RunState(run=run, what=what, started=now, heartbeat=now, stages=stages)


def write_state(store: Store, state: RunState) -> None:
    state.heartbeat = time.time()
    store.put(f"runs/{state.run}/state.json", state.model_dump_json(indent=1).encode())


_AWAY = "the store could not be written for a moment"


def beat(store: Store, state: RunState) -> None:
    """Writes the state of a run that goes on. The history is not the work: a store that is away for a moment does not
    end a run."""
    if state.message == _AWAY:
        state.message = ""
    try:
        write_state(store, state)
    except STORE_TROUBLE:
        state.message = _AWAY


@contextmanager
def beating(store: Store, state: RunState) -> Iterator[None]:
    """Beats every few seconds: a run is alive whatever it is at, a clip that is done in this process, a version that is
    published, gates that count for minutes."""
    with every(HEARTBEAT, lambda: beat(store, state)):
        yield


@contextmanager
def every(seconds: float, tell: Callable[[], None]) -> Iterator[None]:
    """Calls ``tell`` every so often from a thread of its own, until what is within ends."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(seconds):
            tell()

    thread = threading.Thread(target=go_on, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()  # what is written from here on is the last that is said


def write_abort(store: Store, state: RunState) -> None:
    """Writes that the run was aborted, and why; a store that is full has room for an empty object, which says the
    first alone. Raises what the store raises when it cannot be used at all."""
    try:
        write_state(store, state)
    except STORE_TROUBLE:
        store.put(_aborted(state.run), b"")


def _aborted(run: str) -> str:
    return f"runs/{run}/aborted"


def run_states(store: Store, note: Callable[[str], None] = lambda _: None) -> list[RunState]:
    """All runs of the store, the newest last. The history is not the work: of what is damaged in it ``note`` is told,
    and it is left out."""
    states = []
    for run in store.names("runs")[0]:
        content = store.get(path := f"runs/{run}/state.json")
        try:
            states += [] if content is None else [RunState.model_validate_json(content)]
        except ValidationError:
            note(f"{store.location}/{path} is damaged: what run {run} did is not known")
    for state in states:
        if state.state == "running" and store.get(_aborted(state.run)) is not None:
            state.state, state.message = "aborted", "the store had no room to say why"
    return sorted(states, key=lambda state: state.started)  # names tell seconds, and two runs may share one


def at_work_on(store: Store, version: str) -> list[RunState]:
    """Runs that go on for ``version``, as far as is known: one that was just killed looks like it for a minute."""
    return [s for s in run_states(store) if s.version == version and s.state == "running" and not s.silent]


def seconds_per_frame(store: Store) -> dict[str, float]:
    """Stage -> worker seconds a frame, of the newest run that did the stage."""
    result: dict[str, float] = {}
    for state in run_states(store):
        for stage in state.stages:
            if stage.frames:
                result[stage.stage] = stage.seconds / stage.frames
    return result
