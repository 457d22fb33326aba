"""Which hands stand on which node: the accounting of the pools, without any Ray in it.

A hand holds the CPUs, GPUs and memory of its pool for as long as it lives, and keeps what it loaded. Hands are made
where and when a unit needs one; an idle one makes room for another pool's when there is none left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from occlabel.schemas.stage import Resources
from occlabel.workers.executor import Pool

KEEP_IDLE = 5.0
"""Seconds for which a hand that has nothing to do keeps its place: its next unit may be about to become ready, and
whoever takes its place must load everything anew."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a node has, or has left. Memory in bytes."""

    cpus: float
    gpus: float
    memory: float

    def less(self, needs: Resources, times: int = 1) -> Room:
        return Room(self.cpus - times * needs.cpus, self.gpus - times * needs.gpus, self.memory - times * needs.memory)

    def more(self, needs: Resources) -> Room:
        return self.less(needs, -1)

    def hands(self, needs: Resources) -> int:
        """How many hands with these needs fit."""
        pairs = ((self.cpus, needs.cpus), (self.gpus, needs.gpus), (self.memory, needs.memory))
        return max(0, min((int(have / need + 1e-9) for have, need in pairs if need), default=0))


@dataclass(frozen=True, slots=True)
class _Seat:
    pool: Pool
    node: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a new hand goes, and which idle hands must be let go for it first."""

    node: str
    instead_of: tuple[int, ...] = ()


@dataclass
class Pools:
    """The hands of all pools, by number. ``most`` bounds how many there are at once."""

    most: int | None = None
    nodes: dict[str, Room] = field(default_factory=dict)
    needs: dict[Pool, Resources] = field(default_factory=dict)
    """Of the pools that still have work."""
    avoided: dict[str, float] = field(default_factory=dict)
    """Node -> until when no hand is to be placed there."""
    _seats: dict[int, _Seat] = field(default_factory=dict)
    _resting: dict[int, float] = field(default_factory=dict)
    """Idle hand -> since when."""
    _free: dict[str, Room] = field(default_factory=dict)
    _hands: int = 0

    def prepare(self, needs: Iterable[Resources]) -> None:
        """Opens the pools for these needs; a pool's memory is the most that any of its units needs."""
        has_gpus = any(room.gpus for room in self.nodes.values())
        for need in needs:
            pool = Pool(need.cpus, need.gpus if has_gpus else 0.0)
            most = max(need.memory, self.needs[pool].memory if pool in self.needs else 0)
            self.needs[pool] = Resources(pool.cpus, pool.gpus, most)

    def follow(self, nodes: Mapping[str, Room]) -> list[int]:
        """Takes note of the nodes that are there now. Returns the hands whose node is gone; they are forgotten."""
        lost = [hand for hand, seat in self._seats.items() if seat.node not in nodes]
        self.nodes = dict(nodes)
        for hand in lost:
            del self._seats[hand]
            self._resting.pop(hand, None)
        self._free = dict(nodes)
        for seat in self._seats.values():
            self._free[seat.node] = self._free[seat.node].less(self._held(seat.pool))
        return lost

    # Hands

    def new_hand(self, pool: Pool, node: str) -> int:
        """A hand on ``node`` that is about to work."""
        self._hands += 1
        self._seats[self._hands] = _Seat(pool, node)
        self._free[node] = self._free[node].less(self._held(pool))
        return self._hands

    def forget(self, hand: int) -> None:
        seat = self._seats.pop(hand)
        self._resting.pop(hand, None)
        self._free[seat.node] = self._free[seat.node].more(self._held(seat.pool))

    def rest(self, hand: int, now: float) -> None:
        """The hand has nothing to do."""
        self._resting[hand] = now

    def take(self, pool: Pool) -> int | None:
        """An idle hand of the pool that is about to work, the one that worked last."""
        idle = [(since, hand) for hand, since in self._resting.items() if self._seats[hand].pool == pool]
        if not idle:
            return None
        hand = max(idle)[1]
        del self._resting[hand]
        return hand

    def close(self, pool: Pool) -> list[int]:
        """The pool has no work any more. Returns its hands, to be let go; they are forgotten."""
        hands = [hand for hand, seat in self._seats.items() if seat.pool == pool]
        for hand in hands:
            self.forget(hand)
        self.needs.pop(pool, None)
        return hands

    # Room

    def has_idle(self, pool: Pool) -> bool:
        return any(self._seats[hand].pool == pool for hand in self._resting)

    def place(self, pool: Pool, now: float) -> Placement | None:
        """Where a new hand of the pool can go, None when there is no room.

        A pool without GPUs leaves those CPUs alone that the GPUs will need, and goes to nodes without GPUs first.
        """
        needs = self.needs[pool]
        nodes = [node for node in self.nodes if self.avoided.get(node, 0.0) <= now]
        full = self.most is not None and len(self._seats) >= self.most
        fitting = [node for node in nodes if self._open(node, pool).hands(needs)]
        if fitting and not full:
            wanted = min(fitting, key=lambda node: (self.nodes[node].gpus > needs.gpus, -self._free[node].cpus, node))
            return Placement(wanted)
        swaps = [swap for node in nodes if (swap := self._swap(node, pool, now, full)) is not None]
        return min(swaps, key=lambda swap: len(swap.instead_of), default=None)

    def capacity(self, pool: Pool) -> int:
        """How many hands the pool can have when no other pool without GPUs has any."""
        needs = self.needs.get(pool)
        if needs is None:
            return 0
        hands = sum(room.less(self._reserve(room, pool)).hands(needs) for room in self.nodes.values())
        return hands if self.most is None else min(hands, self.most)

    @property
    def workers(self) -> int:
        """How many hands there can be at once."""
        with_gpus = sum(self.capacity(pool) for pool in self.needs if pool.gpus)
        without = max((self.capacity(pool) for pool in self.needs if not pool.gpus), default=0)
        return with_gpus + without if self.most is None else min(with_gpus + without, self.most)

    def _held(self, pool: Pool) -> Resources:
        """What a hand of the pool holds."""
        return self.needs[pool]

    def _open(self, node: str, pool: Pool) -> Room:
        """What of a node a new hand of the pool may take."""
        return self._free[node].less(self._reserve(self._free[node], pool))

    def _reserve(self, room: Room, pool: Pool) -> Resources:
        """What of ``room`` is kept from ``pool`` for hands with GPUs: what all the GPUs in it take, but not where no
        hand of the pool would be left room on any node."""
        if pool.gpus:
            return Resources(0, 0.0, 0)
        return self._for_gpus(room) if self._leaves_room(pool) else Resources(0, 0.0, 0)

    def _for_gpus(self, room: Room) -> Resources:
        """The CPUs and memory that hands with GPUs still take of ``room``."""
        wanted = [(room.hands(needs), needs) for pool, needs in self.needs.items() if pool.gpus]
        return Resources(
            max((hands * needs.cpus for hands, needs in wanted), default=0),
            0.0,
            max((hands * needs.memory for hands, needs in wanted), default=0),
        )

    def _leaves_room(self, pool: Pool) -> bool:
        needs = self.needs[pool]
        return any(room.less(self._for_gpus(room)).hands(needs) for room in self.nodes.values())

    def _swap(self, node: str, pool: Pool, now: float, full: bool) -> Placement | None:
        """A new hand on ``node`` in the place of idle ones of other pools, those that idle for longest first."""
        needs, gone = self.needs[pool], []
        room = self._open(node, pool)
        for since, hand in sorted((since, hand) for hand, since in self._resting.items()):
            seat = self._seats[hand]
            if seat.pool == pool or now - since < KEEP_IDLE or (seat.node != node and not full):
                continue
            if seat.node == node:
                room = room.more(self._held(seat.pool))
            gone.append(hand)
            if room.hands(needs):
                return Placement(node, tuple(gone))
        return None
