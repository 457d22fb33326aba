"""What the votes of each frame of a window count: where they lie, how sure the frame is, and what it could see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.geometry import inverse
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Inputs
from occlabel.stages.voting.methods import Ballots
from occlabel.stages.voting.rules import Rules
from occlabel.stages.voting.weighing import weigh
from occlabel.stages.voting.weights import (
    View,
    default_near_box,
    default_reach,
    frame_weights,
    sensor_place,
    soft_shift,
)

if TYPE_CHECKING:
    from occlabel.stages.voting.visibility import Sight


class BallotBox:
    """Makes ballots of the frames of a log; what depends on a rig alone is computed once."""

    def __init__(self, rules: Rules, space: LabelSpace) -> None:
        self._rules = rules
        self._space = space
        self._rigs = _Rigs(rules, space.grid)
        self._movable = movable_ids(space)

    def ballots(self, inputs: Inputs, places: NDArray[np.float64]) -> Ballots:
        """The ballots of all frames of ``inputs``; ``places`` [frame, 3, 4] as in ``Ballots.world_from_voxel``."""
        labels, confidence = inputs[SEMANTICS], inputs[CONFIDENCE]
        which, weights = self._rigs.of(inputs)
        rules = self._rules
        if rules.weigh_confidence or rules.movable_boost > 1 or rules.hidden_divisor > 1:
            rigs, weights = weights, np.empty(labels.shape, np.uint16)
            for row, frame in enumerate(inputs.frames):
                self._weigh(frame, rigs[which[row]], labels[row], confidence[row], weights[row])
            which = np.arange(len(weights))
        taxonomy = self._space.taxonomy
        return Ballots(labels, weights, which, len(taxonomy.classes), taxonomy.free_id, places)

    def _weigh(
        self,
        frame: Moment,
        rig: NDArray[np.uint16],
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8],
        weights: NDArray[np.uint16],
    ) -> None:
        """Writes what the votes of one frame count, from its rig's weights; all [X, Y, Z]."""
        rules = self._rules
        hidden = np.zeros((1, 1, 1), np.bool_)
        if rules.hidden_divisor > 1:
            hidden = self._rigs.sight(frame).hidden(labels, self._space.taxonomy.free_id)
        weigh(
            rig, labels, confidence, self._movable, hidden, soft_shift(rig) if rules.weigh_confidence else -1,
            rules.movable_confidence * 255, rules.movable_boost, rules.hidden_divisor, weights,
        )  # fmt: skip


def movable_ids(space: LabelSpace) -> NDArray[np.bool_]:
    """By class id [256], whether things of the class can move."""
    result = np.zeros(256, bool)
    result[: len(space.taxonomy.classes)] = [entry.movable for entry in space.taxonomy.classes]
    return result


class _Rigs:
    """The weight volumes of the rigs that occur in a log, and the sight from their sensors."""

    def __init__(self, rules: Rules, grid: Grid) -> None:
        self._sensor = rules.sensor
        self._reach = rules.lidar_range or default_reach(grid)
        self._near_box = default_near_box(grid, rules.near_box)
        self._grid = grid
        self._keys: list[bytes] = []
        self._stack: NDArray[np.uint16] = np.empty((0, *grid.shape), np.uint16)
        self._sights: dict[bytes, Sight] = {}

    def of(self, inputs: Inputs) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """The rig of each frame [n], as rows of the weight volumes [rig, X, Y, Z]."""
        wanted = [
            frame_weights(frame, self._views(inputs, row), self._grid, self._sensor, self._reach, self._near_box)
            for row, frame in enumerate(inputs.frames)
        ]
        keys = list(dict.fromkeys(key for key, _ in wanted))
        if not set(keys) <= set(self._keys):
            compute = dict(wanted)
            kept = {key: self._stack[n] for n, key in enumerate(self._keys)}
            self._stack = np.stack([kept[key] if key in kept else compute[key]() for key in keys])
            self._keys = keys
        return np.array([self._keys.index(key) for key, _ in wanted]), self._stack

    def _views(self, inputs: Inputs, row: int) -> list[View]:
        """Of the cameras whose calibration is known in the frame; none unless they count."""
        if self._sensor != "camera":
            return []
        result = []
        for camera in inputs.rig.cameras:
            intrinsics, extrinsics = inputs.intrinsics(row, camera.name), inputs.extrinsics(row, camera.name)
            if intrinsics is not None and extrinsics is not None and camera.size is not None:
                result.append(View(intrinsics, extrinsics, camera.size))
        return result

    def sight(self, frame: Moment) -> Sight:
        """From the LiDAR of ``frame``, or the origin of the grid's frame where it has none."""
        from occlabel.stages.voting.visibility import Sight

        place = sensor_place(frame, inverse(frame.ego_from_grid(self._grid)))
        key = place.tobytes()
        if key not in self._sights:
            self._sights[key] = Sight.of(self._grid, place)
        return self._sights[key]
