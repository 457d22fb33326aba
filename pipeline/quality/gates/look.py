"""One frame of a version beside the one before it, as measures look at it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.version import PublishedFrame
from occlabel.schemas.arrays import INSTANCE, SEMANTICS, ArraySpec
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.objects import Objects, summarise
from occlabel.schemas.space import LabelSpace

T = TypeVar("T", bound=np.generic)


class Look:
    """What was read or made of a frame is kept until the next one has been measured."""

    def __init__(self, frame: PublishedFrame, space: LabelSpace, before: Look | None) -> None:
        self.frame, self.space, self.before = frame, space, before
        self._read: dict[str, NDArray[Any]] = {}

    def __getitem__(self, spec: ArraySpec[T]) -> NDArray[T]:
        """The frame's values of an array, read once. Raises StoreError as ``PublishedFrame`` does."""
        if spec.name not in self._read:
            self._read[spec.name] = self.frame[spec]
        return cast("NDArray[T]", self._read[spec.name])

    @cached_property
    def occupied(self) -> NDArray[np.bool_]:
        """[x, y, z]: neither free nor unknown."""
        taxonomy = self.space.taxonomy
        return (self[SEMANTICS] < len(taxonomy.classes)) & (self[SEMANTICS] != taxonomy.free_id)

    @cached_property
    def objects(self) -> Objects:
        return summarise(self[INSTANCE], self[SEMANTICS], self.space.grid)

    @cached_property
    def before_from_now(self) -> Matrix | None:
        """[4, 4] from the grid's frame now to that of before; None for the first frame, and without poses."""
        now, before = self.frame.world_from_grid, None if self.before is None else self.before.frame.world_from_grid
        return None if now is None or before is None else inverse(before) @ now
