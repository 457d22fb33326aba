"""Images with exact depth and segments, as the simulator writes them: what the network learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.npz import array_names, read_integers
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.priors.depth.stored import read_depth
from occlabel.stages.priors.glance.labels import LABELS, SKY
from occlabel.stages.priors.segments.class_tables import class_table

NOT_LEARNED = -1


class Shown(NamedTuple):
    """A picture that was read."""

    image: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    depth: NDArray[np.float32]
    """[h, w] metres, NaN where there is none."""
    classes: NDArray[np.int64]
    """[h, w] rows of ``Meanings.table``, or NOT_LEARNED."""
    intrinsics: Matrix


class Meanings:
    """Which labels are right where the truth of a taxonomy names a class, none, or sees the sky."""

    def __init__(self, taxonomies: Sequence[Taxonomy]) -> None:
        """Raises BadRecipe for a taxonomy that has no class table from the labels."""
        self._first: dict[str, int] = {}
        self.scored: list[range] = []
        """Of each taxonomy the rows of its classes."""
        parts: list[NDArray[np.bool_]] = []
        for taxonomy in {one.name: one for one in taxonomies}.values():
            ids = np.array(class_table("glance", taxonomy).class_ids(dict(enumerate(LABELS)), taxonomy))
            rows = np.zeros((len(taxonomy.classes) + 2, len(LABELS)), bool)
            for class_id in range(len(taxonomy.classes)):
                rows[class_id] = ids == class_id
            rows[-2] = (ids == UNKNOWN) & (np.arange(len(LABELS)) != SKY)
            rows[-1, SKY] = True
            self._first[taxonomy.name] = sum(map(len, parts))
            self.scored.append(range(self._first[taxonomy.name], self._first[taxonomy.name] + len(rows) - 2))
            parts.append(rows)
        self.table = np.concatenate(parts)
        """bool [rows, LABELS]."""

    def rows(self, classes: NDArray[np.uint8], depth: NDArray[np.float32], taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Rows of the table for ``classes`` of the taxonomy, UNKNOWN for none; NOT_LEARNED where no label is right.

        What has neither a class nor depth is sky."""
        none = np.where(np.isnan(depth), len(taxonomy.classes) + 1, len(taxonomy.classes))
        rows = self._first[taxonomy.name] + np.where(classes == UNKNOWN, none, classes).astype(np.int64)
        return np.where(self.table.any(axis=1)[rows], rows, NOT_LEARNED)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a log, its calibration, and the files of what is true of it."""

    image: Callable[[], NDArray[np.uint8]]
    intrinsics: Matrix
    depth: Path
    segments: Path
    taxonomy: Taxonomy

    def read(self, meanings: Meanings) -> Shown:
        """Raises DamagedFile."""
        image = self.image()
        size = (image.shape[1], image.shape[0])
        metres = read_depth(self.depth, size).astype(np.float32)
        depth = np.where((metres > 0) & np.isfinite(metres), metres, np.float32(np.nan))
        if "class" not in array_names(self.segments):
            raise DamagedFile(f"{self.segments} holds no array 'class'; write it again")
        classes = read_integers(self.segments, "class", image.shape[:2], UNKNOWN).astype(np.uint8)
        if (wrong := (classes != UNKNOWN) & (classes >= len(self.taxonomy.classes))).any():
            raise DamagedFile(
                f"{self.segments} holds the id {classes[wrong][0]}, which is no class of {self.taxonomy.name}; write it"
                " again"
            )
        return Shown(image, depth, meanings.rows(classes, depth, self.taxonomy), self.intrinsics)
