"""How the objects of two label volumes of one grid differ: which are in both, as which class, and under which ids.

An object of a is one of b when more than half of the voxels that either has are in both (IoU above 0.5), as segments
match in panoptic quality (Kirillov et al. 2019), whatever their classes are: so none has two partners in a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.segments import Labels, overlaps

_OBJECT = np.arange(256) == 1


class ObjectPairs(NamedTuple):
    """Objects of one frame, or of several."""

    counts: NDArray[np.int64]
    """[classes + 1, classes + 1] of (class in a, class in b); the last row is what only b has, the last column what
    only a has."""
    ids: NDArray[np.int64]
    """[n, 2]: the ids, in a and in b, of those in both."""


@dataclass(frozen=True)
class IdChanges:
    """What became of the ids that objects of a keep through a log, where b has the objects too."""

    ids: int
    """Ids of a of which an object is found in b."""
    renumbered: int
    """Those that are one other id in b."""
    split: int
    """Those that are several in b."""
    joined: int
    """Ids of b that are several in a."""

    def __add__(self, other: IdChanges) -> IdChanges:
        return IdChanges(*(mine + more for mine, more in zip(vars(self).values(), vars(other).values(), strict=True)))


def object_pairs(a: Labels, b: Labels, classes: int) -> ObjectPairs:
    """Of two volumes of one shape, in the same classes; id 0 is no object, and voxels of no class belong to none."""
    mine, other = (_of_known_class(labels, classes) for labels in (a, b))
    found = overlaps(_as_objects(mine), _as_objects(other), _OBJECT)
    i, j = found.pairs[found.ious() > 0.5].T
    of_a, of_b = _classes(mine, found.predicted.ids, classes), _classes(other, found.true.ids, classes)
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    np.add.at(counts, (of_a[i], of_b[j]), 1)
    counts[:classes, classes] = np.bincount(np.delete(of_a, i), minlength=classes)
    counts[classes, :classes] = np.bincount(np.delete(of_b, j), minlength=classes)
    return ObjectPairs(counts, np.stack([found.predicted.ids[i], found.true.ids[j]], axis=1))


def id_changes(ids: NDArray[np.int64]) -> IdChanges:
    """Of one log: the distinct pairs [n, 2] of ids in a and in b."""
    _, first, times = np.unique(ids[:, 0], return_index=True, return_counts=True)
    alone = ids[first[times == 1]]
    joined = np.unique(ids[:, 1], return_counts=True)[1] > 1
    renumbered = alone[:, 0] != alone[:, 1]
    return IdChanges(len(first), int(renumbered.sum()), int((times > 1).sum()), int(joined.sum()))


def objects_by_class(counts: NDArray[np.int64], taxonomy: Taxonomy) -> dict[str, dict[str, Any]]:
    """Of each class that has objects in either: how many in a and in b, in both as this class, in one of them alone,
    and what those of a are called that b calls something else."""
    result = {}
    for i in taxonomy.occupied_ids:
        a, b = int(counts[i].sum()), int(counts[:, i].sum())
        if a or b:
            order = [int(j) for j in np.argsort(-counts[i, :-1], kind="stable") if j != i and counts[i, j]]
            became = {taxonomy.names[j]: int(counts[i, j]) for j in order}
            alone = {"only_a": int(counts[i, -1]), "only_b": int(counts[-1, i])}
            result[taxonomy.names[i]] = {"a": a, "b": b, "both": int(counts[i, i]), **alone, "became": became}
    return result


def _of_known_class(labels: Labels, classes: int) -> Labels:
    return Labels(labels.semantics, np.where(labels.semantics < classes, labels.instance, 0))


def _as_objects(labels: Labels) -> Labels:
    return Labels((labels.instance > 0).astype(np.uint8), labels.instance)


def _classes(labels: Labels, ids: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """[n]: the class of most voxels of each of ``ids``, ascending; ties to the lowest."""
    there = labels.instance > 0
    place = np.searchsorted(ids, labels.instance[there])
    counts = np.bincount(place * classes + labels.semantics[there], minlength=len(ids) * classes)
    return counts.reshape(len(ids), classes).argmax(axis=1)
