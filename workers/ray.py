"""Executes units on Ray actors: one pool of hands for each class of resources, wherever the cluster has room.

An actor is a hand's place in the cluster: it holds the CPUs, GPUs and memory of its pool and runs no unit itself, but
has a process of its own do it (see ``workers.hand``). So whatever ends an actor is the cluster's doing, never a unit's.
Hands are made when units need them, keep what they loaded, and die with the driver; what they committed stays.
"""

from __future__ import annotations

import os
import pickle
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.stage import Resources
from occlabel.workers.executor import Device, Pool
from occlabel.workers.hand import Hand
from occlabel.workers.pools import Pools, Room
from occlabel.workers.ray_cluster import SETTINGS, Cluster
from occlabel.workers.unit import Cause, Failure, Outcome, Unit

_LOOK_EVERY = 1.0
"""Seconds after which the nodes are read anew."""
_PATIENCE = 30.0
"""Seconds in which a hand must be there; doubled for a node with each one that was not."""
_TRIES = 3
"""Hands in turn that do not come up on any node, and none ever did: there is no use in trying on."""
_GRACE = 60.0
"""Seconds over a unit's limit after which a hand that should have ended it is taken for lost."""


class _Actor:
    """A hand's place in the cluster."""

    def __init__(self, threads: int) -> None:
        os.environ.update(SETTINGS)
        self._hand = Hand(threads)

    def hello(self) -> None:
        """Answers once the hand is there."""

    def work(self, unit: bytes, seconds: float) -> bytes:
        return self._hand.work(unit, seconds)


@dataclass(slots=True)
class _Task:
    ticket: int
    unit: bytes
    seconds: float


@dataclass(slots=True)
class _Place:
    """One hand: its actor, the call that it is to answer, and until when."""

    actor: Any
    pool: Pool
    node: str
    call: Any
    until: float
    task: _Task | None = None
    """None while it starts."""


class RayExecutor:
    """Pools of hands on a cluster. ``workers`` bounds how many there are, on a Ray of our own."""

    def __init__(self, ray_address: str | None = None, workers: int | None = None) -> None:
        self._cluster = Cluster(ray_address, workers)
        self._ray = self._cluster.ray
        self._actor_class = self._ray.remote(_Actor)
        self._pools = Pools(workers)
        self._places: dict[int, _Place] = {}
        self._idle: dict[int, _Place] = {}
        self._queue: dict[Pool, deque[_Task]] = {}
        """Units that wait for a hand that is about to be there."""
        self._starting: Counter[Pool] = Counter()
        self._outcomes: list[tuple[int, Outcome]] = []
        self._late: Counter[str] = Counter()
        """Node -> hands that were not there in time, one after the other."""
        self._up = False
        """Whether any hand ever came up."""
        self._tickets = 0
        self._looked = time.monotonic()
        self._pools.follow(self._cluster.rooms())
        self.where = self._cluster.where
        self.device: Device = self._cluster.device

    # Room

    @property
    def workers(self) -> int:
        return self._pools.workers

    def prepare(self, needs: Iterable[Resources]) -> None:
        self._pools.prepare(needs)
        for pool, most in self._pools.needs.items():
            rooms = self._pools.nodes.values()
            if not any(room.hands(most) for room in rooms):
                raise OcclabelError(
                    f"{_says(most)}, and no node has that ({self.where}; {_largest(rooms)}); {_WAY_OUT}"
                )
            self._queue[pool] = deque()

    def pool(self, needs: Resources) -> Pool:
        return Pool(needs.cpus, needs.gpus if self.device == "cuda" else 0.0)

    def capacity(self, pool: Pool) -> int:
        return self._pools.capacity(pool)

    def has_room(self, pool: Pool) -> bool:
        if self._pools.has_idle(pool):
            return True
        return self._starting[pool] > len(self._queue[pool]) or self._pools.place(pool, time.monotonic()) is not None

    def done_with(self, pool: Pool) -> None:
        for number in self._pools.close(pool):
            self._let_go(number)

    # Work

    def submit(self, unit: Unit, pool: Pool, seconds: float) -> int:
        from ray import cloudpickle

        self._tickets += 1
        task = _Task(self._tickets, cloudpickle.dumps(unit), seconds)
        number = self._pools.take(pool)
        if number is not None:
            self._begin(number, self._idle.pop(number), task)
            return task.ticket
        if self._starting[pool] <= len(self._queue[pool]):
            self._new_hand(pool)
        self._queue[pool].append(task)
        return task.ticket

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        self._follow()
        calls = {place.call: number for number, place in self._places.items()}
        if calls and not self._outcomes:
            patience = min(timeout, _LOOK_EVERY)
            ready, _ = self._ray.wait(list(calls), num_returns=1, timeout=patience)
            if ready:  # whatever else is ready comes along
                ready, _ = self._ray.wait(list(calls), num_returns=len(calls), timeout=0)
            for call in ready:
                self._answered(calls[call], call)
        elif not self._outcomes:
            time.sleep(min(timeout, _LOOK_EVERY))
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self) -> None:
        if not self._cluster.lost:
            for number in [*self._places, *self._idle]:
                self._let_go(number)
        self._cluster.close()

    # Hands

    def _new_hand(self, pool: Pool) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        placement = self._pools.place(pool, time.monotonic())
        if placement is None:  # what was there a moment ago is gone; the unit waits for the next hand
            return
        for number in placement.instead_of:
            self._pools.forget(number)
            self._let_go(number)
        needs = self._pools.needs[pool]
        number = self._pools.new_hand(pool, placement.node)
        actor = self._actor_class.options(
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
            memory=needs.memory,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(placement.node, soft=False),
        ).remote(pool.cpus)
        until = time.monotonic() + _PATIENCE * 2 ** self._late[placement.node]
        self._places[number] = _Place(actor, pool, placement.node, actor.hello.remote(), until)
        self._starting[pool] += 1

    def _begin(self, number: int, place: _Place, task: _Task) -> None:
        place.task = task
        place.call = place.actor.work.remote(task.unit, task.seconds)
        place.until = time.monotonic() + task.seconds + _GRACE
        self._places[number] = place

    def _answered(self, number: int, call: Any) -> None:
        """The hand did what it was asked, or died."""
        try:
            answer = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self._pools.forget(number)
            self._lost(number, error)
            return
        place = self._places.pop(number)
        if place.task is None:
            self._starting[place.pool] -= 1
            self._up = True
            self._late.pop(place.node, None)
        else:
            self._outcomes.append((place.task.ticket, pickle.loads(answer)))
        if self._queue[place.pool]:
            self._begin(number, place, self._queue[place.pool].popleft())
        else:
            self._idle[number] = place
            self._pools.rest(number, time.monotonic())

    def _lost(self, number: int, error: Exception | str) -> None:
        """The hand, which the pools know no more, will never answer: its unit is to be tried elsewhere."""
        place = self._places[number]
        self._let_go(number)
        node = self._cluster.names().get(place.node, place.node)
        why = f"a worker on {node} was lost: {_short(error)}"
        if place.task is not None:
            # The actor's own code failing is no fault of the cluster.
            cause: Cause = "crash" if isinstance(error, self._ray.exceptions.RayTaskError) else "node"
            self._outcomes.append((place.task.ticket, Failure(cause, why)))
            return
        self._late[place.node] += 1
        self._pools.avoided[place.node] = time.monotonic() + 2.0 ** min(8, self._late[place.node])
        if not self._up and all(self._late[node] >= _TRIES for node in self._pools.nodes):
            hint = _NO_TOKEN if "references to the actor" in why else "install the same occlabel on all of its nodes"
            raise OcclabelError(f"no worker comes up ({self.where}): {why}; {hint}")
        while len(self._queue[place.pool]) > self._starting[place.pool]:
            self._outcomes.append((self._queue[place.pool].pop().ticket, Failure("node", why)))

    def _let_go(self, number: int) -> None:
        place = self._idle.pop(number, None)
        if place is None:
            place = self._places.pop(number)
            self._starting[place.pool] -= place.task is None
        self._ray.kill(place.actor)

    # The cluster

    def _follow(self) -> None:
        """Takes note of nodes that came or went, and of hands that are late."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        for number in self._pools.follow(self._cluster.rooms()):
            if number in self._places:
                self._lost(number, "its node is gone")
            else:
                self._let_go(number)
        for number, place in list(self._places.items()):
            if now > place.until:
                self._pools.forget(number)
                self._lost(number, "it did not answer in time" if place.task else "it could not be placed in time")


_NO_TOKEN = "if its nodes ask for no token, this process must not either: unset RAY_AUTH_MODE, in a new process"
_WAY_OUT = "set a smaller clip_frames, window or grid, or give Ray a node with more"


def _says(needs: Resources) -> str:
    gpus = f", {needs.gpus:g} GPUs" if needs.gpus else ""
    return f"a worker for this run needs {needs.cpus} CPUs{gpus} and {needs.memory / 2**30:.1f} GiB of memory"


def _largest(rooms: Iterable[Room]) -> str:
    largest = max(rooms, key=lambda room: (room.gpus, room.memory, room.cpus), default=Room(0, 0, 0))
    return f"the largest has {largest.cpus:g} CPUs, {largest.gpus:g} GPUs, {largest.memory / 2**30:.1f} GiB"


def _short(error: Exception | str) -> str:
    """The line that says why, of what Ray says."""
    text = str(error)
    if "memory" in text and "OutOfMemory" in type(error).__name__ + text:
        return "the node was short of memory, and Ray ended it"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("The actor is dead because")), None)
    return (told or (lines[-1] if lines else type(error).__name__))[:300]
