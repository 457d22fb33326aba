"""Labels that a recipe made, as what is learned from: each voxel as much as it is sure, the unsure not at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS, least_confidence
from occlabel.schemas.drive_log import DriveLog, Frame
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.teacher import Ask, Lesson


@dataclass(frozen=True)
class LabelTeacher:
    """Teaches a published version of labels. UNKNOWN, and what is less confident than ``sure``, is not taught."""

    version: PublishedVersion
    space: LabelSpace
    sure: float
    """0..1"""
    what: str = "confident labels"
    weighs: bool = True
    believed: bool = True

    def __post_init__(self) -> None:
        """Raises BadRecipe when the labels lie on another grid, in other classes, or do not say how sure they are."""
        own, needed = self.version.space, self.space
        if own.grid != needed.grid or own.taxonomy.names != needed.taxonomy.names:
            raise BadRecipe(f"the labels {self.version.spec} are not of the grid and classes of the recipe; label anew")
        if lacking := [a.name for a in (SEMANTICS, CONFIDENCE) if a.name not in self.version.info.arrays]:
            raise BadRecipe(f"the labels {self.version.spec} have no {' and no '.join(lacking)}: nothing to learn from")

    def lessons(self, log: DriveLog) -> list[tuple[Frame, Ask]]:
        if log.id not in self.version.logs:
            return []
        rows = {row.name: row for row in self.version.frames(log.id)}
        frames = [frame for frame in log.frames if frame.sweep is not None and frame.name in rows]
        return [(frame, partial(self._lesson, rows[frame.name])) for frame in frames]

    def _lesson(self, labelled: PublishedFrame) -> Lesson:
        semantics, confidence = labelled[SEMANTICS], labelled[CONFIDENCE]
        unsure = confidence < max(least_confidence(self.sure), 1)
        return Lesson(np.where(unsure, np.uint8(UNKNOWN), semantics), confidence)
