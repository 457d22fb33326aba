"""What the benchmarks of panoptic quality agree on, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy


@dataclass(frozen=True)
class Rules:
    """A match is a predicted and a true segment of one class with an IoU above 0.5; all else is a matter of rules."""

    things: tuple[int, ...]
    stuff: tuple[int, ...]
    """Class ids. Classes in neither have no segments."""
    ignored: tuple[int, ...] = ()
    """Elements whose true class is one of these are dropped."""
    least: int = 0
    """An unmatched segment of fewer elements is neither a false positive nor a miss; a small match is a match."""
    whole_stuff: bool = False
    """Each stuff class is one segment per frame, whatever its ids."""
    unidentified_dropped: bool = False
    """Elements that are a thing without an id (0) in the truth are dropped: nobody knows whose they are."""
    absent_is_zero: bool = False
    """A class that is nowhere scores 0 and stays in the mean; otherwise it has no score and is in no mean."""
    lenient_stuff: bool = False
    """A stuff segment that overlaps one of its class without matching is no false positive, and PQ-dagger takes the
    mean IoU of all overlapping stuff segments instead of the class's semantic IoU."""
    category_may_change: bool = False
    """Whether an object may change its category through a log, as a car that drives off does in SemanticKITTI: its
    class and its number make the tube. Elsewhere objects are numbered within each category."""

    @property
    def classes(self) -> tuple[int, ...]:
        """Those that are scored."""
        return tuple(sorted((*self.things, *self.stuff)))

    def table(self, classes: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which ids are in ``classes``, bool [256]."""
        result = np.zeros(256, np.bool_)
        result[list(classes)] = True
        return result


def nuscenes(least: int = 15) -> Rules:
    """Panoptic nuScenes: LiDAR points in the 16 classes of the lidarseg challenge (``eval/panoptic`` of
    nutonomy/nuscenes-devkit)."""
    return Rules(tuple(range(1, 11)), tuple(range(11, 17)), ignored=(0,), least=least, absent_is_zero=True)


def semantickitti(least: int = 50) -> Rules:
    """SemanticKITTI: LiDAR points in its 19 classes (``evaluate_panoptic.py`` of PRBonn/semantic-kitti-api).

    That script takes the whole uint32 of a point label as its instance, so that lane-marking and road, or a car that
    stands and one that moves, are different segments of a class: give it that id for equal numbers. Through a log an
    object is its class and its number alone.
    """
    things, stuff = tuple(range(1, 9)), tuple(range(9, 20))
    return Rules(things, stuff, ignored=(0,), least=least, absent_is_zero=True, category_may_change=True)


def pasco() -> Rules:
    """Voxels of SemanticKITTI as ``panoptic_quality.py`` of astra-vision/PaSCo scores them."""
    return Rules(tuple(range(1, 9)), tuple(range(9, 20)), lenient_stuff=True)


def voxels(taxonomy: Taxonomy) -> Rules:
    """Voxels of any taxonomy, by the definition of Kirillov et al. 2019: a stuff class is one segment per frame."""
    things = tuple(i for i in taxonomy.occupied_ids if taxonomy.classes[i].thing)
    stuff = tuple(i for i in taxonomy.occupied_ids if not taxonomy.classes[i].thing)
    return Rules(things, stuff, whole_stuff=True, unidentified_dropped=True)
