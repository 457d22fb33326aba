"""The benchmarks whose rules are known: how they count, and which classes and voxels they count in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labels import Format
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation import occ3d, panoptic_rules, semantickitti
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.scores import Scores
from occlabel.stages.ingest.voxel_truth import truth_space


@dataclass(frozen=True)
class Benchmark:
    """The rules of one benchmark."""

    format: Format
    score: Callable[[NDArray[np.int64], Taxonomy], Scores]
    point_rules: Rules
    """Of panoptic quality at LiDAR points; its classes have the ids of the taxonomy, and 0 is what it ignores."""
    rays: bool
    """Whether labels are also scored by rays (RayIoU, RayPQ)."""
    lstq: bool
    """Whether objects at points are also scored by LSTQ."""

    @property
    def space(self) -> LabelSpace:
        return truth_space(self.format)

    @property
    def grid(self) -> Grid:
        return self.space.grid

    @property
    def taxonomy(self) -> Taxonomy:
        return self.space.taxonomy


BENCHMARKS: dict[Format, Benchmark] = {
    "semantickitti": Benchmark("semantickitti", semantickitti.score, panoptic_rules.semantickitti(), False, True),
    "occ3d": Benchmark("occ3d", occ3d.score, panoptic_rules.nuscenes(), True, False),
}


def rules_of(taxonomy: Taxonomy) -> Format | None:
    """The benchmark whose classes these are; None where they are others."""
    return next((format for format, one in BENCHMARKS.items() if one.taxonomy.names == taxonomy.names), None)
