"""Executes orders on Ray actors: an embedded cluster on this machine, or one that is already there.

Every actor serves every stage of a run and keeps what it loaded, so models are loaded once per worker and no stage
can starve another of its CPUs. Actors die with the driver; what they had committed stays committed.
"""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any

from occlabel.workers.work import Failure, Order, Outcome, attempt

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "NUMBA_THREADING_LAYER": "omp",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class _Hand:
    """One worker process."""

    def __init__(self, threads: int) -> None:
        os.environ["NUMBA_THREADING_LAYER"] = "omp"
        self._threads = threads

    def work(self, order: Order) -> Outcome:
        return attempt(order)


class RayExecutor:
    """A pool of actors with ``cpus`` CPUs each, one order at a time each."""

    def __init__(self, address: str | None, cpus: int, gpus: float) -> None:
        os.environ.update(_ENVIRONMENT)
        self._ray: Any = importlib.import_module("ray")  # takes seconds: only where it is used
        embedded = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        where = embedded if address is None else {"address": address}
        self._ray.init(**where, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False)
        total = self._ray.cluster_resources()
        self.slots = max(1, int(total.get("CPU", 1)) // cpus)
        self._has_gpu = total.get("GPU", 0) > 0
        options: dict[str, Any] = {"num_cpus": cpus, "max_restarts": 0}
        if gpus and self._has_gpu:
            options["num_gpus"] = gpus
            self.slots = max(1, min(self.slots, int(total["GPU"] / gpus)))
        self._hand_class = self._ray.remote(_Hand).options(**options)
        self._threads = cpus
        self._idle = [self._new_hand() for _ in range(self.slots)]
        self._running: dict[Any, tuple[int, Any]] = {}
        self._tickets = 0

    def _new_hand(self) -> Any:
        return self._hand_class.remote(self._threads)

    @property
    def device(self) -> str:
        return "cuda" if self._has_gpu else "cpu"

    def submit(self, order: Order) -> int:
        hand = self._idle.pop()
        self._tickets += 1
        self._running[hand.work.remote(order)] = (self._tickets, hand)
        return self._tickets

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout)
        if ready:  # whatever else is ready comes along
            ready, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        return [self._outcome(reference) for reference in ready]

    def _outcome(self, reference: Any) -> tuple[int, Outcome]:
        ticket, hand = self._running.pop(reference)
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # the worker lives, the order never reached its code
            self._idle.append(hand)
            return ticket, Failure("data", f"the order cannot be read by a worker: {error}".strip())
        except self._ray.exceptions.RayError as error:
            self._idle.append(self._new_hand())
            return ticket, Failure("crash", f"the worker died: {type(error).__name__}: {error}".strip())
        self._idle.append(hand)
        return ticket, outcome

    def kill(self, ticket: int) -> None:
        for reference, (running, hand) in list(self._running.items()):
            if running == ticket:
                del self._running[reference]
                self._ray.kill(hand)
                self._idle.append(self._new_hand())

    def close(self) -> None:
        self._ray.shutdown()
