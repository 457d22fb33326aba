"""One frame of a version beside the one before it, as measures look at it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labelled_log import LabelledFrame
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.objects import Objects, summarise
from occlabel.schemas.space import LabelSpace


class Look:
    """What was read or made of a frame is kept until the next one has been measured."""

    def __init__(self, frame: LabelledFrame, before: Look | None) -> None:
        self.frame, self.before = frame, before

    @property
    def space(self) -> LabelSpace:
        return self.frame.joined.labels.space

    @property
    def semantics(self) -> NDArray[np.uint8]:
        return self.frame.semantics

    @cached_property
    def occupied(self) -> NDArray[np.bool_]:
        """[x, y, z]: neither free nor unknown."""
        taxonomy = self.space.taxonomy
        return (self.semantics < len(taxonomy.classes)) & (self.semantics != taxonomy.free_id)

    @cached_property
    def objects(self) -> Objects:
        """Only of frames that have instances."""
        assert self.frame.instance is not None  # see Measure.reads
        return summarise(self.frame.instance, self.semantics, self.space.grid)

    @cached_property
    def before_from_now(self) -> Matrix | None:
        """[4, 4] from the grid's frame now to that of before; None for the first frame, and without poses."""
        now, before = self.frame.world_from_grid, None if self.before is None else self.before.frame.world_from_grid
        return None if now is None or before is None else inverse(before) @ now
