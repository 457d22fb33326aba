"""What mutated numbers, lines and options may be taken for, and what sentences may call the files that hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fuzzing.reading import Plausible, same_form
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import TAXONOMIES


def seen(columns: int, brightest: float) -> Callable[[bytes], bool]:
    """Whether the content is rows of points as a LiDAR sees them."""

    def credible(content: bytes) -> bool:
        if not content or len(content) % (4 * columns):
            return False
        rows = np.frombuffer(content, "<f4").reshape(-1, columns).astype(np.float64)
        near = bool(np.isfinite(rows).all()) and bool((np.abs(rows[:, :3]) < 300).all())
        return near and bool(((rows[:, 3] >= 0) & (rows[:, 3] <= brightest)).all())

    return credible


def known(dtype: str, ids: Any, mask: int = 0xFFFF) -> Callable[[bytes], bool]:
    """Whether all ids in the content are some that there are."""
    known = np.array(list(ids))
    size = np.dtype(dtype).itemsize
    return lambda content: not len(content) % size and bool(np.isin(np.frombuffer(content, dtype) & mask, known).all())


RAW_IDS = {*TAXONOMIES["semantickitti"].learning_map, 1, 52, 99}
"""Those that SemanticKITTI has, ignored ones too."""


def _near(clean: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    """A pose near to what it was."""
    return bool(np.isfinite(found).all()) and bool(np.abs(found - clean).max() < 100)


def _finite(clean: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    return same_form(clean, found) and bool(np.isfinite(found).all()) and bool(np.abs(found).max() < 1e12)


def whatever(clean: NDArray[Any], found: NDArray[Any]) -> bool:
    return True


def _boxes(clean: NDArray[Any], found: NDArray[Any]) -> bool:
    """As many as before, or none, as in data that nobody labelled."""
    return len(found) in (0, len(clean))


def values(names: str, plausible: Plausible = same_form) -> dict[str, Plausible]:
    return dict.fromkeys(names.split(), plausible)


RUN = values("semantics confidence support instance")
"""What a run makes of what it reads."""
SCAN = values("points classes segments", whatever) | RUN
PLACED = values("pose", _near) | values("time shot extrinsics intrinsics", _finite) | RUN
TRUTH = values("classes segments voxels scored") | values("boxes", _boxes)
CUT = frozenset({"truncate", "lose the last bytes"})
"""Of lines of numbers: a last number that is cut short is a number. Lines that are lost with it are missed."""
LIST = CUT | {"empty", "only the head", "lose the first bytes", "delete a line", "append itself", "duplicate a line"}
"""Of a list of any length."""
BY_HAND = CUT | {"only the head", "delete a line", "null alone"}
"""Of options, all of which may be left out."""

ARRAYS = ("blocks", "semantics", "confidence", "support", "instance", "tracks")
"""What sentences call the files of an array: by its path, or where it lies."""

MISFIT = ("which another table names", "its calibration does not hold")
"""Of two tables that do not fit together, or a table and an image, either may be the wrong one."""
MISSED = ("has no prediction", "have no prediction")
"""Evaluations count the predictions that are not there."""
