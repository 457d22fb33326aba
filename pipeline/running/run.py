"""The run: hands the plan's work to an executor, retries what infrastructure failed, quarantines what data failed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from occlabel.pipeline.planning.orders import OrderDesk
from occlabel.pipeline.planning.plan import Key, Plan
from occlabel.pipeline.running.history import RunState, StageProgress, write_state
from occlabel.pipeline.running.quarantine import QuarantineEntry, write_entry
from occlabel.pipeline.running.schedule import Schedule
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.receipt import Receipt
from occlabel.workers.executor import Executor
from occlabel.workers.store import Store
from occlabel.workers.work import Failure, Order

_HEARTBEAT = 5.0
_PATIENCE = 1.0

Watcher = Callable[[RunState], None]


class RunStalled(OcclabelError):
    """Nothing ended for longer than the recipe allows."""


def new_run_id() -> str:
    """A name for a run that sorts by time."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)


@dataclass(slots=True)
class _Running:
    key: Key
    order: Order
    started: float


class Run:
    """One pass over a plan. Everything that is committed stays committed, however the run ends."""

    def __init__(
        self,
        plan: Plan,
        reader: LogReader,
        reader_name: str,
        store: Store,
        executor: Executor,
        state: RunState,
        watch: Watcher,
    ) -> None:
        self._plan = plan
        self._reader = reader
        self._reader_name = reader_name
        self._store = store
        self._executor = executor
        self._watch = watch
        self._schedule = Schedule(plan.todo, executor.slots)
        self._desk = OrderDesk(plan.recipe, reader, store, plan.logs, getattr(executor, "device", "cpu"))
        self._running: dict[int, _Running] = {}
        self._failures: dict[Key, int] = {}
        # Bad data fails again; a clip that took two workers along will take a third.
        self._allowed = {"data": 1, "crash": 2, "timeout": 2, "store": plan.recipe.limits.attempts}
        self.state = state
        self.entries: list[QuarantineEntry] = []

    def execute(self) -> None:
        """Does all that can be done. Raises RunStalled when nothing ends for too long."""
        limits = self._plan.recipe.limits
        last_end = last_beat = time.monotonic()
        write_state(self._store, self.state)
        while self._submit() or self._running or self._schedule.postponed:
            if not self._running:  # only retries are left, and their time has not come
                time.sleep(_PATIENCE / 10)
            for ticket, outcome in self._executor.wait(_PATIENCE) if self._running else ():
                running = self._running.pop(ticket)
                self._settle(running, outcome)
                last_end = time.monotonic()
            self._end_overdue(limits.clip_seconds)
            now = time.monotonic()
            if now - last_end > limits.stall_minutes * 60:
                raise RunStalled(f"nothing ended for {limits.stall_minutes:g} minutes: " + self._stuck())
            if now - last_beat > _HEARTBEAT:
                write_state(self._store, self.state)
                last_beat = now
            self._watch(self.state)

    def _submit(self) -> bool:
        """Keeps the executor's slots full; whether anything was submitted."""
        submitted = False
        while len(self._running) < self._executor.slots:
            key = self._schedule.next(time.monotonic())
            if key is None:
                break
            try:
                order = self._desk.order(key)
            except OcclabelError as error:
                self._give_up(key, Failure("data", str(error)), 1)
                continue
            order = replace(order, attempt=self._failures.get(key, 0) + 1)
            self._running[self._executor.submit(order)] = _Running(key, order, time.monotonic())
            submitted = True
        return submitted

    def _settle(self, running: _Running, outcome: Receipt | Failure) -> None:
        key, order = running.key, running.order
        if isinstance(outcome, Receipt):
            self._progress(key).add(outcome)
            self._schedule.done(key)
            if outcome.damaged:
                self.state.damaged += len({damage.frame for damage in outcome.damaged})
                what = "; ".join(damage.error for damage in outcome.damaged)
                self._quarantine(key, Failure("damaged", what), order.attempt, ())
            return
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        if failures >= self._allowed[outcome.cause]:
            self._give_up(key, outcome, failures)
        else:
            self._schedule.postpone(key, time.monotonic() + 0.5 * 4**failures)

    def _give_up(self, key: Key, failure: Failure, attempts: int) -> None:
        stages = self._plan.recipe.stages()
        lost = self._schedule.failed(key)
        for index, _ in lost:
            self.state.stages[index].skipped += 1
        self._progress(key).failed += 1
        skipped = tuple(f"{stages[index].slot} {clip.log} {clip.name}" for index, clip in lost)
        self._quarantine(key, failure, attempts, skipped)

    def _quarantine(self, key: Key, failure: Failure, attempts: int, skipped: tuple[str, ...]) -> None:
        index, clip = key
        plan = next(log for log in self._plan.logs if log.id == clip.log)
        entry = QuarantineEntry(
            run=self.state.run,
            slot=self._plan.recipe.stages()[index].slot,
            log=clip.log,
            start=clip.start,
            stop=clip.stop,
            cause=failure.cause,
            error=failure.error,
            traceback=failure.traceback,
            attempts=attempts,
            fingerprint=plan.fingerprints[index],
            log_digest=plan.digest,
            logs=str(self._reader.root),
            reader=self._reader_name,
            recipe=self._plan.recipe.to_yaml(),
            skipped=skipped,
        )
        self.entries.append(write_entry(self._store, entry))
        self.state.quarantined += 1

    def _end_overdue(self, clip_seconds: float) -> None:
        now = time.monotonic()
        for ticket, running in list(self._running.items()):
            if now - running.started > clip_seconds:
                self._executor.kill(ticket)
                del self._running[ticket]
                self._settle(running, Failure("timeout", f"took longer than {clip_seconds:g} s and was killed"))

    def _progress(self, key: Key) -> StageProgress:
        return self.state.stages[key[0]]

    def _stuck(self) -> str:
        names = [f"{r.order.stage.slot} {r.key[1].log} {r.key[1].name}" for r in self._running.values()]
        return ", ".join(names) or "no work is running"


def new_state(plan: Plan, run: str, version: str, workers: int) -> RunState:
    """The state of a run that is about to start."""
    stages = [StageProgress(slot=str(row["stage"]), total=int(row["todo"])) for row in plan.counts()]
    now = time.time()
    return RunState(run=run, version=version, started=now, heartbeat=now, workers=workers, stages=stages)
