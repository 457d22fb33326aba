"""What a vote margin is worth: how often labels that won by so much are right, by class (isotonic regression)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.space import LabelSpace

SHIPPED = Path(__file__).parent / "calibrations"

_KNOTS = np.arange(0, 256, 15)
"""Margins at which a calibration is kept; between them it is straight."""
_FEW = 2000
"""Voxels of a class that weigh as much as what all classes say: rare classes lean on the rest."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Labelled voxels with truth, by what was won, by how much, and whether it was right."""

    counts: NDArray[np.int64]
    """[class, 256 margins, wrong or right]."""

    @classmethod
    def empty(cls, classes: int) -> Tally:
        return cls(np.zeros((classes, 256, 2), np.int64))

    def add(self, labels: NDArray[np.uint8], margin: NDArray[np.uint8], right: NDArray[np.bool_]) -> None:
        """Counts voxels, all arguments [n]; labels that are no class do not count."""
        classes = len(self.counts)
        known = labels < classes
        place = (labels[known].astype(np.int64) * 256 + margin[known]) * 2 + right[known]
        self.counts[:] += np.bincount(place, minlength=classes * 512).reshape(classes, 256, 2)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a label is right by its class and margin."""

    classes: tuple[str, ...]
    chances: NDArray[np.float64]
    """[class, knot], rising along the knots."""
    table: NDArray[np.uint8] = field(init=False)
    """[256 labels, 256 margins] -> confidence 0..255; labels that are no class keep their margin."""

    def __post_init__(self) -> None:
        table = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
        for row, chances in enumerate(self.chances):
            table[row] = np.rint(255 * np.interp(np.arange(256), _KNOTS, chances))
        object.__setattr__(self, "table", table)

    def confidence(self, labels: NDArray[np.uint8], margin: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Confidence 0..255 of ``labels`` that won by ``margin``, all of one shape."""
        return self.table[labels, margin]

    def save(self, path: Path, about: dict[str, str]) -> None:
        """Writes JSON; ``about`` says what it was fitted to."""
        rates = dict(zip(self.classes, self.chances.round(4).tolist(), strict=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rates.items())
        head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in about.items())
        path.write_text(f'{{\n{head} "margins": {json.dumps(_KNOTS.tolist())},\n "right": {{\n  {rows}\n }}\n}}\n')


def fit(tally: Tally, classes: Sequence[str]) -> Calibration:
    """The calibration of the counted voxels: per class the rising function of the margin nearest to what was right."""
    pooled = tally.counts.sum(axis=0).astype(float)
    every = _rising(pooled[:, 1], pooled.sum(axis=1))
    few = _FEW / 256
    chances = [
        _rising(counts[:, 1] + few * every, counts.sum(axis=1) + few)[_KNOTS] for counts in tally.counts.astype(float)
    ]
    return Calibration(tuple(classes), np.array(chances))


def _rising(right: NDArray[np.float64], voxels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares ``right`` / ``voxels`` [256] as a rising function; between margins without voxels it is straight."""
    from scipy.optimize import isotonic_regression

    seen = np.flatnonzero(voxels)
    if not seen.size:
        return np.linspace(0.5, 1.0, 256)
    fitted = isotonic_regression(right[seen] / voxels[seen], weights=voxels[seen]).x
    return np.interp(np.arange(256), seen, fitted)


def find(name: str) -> Path:
    """The file of the shipped calibration ``name``, or the path that ``name`` is. Raises BadRecipe."""
    shipped = SHIPPED / f"{name}.json"
    path = shipped if "/" not in name and shipped.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in SHIPPED.glob("*.json")))
        raise BadRecipe(
            f"voting.calibration: there is no file {name}; name a file of occlabel calibrate, one of those that come "
            f"with occlabel ({known}), or null"
        )
    return path


def load(name: str, space: LabelSpace) -> Calibration:
    """The calibration ``name``. Raises BadRecipe when it is missing, unreadable or of other classes."""
    path = find(name)
    try:
        content = json.loads(path.read_text())
        rates = content["right"]
        chances = np.array(list(rates.values()), np.float64)
        fits = content["margins"] == _KNOTS.tolist() and chances.shape == (len(rates), len(_KNOTS))
        sound = fits and bool(((chances >= 0) & (chances <= 1)).all())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadRecipe(f"{path} is not a calibration that can be read; make one with occlabel calibrate") from error
    if not sound:
        raise BadRecipe(f"{path} is not a calibration of this version of occlabel; make one with occlabel calibrate")
    if tuple(rates) != space.taxonomy.names:
        raise BadRecipe(
            f"{path} is for the classes {', '.join(rates)}, the recipe has {', '.join(space.taxonomy.names)}"
        )
    return Calibration(tuple(rates), chances)
