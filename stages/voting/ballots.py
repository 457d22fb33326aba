"""What the votes of each frame of a window count: where they lie, how sure the frame is, and what it could see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.drive_log import Frame
from schemas.geometry import inverse
from schemas.grid import Grid
from schemas.stage import Inputs, LabelSpace
from stages.voting.vote import Ballots
from stages.voting.weights import Box, SensorModel, frame_weights, sensor_place, soft_weights, weaken

if TYPE_CHECKING:
    from stages.voting.visibility import Sight


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of the voting stage that decide what a vote counts."""

    sensor: SensorModel
    reach: float
    near_box: Box
    weigh_confidence: bool
    movable_boost: int
    movable_confidence: float
    hidden_divisor: int

    @property
    def by_frame(self) -> bool:
        """Whether weights depend on a frame's labels, not on its rig alone."""
        return self.weigh_confidence or self.movable_boost > 1 or self.hidden_divisor > 1


class BallotBox:
    """Makes ballots of the frames of a log; what depends on a rig alone is computed once."""

    def __init__(self, rules: Rules, space: LabelSpace) -> None:
        self._rules = rules
        self._space = space
        self._rigs = _Rigs(rules, space.grid)
        self._movable = movable_ids(space)

    def ballots(self, inputs: Inputs, places: NDArray[np.float64]) -> Ballots:
        """The ballots of all frames of ``inputs``; ``places`` [frame, 3, 4] as in ``Ballots.world_from_voxel``."""
        labels = inputs.arrays["semantics"].astype(np.uint8, copy=False)
        confidence = inputs.arrays["confidence"].astype(np.uint8, copy=False)
        which, weights = self._rigs.of(inputs.frames)
        if self._rules.by_frame:
            frames = zip(inputs.frames, which, labels, confidence, strict=True)
            weights = np.stack([self._weights(f, weights[n], label, sure) for f, n, label, sure in frames])
            which = np.arange(len(weights))
        taxonomy = self._space.taxonomy
        return Ballots(labels, weights, which, len(taxonomy.classes), taxonomy.free_id, places)

    def _weights(
        self, frame: Frame, rig: NDArray[np.uint16], labels: NDArray[np.uint8], confidence: NDArray[np.uint8]
    ) -> NDArray[np.uint16]:
        """What the votes of one frame count, from its rig's weights; all [X, Y, Z]."""
        rules = self._rules
        weights = soft_weights(rig, confidence) if rules.weigh_confidence else rig.copy()
        if rules.movable_boost > 1:
            unsure = confidence < rules.movable_confidence * 255
            weaken(weights, self._movable[labels] & unsure, rules.movable_boost)
        if rules.hidden_divisor > 1:
            hidden = self._rigs.sight(frame).hidden(labels, self._space.taxonomy.free_id)
            weaken(weights, hidden, rules.hidden_divisor)
        return weights


def movable_ids(space: LabelSpace) -> NDArray[np.bool_]:
    """By class id [256], whether things of the class can move."""
    result = np.zeros(256, bool)
    result[: len(space.taxonomy.classes)] = [entry.movable for entry in space.taxonomy.classes]
    return result


class _Rigs:
    """The weight volumes of the rigs that occur in a log, and the sight from their sensors."""

    def __init__(self, rules: Rules, grid: Grid) -> None:
        self._rules = rules
        self._grid = grid
        self._keys: list[bytes] = []
        self._stack: NDArray[np.uint16] = np.empty((0, *grid.shape), np.uint16)
        self._sights: dict[bytes, Sight] = {}

    def of(self, frames: Sequence[Frame]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """The rig of each frame [n], as rows of the weight volumes [rig, X, Y, Z]."""
        rules = self._rules
        wanted = [frame_weights(frame, self._grid, rules.sensor, rules.reach, rules.near_box) for frame in frames]
        keys = list(dict.fromkeys(key for key, _ in wanted))
        if not set(keys) <= set(self._keys):
            compute = dict(wanted)
            kept = {key: self._stack[n] for n, key in enumerate(self._keys)}
            self._stack = np.stack([kept[key] if key in kept else compute[key]() for key in keys])
            self._keys = keys
        return np.array([self._keys.index(key) for key, _ in wanted]), self._stack

    def sight(self, frame: Frame) -> Sight:
        """From the LiDAR of ``frame``, or the origin of the grid's frame where it has none."""
        from stages.voting.visibility import Sight

        place = sensor_place(frame, inverse(frame.ego_from_grid(self._grid)))
        key = place.tobytes()
        if key not in self._sights:
            self._sights[key] = Sight.of(self._grid, place)
        return self._sights[key]
