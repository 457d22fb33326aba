"""Objects that touch: where they do, how well each way to part them does there, and what labels allow at best.

Objects touch where their voxels are of one class and one component of the truth, as cars in a parked row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from occlabel.pipeline.published.labelled_log import drive_log
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.errors import BadLog, BadPredictions
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.panoptic import PanopticCounts, Quality
from occlabel.stages.evaluation.panoptic_rules import voxels
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.ingest.truth import TruthSource
from occlabel.stages.instances.components import connected_components
from occlabel.stages.instances.slot import thing_table

NEAR = 1.2
"""Metres around an object that touches another."""


@dataclass
class ScoredFrame:
    """One frame that is scored."""

    labels: NDArray[np.uint8]
    """[X, Y, Z]."""
    true: Labels
    scored: NDArray[np.bool_]
    touching: NDArray[np.bool_]
    """Where objects touch."""


def scored_frames(version: PublishedVersion, truth: TruthSource, every: int) -> Iterator[ScoredFrame]:
    """One in ``every`` frames of each log that have labels, truth and a pose.

    Raises BadPredictions for truth over other voxels or in other classes than the labels, BadLog for a log without
    boxes, DamagedFile for truth that cannot be read.
    """
    if _voxels_and_classes(version.space) != _voxels_and_classes(truth.space):
        raise BadPredictions(
            f"version {version.name} and the truth differ in voxels or classes; objects are compared voxel by voxel, "
            "so label the logs of this truth in its own space"
        )
    for log_id in version.logs:
        log = drive_log(truth.reader, log_id)
        if log is None or not any(frame.truth.boxes for frame in log.frames):
            raise BadLog(f"log {log_id} has no boxes beside its truth, and so nobody says whose voxels are whose")
        objects = TrueObjects(log, version.space.grid, version.space.taxonomy)
        labelled = {frame.name: frame for frame in version.frames(log_id)}
        names = objects.in_time(name for name in truth.frames(log_id) if name in labelled)
        for name in names[every // 2 :: every]:
            true = truth.voxels(log_id, name)
            owners = objects.instances(name, true.semantics)
            near = places_of_touching(true.semantics, owners, version.space)
            yield ScoredFrame(labelled[name][SEMANTICS], Labels(true.semantics, owners), true.scored, near)


def _voxels_and_classes(space: LabelSpace) -> tuple[object, ...]:
    """What must be equal; the origin may differ by a part of a voxel, as between releases of SemanticKITTI."""
    return space.grid.shape, space.grid.voxel_size, space.grid.frame, space.taxonomy.names


def places_of_touching(semantics: NDArray[np.uint8], owners: NDArray[np.int64], space: LabelSpace) -> NDArray[np.bool_]:
    """Voxels up to NEAR metres from an object that touches another of its class."""
    whole = connected_components(semantics, thing_table(space), space.grid.voxel_size)
    pairs = np.unique(np.stack([whole[owners > 0], owners[owners > 0]], axis=1), axis=0)
    crowded = np.bincount(pairs[:, 0]) > 1
    rows = np.isin(owners, np.unique(pairs[crowded[pairs[:, 0]], 1])) & (owners > 0)
    return binary_dilation(rows, np.ones((3, 3, 3)), iterations=round(NEAR / space.grid.voxel_size))


def nearest_true(frame: ScoredFrame, space: LabelSpace) -> NDArray[np.uint32]:
    """Each thing voxel's nearest true object of its class, up to NEAR metres away; ids uint32 [X, Y, Z]."""
    nearest = np.zeros(frame.labels.shape, np.uint32)
    for name in np.flatnonzero(thing_table(space)):
        owners = np.where(frame.true.semantics == name, frame.true.instance, 0)
        if owners.any():
            distance, where = distance_transform_edt(owners == 0, space.grid.voxel_size, return_indices=True)
            claimed = (frame.labels == name) & (distance <= NEAR)
            nearest[claimed] = owners[tuple(where[:, claimed])]
    return nearest


class Table:
    """Counts of each way to find instances: over all voxels, where objects touch, and elsewhere."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._rules, self._classes = voxels(taxonomy), len(taxonomy.classes)
        self.rows: dict[str, tuple[PanopticCounts, ...]] = {}

    def add(self, name: str, frame: ScoredFrame, instance: NDArray[np.uint32]) -> None:
        counts = self.rows.setdefault(name, tuple(PanopticCounts(self._rules, self._classes) for _ in range(3)))
        found = Labels(frame.labels, instance.astype(np.int64))
        places = (frame.scored, frame.scored & frame.touching, frame.scored & ~frame.touching)
        for count, scored in zip(counts, places, strict=True):
            count.add(found, frame.true, scored)

    def quality(self, name: str) -> list[Quality]:
        return [count.scores().things for count in self.rows[name]]
