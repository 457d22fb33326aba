"""Who may vote: static classes and free space. What can move, and what is unknown, has no say in a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy

ABSTAIN = 255
"""Row of a label that does not vote."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """The rows that votes are counted in: row 0 is free space, the static classes follow by id."""

    row_of: NDArray[np.uint8]
    """Row by class id [256], ABSTAIN for movable classes, UNKNOWN and ids that are no class."""
    label_of: NDArray[np.uint8]
    """Class id by row."""


def ballot(taxonomy: Taxonomy) -> Ballot:
    """The ballot of a taxonomy: its free class and the classes that are not movable."""
    static = [c.id for c in taxonomy.classes if c.id != taxonomy.free_id and not c.movable]
    label_of = np.array([taxonomy.free_id, *static], np.uint8)
    row_of = np.full(256, ABSTAIN, np.uint8)
    row_of[label_of] = np.arange(len(label_of))
    row_of[UNKNOWN] = ABSTAIN
    return Ballot(row_of, label_of)
