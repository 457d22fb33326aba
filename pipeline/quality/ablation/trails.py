"""Trails: where something that moves was in another frame, and is not now.

Ghosts are voxels labelled movable that are free in truth. Trails are those of them where something movable is in
another frame of the window, and nothing movable beside them; the ghosts beside touch something movable in truth: its
surface, drawn a voxel too thick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from occlabel.schemas.arrays import GEOMETRY
from occlabel.schemas.drive_log import DriveLog, VoxelTruth
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Inputs
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.voting.stage import Registration
from occlabel.stages.voting.vote import PollingPlace


def movable_classes(taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """[classes]: which can change place."""
    return np.array([entry.movable for entry in taxonomy.classes])


def inputs_of(log: DriveLog, arrays: Mapping[str, NDArray[np.generic]]) -> Inputs:
    """All frames of ``log`` with labels [frame, X, Y, Z] and its own geometry."""
    geometry = {spec.name: log_array(spec, log.frames, log.rig) for spec in GEOMETRY}
    return Inputs(0, tuple(frame.moment for frame in log.frames), {**arrays, **geometry}, rig=log.rig)


PAPER = {"method": "splat", "sensor": "uniform", "weigh_confidence": False, "movable_boost": 1} | {
    "cleared_confidence": None, "hidden_divisor": 1, "empty_weight": 1.0, "calibration": None,
    "evidence": False,
}  # fmt: skip
"""Options of the vote as OccFiner describes it (section III-C)."""

Masks = dict[int, NDArray[np.bool_]]
"""By target, [X, Y, Z]."""


@dataclass(frozen=True, slots=True)
class FreeNearMovers:
    """Scored voxels that are free in truth."""

    left: Masks
    """Something movable is there in another frame of the window, and none beside them now."""
    beside: Masks
    """Something movable is beside them now."""


def trails(log: DriveLog, truths: list[VoxelTruth], targets: range, space: LabelSpace, hands: Hands) -> FreeNearMovers:
    """Where a trail would lie in the frames ``targets`` of ``log``; ``truths`` has that of every frame."""
    movable = np.zeros(256, bool)
    movable[: len(space.taxonomy.classes)] = movable_classes(space.taxonomy)
    free = np.uint8(space.taxonomy.free_id)
    something = np.uint8(np.flatnonzero(movable)[0])
    labels = np.stack([np.where(movable[truth.semantics], something, free) for truth in truths])
    ever = Registration(**PAPER | {"method": "gather", "empty_weight": 1 / 16})
    inputs = inputs_of(log, {"semantics": labels, "confidence": np.full_like(labels, 255)})
    poll = PollingPlace(ever, space, hands).open(inputs)
    left, beside = {}, {}
    for target in targets:
        touched = poll.on(target)
        # Anything but a unanimous vote for free: confidence is the margin.
        sometimes = (touched["semantics"] != free) | (touched["confidence"] != 255)
        near = binary_dilation(labels[target] != free, np.ones((3, 3, 3)))
        truth = truths[target]
        empty = (truth.semantics == free) & truth.scored
        left[target], beside[target] = sometimes & ~near & empty, near & empty
    return FreeNearMovers(left, beside)
