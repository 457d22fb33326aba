"""The loop: takes work to its end on an executor, retries what infrastructure failed, quarantines what data failed.

It knows neither stages nor jobs: see ``Work``. Everything that is committed stays committed, however the loop ends.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from occlabel.pipeline.planning.recipe import Limits
from occlabel.pipeline.running.history import RunState, StageProgress, beat
from occlabel.pipeline.running.quarantine import QuarantineEntry, write_entry
from occlabel.pipeline.running.schedule import Schedule
from occlabel.schemas.errors import OcclabelError, StoreAway
from occlabel.schemas.receipt import Receipt
from occlabel.schemas.stage import Resources
from occlabel.workers.executor import Executor
from occlabel.workers.store import Store
from occlabel.workers.unit import STORE_TROUBLE, Cause, Failure, Outcome, Unit

K = TypeVar("K", bound=Hashable)
Watcher = Callable[[RunState], None]

_PATIENCE = 1.0
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a second attempt, and at most between two attempts at what the cluster failed."""


class RunStalled(OcclabelError):
    """Nothing ended for longer than the limits allow."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What became of a unit that goes to quarantine."""

    failure: Failure
    attempts: int
    skipped: tuple[str, ...] = ()
    """What depends on it and is left out, as ``Work.describe`` calls it."""


class Work(Protocol[K]):
    """Work as a graph of keys: one for each unit."""

    @property
    def limits(self) -> Limits: ...

    @property
    def todo(self) -> Mapping[K, tuple[K, ...]]:
        """Each unit and those it waits for, in the order in which they should be done."""

    @property
    def needs(self) -> Mapping[int, Resources]:
        """Step -> what a hand needs for any of its units."""

    def step(self, key: K) -> int:
        """Place of the key's stage in ``RunState.stages``."""

    def unit(self, key: K, attempt: int) -> Unit:
        """The unit as an executor takes it. Raises OcclabelError when it cannot be made."""

    def describe(self, key: K) -> str:
        """What sentences call the unit."""

    def entry(self, key: K, run: str, fault: Fault) -> QuarantineEntry:
        """Its entry in the quarantine of ``run``."""


@dataclass(slots=True)
class _Trials:
    """What happened to one unit so far; each cause counts for itself."""

    failures: Counter[Cause]
    last: str = ""

    @property
    def charged(self) -> int:
        """Failed attempts that may be the unit's doing: a lost node or store never is."""
        return self.failures.total() - self.failures["node"] - self.failures["away"]


class Loop(Generic[K]):
    """One pass over ``work``. ``entries`` is what went to quarantine, ``failed`` the units that were given up and those
    that waited for them, ``lost`` those that cannot be done before something else is made again, as the store has lost
    it."""

    def __init__(self, work: Work[K], executor: Executor, store: Store, state: RunState, watch: Watcher) -> None:
        self.state = state
        self.entries: list[QuarantineEntry] = []
        self.failed: set[K] = set()
        self.lost: set[K] = set()
        self._told: set[tuple[str, str]] = set()
        self._work = work
        self._executor = executor
        self._store = store
        self._watch = watch
        executor.prepare(work.needs.values())
        pools = {step: executor.pool(needs) for step, needs in work.needs.items()}
        self._open = {pools[work.step(key)] for key in work.todo}
        self._schedule = Schedule(work.todo, work.step, pools)
        self._running: dict[int, K] = {}
        self._trials: dict[K, _Trials] = {}
        # Bad data fails again; a unit that took two workers along will take a third.
        self._allowed = {"data": 1, "crash": 2, "timeout": 2, "store": work.limits.attempts}
        self._away = 0
        """Units in a row that failed as the store could not be used."""
        self._last_end = time.monotonic()

    def execute(self) -> None:
        """Does all that can be done. Raises RunStalled when nothing ends for too long, StoreAway when the store cannot
        be used any more, OcclabelError when the executor can do nothing."""
        beat(self._store, self.state)
        while self._submit() or self._running or self._schedule.left():
            if not self._running:  # only retries are left, and their time has not come, or no hand can be had
                time.sleep(_PATIENCE / 10)
            for ticket, outcome in self._executor.wait(_PATIENCE if self._running else 0.0):
                self._settle(self._running.pop(ticket), outcome)
            now = time.monotonic()
            minutes = self._work.limits.stall_minutes
            if now - self._last_end > minutes * 60:
                raise RunStalled(f"nothing ended for {minutes:g} minutes: " + self._stuck())
            self.state.workers = self._executor.workers
            self._watch(self.state)

    def _submit(self) -> bool:
        """Keeps the hands busy; whether anything was submitted. A pool of which nothing runs goes first, so that none
        waits for another one's last unit."""
        submitted = False
        busy = Counter(self._schedule.pool(key) for key in self._running.values())
        for pool in sorted(self._open, key=lambda pool: (busy[pool] > 0, -pool.gpus, pool)):
            hands = self._executor.capacity(pool)
            while self._schedule.ready(pool, time.monotonic()) and self._executor.has_room(pool):
                key = self._schedule.next(pool, hands)
                if self._hand_over(key):
                    submitted = True
                    busy[pool] += 1
            if not self._schedule.left(pool) and not busy[pool]:
                self._open.remove(pool)
                self._executor.done_with(pool)
        return submitted

    def _hand_over(self, key: K) -> bool:
        attempt = 1 + (self._trials[key].charged if key in self._trials else 0)
        try:
            unit = self._work.unit(key, attempt)
        except StoreAway as error:
            self._retry(key, Failure("away", str(error)))
            return False
        except STORE_TROUBLE as error:
            self._retry(key, Failure("store", f"{type(error).__name__}: {error}"))
            return False
        except OcclabelError as error:
            self._give_up(key, Failure("data", str(error)), attempt)
            return False
        ticket = self._executor.submit(unit, self._schedule.pool(key), self._work.limits.clip_seconds)
        self._running[ticket] = key
        return True

    def _settle(self, key: K, outcome: Outcome) -> None:
        if isinstance(outcome, Failure):
            self._retry(key, outcome)
            return
        self._last_end, self._away = time.monotonic(), 0
        self._progress(key).add(outcome)
        self._schedule.done(key)
        # Several stages look at the files of a frame; each file is said once.
        log = outcome.log if isinstance(outcome, Receipt) else ""
        if found := [damage for damage in outcome.damaged if (log, damage.error) not in self._told]:
            self._told.update((log, damage.error) for damage in found)
            self.state.damaged += len({damage.frame for damage in found})
            what = "; ".join(damage.error for damage in found)
            self._quarantine(key, Fault(Failure("damaged", what), outcome.attempt))

    def _retry(self, key: K, failure: Failure) -> None:
        """Puts the unit off, or gives it up when it failed too often. Raises StoreAway when the store is what fails:
        the other units would fail too, one by one."""
        if failure.cause == "lost":
            self._last_end = time.monotonic()
            self.lost.update([key, *self._schedule.failed(key)])
            return
        trials = self._trials.setdefault(key, _Trials(Counter()))
        trials.failures[failure.cause] += 1
        trials.last = failure.error
        times = trials.failures[failure.cause]
        if failure.cause == "away":
            self._away += 1
            if self._away >= self._work.limits.attempts:
                raise StoreAway(failure.error)
        if failure.cause in ("node", "away"):
            pause = min(_LONGEST_PAUSE, _PAUSE * 2.0 ** min(times, 10))
        elif times < self._allowed[failure.cause]:
            pause = _PAUSE * 4**times
        else:
            self._give_up(key, failure, trials.charged)
            return
        self.state.retried += 1
        self._schedule.postpone(key, time.monotonic() + pause)

    def _give_up(self, key: K, failure: Failure, attempts: int) -> None:
        self._last_end = time.monotonic()
        skipped = self._schedule.failed(key)
        for one in skipped:
            self._progress(one).skipped += 1
        self._progress(key).failed += 1
        self.failed.update([key, *skipped])
        self._quarantine(key, Fault(failure, attempts, tuple(self._work.describe(one) for one in skipped)))

    def _quarantine(self, key: K, fault: Fault) -> None:
        self.entries.append(write_entry(self._store, self._work.entry(key, self.state.run, fault)))
        self.state.quarantined += 1

    def _progress(self, key: K) -> StageProgress:
        return self.state.stages[self._work.step(key)]

    def _stuck(self) -> str:
        running = [self._work.describe(key) for key in self._running.values()]
        waiting = [f"{self._work.describe(key)} (last: {self._trials[key].last})" for key in self._schedule.postponed]
        return ", ".join([*running, *waiting][:20]) or f"no worker can be had ({self._executor.where})"
