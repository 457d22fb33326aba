"""The history of a run, as the store keeps it: what ``status`` shows and what estimates are made from."""

from __future__ import annotations

import time
from typing import Literal

from pydantic import BaseModel

from occlabel.schemas.receipt import Receipt
from occlabel.workers.store import Store

State = Literal["running", "complete", "quarantine", "gate failed", "aborted"]
SILENT_AFTER = 60.0
"""Seconds without a heartbeat after which a run that says it is running is taken for dead."""


class StageProgress(BaseModel):
    """Counts of one stage in one run. Seconds are summed over workers."""

    slot: str
    total: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    frames: int = 0
    load: float = 0.0
    setup: float = 0.0
    process: float = 0.0
    write: float = 0.0

    def add(self, receipt: Receipt) -> None:
        self.done += 1
        self.frames += receipt.stop - receipt.start
        for part in ("load", "setup", "process", "write"):
            setattr(self, part, getattr(self, part) + getattr(receipt.timings, part))

    @property
    def seconds(self) -> float:
        return self.load + self.setup + self.process + self.write


class RunState(BaseModel):
    """One run: written when it starts, every few seconds, and when it ends."""

    run: str
    version: str
    state: State = "running"
    started: float
    heartbeat: float
    workers: int = 0
    stages: list[StageProgress]
    damaged: int = 0
    """Frames that were labelled without some sensor file."""
    quarantined: int = 0
    message: str = ""

    @property
    def seconds(self) -> float:
        return self.heartbeat - self.started

    @property
    def silent(self) -> bool:
        """Says it is running, and nothing was heard of it for a while: it was killed."""
        return self.state == "running" and time.time() - self.heartbeat > SILENT_AFTER


def write_state(store: Store, state: RunState) -> None:
    state.heartbeat = time.time()
    store.put(f"runs/{state.run}/state.json", state.model_dump_json(indent=1).encode())


def run_states(store: Store) -> list[RunState]:
    """All runs of the store, the newest last."""
    contents = [store.get(f"runs/{run}/state.json") for run in store.names("runs")[0]]
    return [RunState.model_validate_json(content) for content in contents if content is not None]


def seconds_per_frame(store: Store) -> dict[str, float]:
    """Slot -> worker seconds a frame, of the newest run that did the slot."""
    result: dict[str, float] = {}
    for state in run_states(store):
        for stage in state.stages:
            if stage.frames:
                result[stage.slot] = stage.seconds / stage.frames
    return result
