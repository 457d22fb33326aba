"""The poll on the frames of a log: which frames vote on a target, what their votes count, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import (
    CONFIDENCE,
    HIT,
    MARGIN_STEP,
    MARGIN_STEPS,
    OBSERVED,
    SEMANTICS,
    SUPPORT,
    SURENESS,
)
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Hands, Inputs
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.ballots import BallotBox, movable_ids
from occlabel.stages.voting.calibration import load
from occlabel.stages.voting.methods import ONE, Ballots, Method, Outcome, Voters, cell_from_voxel
from occlabel.stages.voting.rules import Rules
from occlabel.stages.voting.window import sources
from occlabel.stages.voting.witnesses import Witnesses, around, fused


class PollingPlace:
    """What polls with the same rules share; prepared once per worker."""

    def __init__(self, rules: Rules, space: LabelSpace, hands: Hands) -> None:
        self.rules = rules
        self.space = space
        self.box = BallotBox(rules, space)
        self.method = _method(rules.method, hands)
        self.calibration = None if rules.calibration is None else load(rules.calibration, space)
        self.movable = movable_ids(space)
        self.threads = hands.threads

    def open(self, inputs: Inputs) -> Poll:
        """The poll on the frames of ``inputs``, of which all may vote."""
        return Poll(self, inputs)


class Poll:
    """The frames of a window, ready to vote on each other. Raises BadLog for a pose that is not rigid."""

    def __init__(self, place: PollingPlace, inputs: Inputs) -> None:
        grid = place.space.grid
        self._place = place
        self._inputs = inputs
        self._poses = [inputs.world_from_grid(row, grid) for row in range(len(inputs.frames))]
        self._count = place.method(place.box.ballots(inputs, _places(self._poses, grid)))
        self._witnesses: Witnesses | None = None
        if place.rules.evidence:
            self._witnesses = Witnesses(inputs[OBSERVED], inputs[SEMANTICS], place.movable, place.threads)

    def on(self, target: int) -> Arrays:
        """What the stage writes, [X, Y, Z] each, of the frame in row ``target`` of the inputs."""
        shape, voters = self._place.space.grid.shape, self._voters(target)
        if self._witnesses is None:
            outcome = self._count.vote(voters, shape)
            self._clear(outcome, target)
            return {**self._labels(outcome, outcome.support > 0), SUPPORT.name: outcome.support}
        told = self._witnesses.hear(voters, shape)
        outcome = self._count.vote(replace(voters, solid=told.solid), shape)
        self._clear(outcome, target, told.solid)
        self._name(outcome, target)
        known = (outcome.support > 0) & (outcome.winner != UNKNOWN)
        if self._place.rules.observed_only:
            known &= told.seen > 0
        seen, sure = fused(told, outcome.winner, self._place.movable), self._sureness(outcome, target)
        labels = self._labels(outcome, known, seen, sure)
        return {**labels, SUPPORT.name: told.seen, OBSERVED.name: seen, SURENESS.name: sure}

    def _labels(
        self,
        outcome: Outcome,
        known: NDArray[np.bool_],
        seen: NDArray[np.uint8] | None = None,
        sure: NDArray[np.uint32] | None = None,
    ) -> Arrays:
        """Semantics and confidence, where ``known``; ``seen`` is ``OBSERVED``, ``sure`` ``SURENESS`` of it."""
        calibration, confidence = self._place.calibration, outcome.margin
        if calibration is not None:
            doubt = 0.0 if sure is None or not self._place.rules.log_shift else calibration.doubt(sure)
            confidence = calibration.confidence(outcome.winner, outcome.margin, seen, doubt)
        return {
            SEMANTICS.name: np.where(known, outcome.winner, np.uint8(UNKNOWN)),
            CONFIDENCE.name: np.where(known, confidence, np.uint8(0)),
        }

    def _sureness(self, outcome: Outcome, target: int) -> NDArray[np.uint32]:
        """``SURENESS`` [2, step] of the frame; hits that it has no label for itself do not count."""
        taxonomy, hit = self._place.space.taxonomy, np.flatnonzero(self._inputs[OBSERVED][target].ravel() == HIT)
        winner, own = outcome.winner.ravel()[hit], self._inputs[SEMANTICS][target].ravel()[hit]
        hit = hit[(winner != taxonomy.free_id) & (winner != UNKNOWN) & (own != UNKNOWN)]
        step = outcome.margin.ravel()[hit] // MARGIN_STEP
        own_sure = self._inputs[CONFIDENCE][target].ravel()[hit]
        sums = np.bincount(step, own_sure, MARGIN_STEPS)  # of integers far below 2 ** 53: exact
        return np.stack([np.bincount(step, minlength=MARGIN_STEPS), sums]).astype(np.uint32)

    def _voters(self, target: int) -> Voters:
        rules, grid, taxonomy = self._place.rules, self._place.space.grid, self._place.space.taxonomy
        voting = sources(target, self._poses, grid, rules.radius, rules.stride, rules.min_overlap)
        frames = np.array([frame for frame, _ in voting])
        matrices = [
            cell_from_voxel(target_from_source, grid.origin, grid.voxel_size, grid.origin, grid.voxel_size)
            for _, target_from_source in voting
        ]
        classes = len(taxonomy.classes)
        multipliers = np.full((len(frames), classes), ONE, np.int32)
        multipliers[:, taxonomy.free_id] = round(rules.empty_weight * ONE)
        movable = self._place.movable[:classes]
        multipliers[frames == target] *= np.where(movable, rules.movable_boost, rules.own_boost)
        return Voters(frames, np.stack(matrices), multipliers, target)

    def _clear(self, outcome: Outcome, target: int, solid: NDArray[np.bool_] | None = None) -> None:
        """Takes movable labels, in place, from voxels in which the frame itself is sure of something else, but of what
        is ``solid`` nobody can be sure that it is free."""
        least, movable = self._place.rules.cleared_confidence, self._place.movable
        if least is None:
            return
        own, sure = self._inputs[SEMANTICS][target], self._inputs[CONFIDENCE][target]
        other = ~movable[own] & (own < len(self._place.space.taxonomy.classes))
        left = movable[outcome.winner] & other & (sure >= least * 255)
        if solid is not None:
            left &= ~solid | (own != self._place.space.taxonomy.free_id)
        outcome.winner[left] = own[left]
        outcome.margin[left] = sure[left]

    def _name(self, outcome: Outcome, target: int) -> None:
        """Names, in place, what is solid and got no vote that says what it is: as the frame itself does, else as most
        of what lies around it, since a surface is more often misplaced by a voxel than missed. The margin stays 0."""
        nameless = np.flatnonzero(outcome.winner == UNKNOWN)
        if not len(nameless):
            return
        taxonomy, cells = self._place.space.taxonomy, np.unravel_index(nameless, outcome.winner.shape)
        own = self._inputs[SEMANTICS][target][cells]
        known = (own < len(taxonomy.classes)) & (own != taxonomy.free_id)
        outcome.winner[cells] = np.where(known, own, around(outcome.winner, np.stack(cells, axis=1), taxonomy.free_id))


def _method(name: str, hands: Hands) -> Callable[[Ballots], Method]:
    if name == "splat":
        from occlabel.stages.voting.splat import Splat

        return partial(Splat, threads=hands.threads)
    if name == "rolling":
        from occlabel.stages.voting.rolling import Rolling

        return partial(Rolling, threads=hands.threads)
    if hands.device != "cpu":
        from occlabel.stages.voting.gather_torch import GatherTorch

        return partial(GatherTorch, device=hands.device)
    from occlabel.stages.voting.gather import Gather

    return partial(Gather, threads=hands.threads)


def _places(poses: Sequence[Matrix | None], grid: Grid) -> NDArray[np.float64]:
    """``Ballots.world_from_voxel`` of frames with these world_from_grid poses."""
    size, nowhere = grid.voxel_size, np.full((3, 4), np.nan)
    return np.stack([nowhere if p is None else cell_from_voxel(p, grid.origin, size, 0.0, size) for p in poses])
