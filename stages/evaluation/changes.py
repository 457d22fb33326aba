"""How two label volumes of one grid differ: counts of pairs of classes, and what kinds of change these are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy


@dataclass(frozen=True)
class Changed:
    """Voxels by what became of them, from labels a to labels b."""

    voxels: int
    """All of them."""
    occupied: int
    """Occupied in a or in b."""
    other_class: int
    """Occupied in both, by another class."""
    appeared: int
    """Free in a, occupied in b."""
    vanished: int
    """Occupied in a, free in b."""
    became_unknown: int
    """Known in a and not in b."""
    became_known: int
    """The other way round."""
    changed_occupied: int
    """Of those that are ``occupied``, the ones that changed in any way."""

    @property
    def changed(self) -> int:
        return self.other_class + self.appeared + self.vanished + self.became_unknown + self.became_known

    def facts(self) -> dict[str, Any]:
        """For JSON: voxels, and the two shares."""
        return {
            **vars(self),
            "changed": self.changed,
            "share_of_all": self.changed / max(self.voxels, 1),
            "share_of_occupied": self.changed_occupied / max(self.occupied, 1),
        }


def pairs(a: NDArray[np.uint8], b: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Counts [classes + 1, classes + 1] of (class in ``a``, class in ``b``) over two volumes of one shape. The last row
    and column are what is no class: unknown."""
    size = classes + 1
    code = np.minimum(a, classes).astype(np.uint16)
    code *= size
    code += np.minimum(b, classes)
    return np.bincount(code.ravel(), minlength=size * size).reshape(size, size)


def shares(counts: NDArray[np.int64], free_id: int) -> Changed:
    """Kinds of change in counts that ``pairs`` made."""
    unknown = len(counts) - 1
    known, occupied = np.arange(len(counts)) != unknown, np.ones(len(counts), bool)
    occupied[[free_id, unknown]] = False
    off = counts - np.diag(counts.diagonal())
    either = occupied[:, None] | occupied[None]
    return Changed(
        voxels=int(counts.sum()),
        occupied=int(counts[either].sum()),
        other_class=int(off[np.ix_(occupied, occupied)].sum()),
        appeared=int(counts[free_id, occupied].sum()),
        vanished=int(counts[occupied, free_id].sum()),
        became_unknown=int(counts[known, unknown].sum()),
        became_known=int(counts[unknown, known].sum()),
        changed_occupied=int(off[either].sum()),
    )


def by_class(counts: NDArray[np.int64], taxonomy: Taxonomy) -> dict[str, dict[str, Any]]:
    """Of each occupied class that either has: voxels in a, in b, in both, and what those of a became in b."""
    names = [*taxonomy.names, "unknown"]
    result = {}
    for i in taxonomy.occupied_ids:
        a, b = int(counts[i].sum()), int(counts[:, i].sum())
        if a or b:
            order = [int(j) for j in np.argsort(-counts[i], kind="stable") if j != i and counts[i, j]]
            became = {names[j]: int(counts[i, j]) for j in order}
            kept = int(counts[i, i])
            result[names[i]] = {"a": a, "b": b, "both": kept, "iou": kept / (a + b - kept), "became": became}
    return result
