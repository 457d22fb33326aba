"""The vote in a grid of the world that rolls along: the newest frame is added, the oldest removed, the target read off.

A frame then costs the same whatever the radius. The price is a second rounding: votes are cast in cells aligned with
the world, and a target's cell reads the world cell that its centre lies in. On surfaces one voxel thick that costs
several points of mean IoU against ``gather`` (docs/results/chain.md), so it is for passes over whole logs that must be
quick.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadRecipe
from occlabel.stages.voting.gather import Gather, voxel_from_cell
from occlabel.stages.voting.methods import Ballots, Outcome, Voters, on_threads, refuse_overflow
from occlabel.stages.voting.world_votes import cast, read_off

_MOST_CELLS = 1 << 27
"""World cells of the frames at hand, at most: their sums fill 1.3 GB."""


class Rolling:
    """Votes of the ballots' frames, which must say where they are in the world, on any frame's own grid.

    Raises BadRecipe when the frames at hand spread over more of the world than fits in memory.
    """

    def __init__(self, ballots: Ballots, threads: int = 1) -> None:
        places = ballots.world_from_voxel
        if places is None:
            raise BadRecipe("voting.method rolling needs the frames' places in the world; use gather")
        self._ballots = ballots
        self._threads = threads
        self._gather = Gather(ballots, threads)
        self._located = np.isfinite(places).all(axis=(1, 2))
        located = places[self._located] if self._located.any() else np.zeros((1, 3, 4))
        low, high = _reach(located, ballots.labels.shape[1:])
        shape = tuple((high - low).tolist())
        if np.prod(shape, dtype=np.int64) > _MOST_CELLS:
            raise BadRecipe(
                f"{len(places)} frames spread over {' x '.join(map(str, shape))} voxels of the world, more than "
                "voting.method rolling can hold; use gather, or a smaller clip_frames or radius"
            )
        self._world, self._corner = places, low
        self._totals = np.zeros(shape, np.int32)
        self._covered = np.zeros(shape, np.uint16)
        self._slots = np.full(shape, -1, np.int32)
        # Room for every cell of a thread's rows; the system backs it with memory where cells get votes.
        room = -(-shape[0] // self._threads) * shape[1] * shape[2]
        self._votes = np.zeros((self._threads, room, ballots.classes + 1), np.int32)
        self._summaries = np.zeros((self._threads, room, 4), np.int32)
        self._tops = np.zeros(self._threads, np.int64)
        self._present: Counter[int] = Counter()
        self._multipliers = np.zeros(ballots.classes + 1, np.int32)

    def prepare(self, frame: int) -> None:
        """Lists what a frame names besides free, as ``Gather.prepare``."""
        self._gather.prepare(frame)

    def add(self, frame: int) -> None:
        self._cast(frame, 1)

    def remove(self, frame: int) -> None:
        self._cast(frame, -1)

    def vote(self, voters: Voters, shape: tuple[int, int, int]) -> Outcome:
        """As ``Method.vote``; frames other than the target must weigh classes alike."""
        refuse_overflow(self._ballots, voters)
        frames = voters.frames.tolist()
        if not self._located[frames].all():
            return self._gather.vote(voters, shape)  # a frame without a place in the world votes on itself alone
        own = frames.index(voters.target)
        others = np.delete(voters.multipliers, own, axis=0)
        base = np.zeros(self._ballots.classes + 1, np.int32)
        base[:-1] = others[0] if len(others) else voters.multipliers[own]
        if (others != base[:-1]).any():
            raise BadRecipe("voting.method rolling weighs the classes of all frames but the target alike; use gather")
        self._roll_to(frames, base)
        extra = np.zeros_like(base)
        extra[:-1] = voters.multipliers[own] - base[:-1]
        return self._read(voters.target, extra, voters.solid_in(shape))

    def _roll_to(self, frames: list[int], multipliers: NDArray[np.int32]) -> None:
        """Makes the grid hold the votes of ``frames``."""
        if (multipliers != self._multipliers).any():
            for frame in list(self._present.elements()):
                self.remove(frame)
            self._multipliers = multipliers
        wanted = Counter(frames)
        for frame in (self._present - wanted).elements():
            self.remove(frame)
        for frame in (wanted - self._present).elements():
            self.add(frame)

    def _cast(self, frame: int, sign: int) -> None:
        starts, entries = self._gather.columns(frame)
        world = self._world[frame]
        low, high = _reach(world[None], self._ballots.labels.shape[1:])
        low, high = low - self._corner, high - self._corner
        area = np.array([low[0], high[0], low[1], high[1]])
        on_threads(
            cast, self._threads, starts, entries, self._gather.weights(frame), self._multipliers, self._ballots.free_id,
            voxel_from_cell(world[None])[0], self._corner, area, sign,
            self._totals, self._covered, self._slots, self._votes, self._summaries, self._tops,
        )  # fmt: skip
        self._present[frame] += sign
        if not self._present[frame]:
            del self._present[frame]

    def _read(self, target: int, extra: NDArray[np.int32], solid: NDArray[np.bool_]) -> Outcome:
        shape = solid.shape
        outcome = Outcome(np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint16))
        starts, entries = self._gather.columns(target)
        on_threads(
            read_off, self._threads, self._world[target], self._corner, starts, entries, self._gather.weights(target),
            extra, self._ballots.free_id, solid, self._totals, self._covered, self._slots, self._votes, self._summaries,
            outcome.winner, outcome.margin, outcome.support,
        )  # fmt: skip
        return outcome


def _reach(places: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one-past-last world cell [3] that voxels of grids of ``shape`` at ``places`` [n, 3, 4] touch."""
    corners = np.array(np.meshgrid(*[(-1.0, size) for size in shape], indexing="ij")).reshape(3, 8)
    reached = places[:, :, :3] @ corners + places[:, :, 3:]
    low, high = np.floor(reached.min(axis=(0, 2))), np.floor(reached.max(axis=(0, 2)))
    return low.astype(np.int64) - 1, high.astype(np.int64) + 2
