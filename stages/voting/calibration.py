"""What a vote margin is worth: how often labels that won by so much are right, by class and by what was observed.

Labels that nobody looked at, or that rays passed through, are right less often than labels of the same margin that were
measured. Classes are right more or less often than each other, and less alike on other streets than on those that were
counted: so the curve of a class counts a quarter, and that of all occupied classes together three.

A log unlike those that were counted shows in how sure its frames are: where agreement between frames (the margin) is
the same and frames are less sure of what their own sweeps hit, labels are wrong more often (the difference of
confidences of Guillory et al. 2021, arXiv 2107.03315, given the agreement). It corrects the odds of occupied labels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import MARGIN_STEP, MARGIN_STEPS
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.space import LabelSpace

SHIPPED = Path(__file__).parent / "calibrations"
STATES = ("nobody", "passed", "hit", "any")
"""The tables of a calibration: one for each value of ``OBSERVED``, and one for labels of which nobody says what was
observed."""
ANY = 3

KNOTS = np.arange(MARGIN_STEPS) * MARGIN_STEP
"""Margins at which a calibration is kept; between them it is straight."""
_OWN_CURVE = 0.25
"""What the curve of the class itself counts, the rest is that of all occupied classes. Chosen on towns and real streets
that were left out (docs/results/confidence.md)."""
_ODDS = 8.0
"""By how much the logarithm of the odds moves with how sure frames are (0..1): accuracy moves about 1.3 times as much.
Chosen likewise."""
_FEW_HITS = 500
"""Hits of a frame that count as much as that it is like the logs that were counted."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a label is right by what was observed, its class and its margin."""

    classes: tuple[str, ...]
    free_id: int
    chances: NDArray[np.float64]
    """[state, class, knot] of each class by itself, rising along the knots."""
    together: NDArray[np.float64]
    """[state, knot] of all classes but free."""
    sure: NDArray[np.float64] | None = None
    """[margin step]: how sure frames are on average of what their own sweeps hit, 0..1; None: not known."""
    made_of: str = ""
    """What it was fitted to, for people."""
    _mixed: NDArray[np.float64] = field(init=False)
    """[state, class, 256 margins]."""

    def __post_init__(self) -> None:
        mixed = _OWN_CURVE * self.chances + (1 - _OWN_CURVE) * self.together[:, None]
        mixed[:, self.free_id] = self.chances[:, self.free_id]
        at = np.arange(256)
        spread = [np.interp(at, KNOTS, row) for row in mixed.reshape(-1, len(KNOTS))]
        object.__setattr__(self, "_mixed", np.reshape(spread, (*mixed.shape[:2], 256)))

    def doubt(self, sureness: NDArray[np.uint32]) -> float:
        """By how much (0..1) a frame of this ``SURENESS`` [2, step] is less sure than those that were counted, at the
        same margins; negative: surer. 0 where that is not known."""
        hits = int(sureness[0].sum())
        if self.sure is None or not hits:
            return 0.0
        expected = float(sureness[0] @ self.sure)
        return (expected - int(sureness[1].sum()) / 255) / (hits + _FEW_HITS)

    def table(self, doubt: float = 0.0) -> NDArray[np.uint8]:
        """[state, 256 labels, 256 margins] -> confidence 0..255; labels that are no class keep their margin."""
        chances = odds_moved(self._mixed, -_ODDS * doubt) if doubt else self._mixed.copy()
        chances[:, self.free_id] = self._mixed[:, self.free_id]
        table = np.tile(np.arange(256, dtype=np.uint8), (len(STATES), 256, 1))
        table[:, : len(self.classes)] = np.rint(255 * chances)
        return table

    def confidence(
        self,
        labels: NDArray[np.uint8],
        margin: NDArray[np.uint8],
        observed: NDArray[np.uint8] | None = None,
        doubt: float = 0.0,
    ) -> NDArray[np.uint8]:
        """Confidence 0..255 of ``labels`` that won by ``margin`` where this was ``observed``, all of one shape."""
        table = self.table(doubt)
        if observed is None:
            return table[ANY][labels, margin]
        place = (observed.astype(np.int32) << 16) | (labels.astype(np.int32) << 8) | margin
        return table.reshape(-1).take(place)

    def save(self, path: Path) -> None:
        """Writes JSON."""
        head: dict[str, Any] = {"fitted to": self.made_of, "margins": KNOTS.tolist()}
        head["sure"] = None if self.sure is None else self.sure.round(4).tolist()
        lines = [f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
        states = []
        for name, together, chances in zip(STATES, self.together, self.chances, strict=True):
            rates = dict(zip(self.classes, chances.round(4).tolist(), strict=True))
            rows = ",\n    ".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rates.items())
            whole = json.dumps(together.round(4).tolist())
            states.append(f'{json.dumps(name)}: {{\n   "together": {whole},\n   "right": {{\n    {rows}\n   }}\n  }}')
        with appearing(path) as partial:
            partial.write_text(f'{{\n{"".join(lines)} "observed": {{\n  {", ".join(states)}\n }}\n}}\n')


def odds_moved(chances: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Chances whose odds are multiplied by exp(``by``)."""
    bounded = np.clip(chances, 0.002, 0.998)
    return bounded / (bounded + (1 - bounded) * np.exp(-by))


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
        tables = [] if "right" in content else [content["observed"][state] for state in STATES]
        names = [tuple(table["right"]) for table in tables]
        chances = np.array([list(table["right"].values()) for table in tables], np.float64)
        together = np.array([table["together"] for table in tables], np.float64)
        sure = None if not tables or content["sure"] is None else np.array(content["sure"], np.float64)
        sound = len(set(names)) == 1 and content["margins"] == KNOTS.tolist() and _fit(chances, together, sure)
        fitted_to = str(content["fitted to"]) if sound else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadRecipe(f"{path} is not a calibration that can be read; make one with occlabel calibrate") from error
    if not sound:
        raise BadRecipe(f"{path} is not a calibration of this version of occlabel; make one with occlabel calibrate")
    if names[0] != space.taxonomy.names:
        raise BadRecipe(
            f"{path} is for the classes {', '.join(names[0])}, the recipe has {', '.join(space.taxonomy.names)}"
        )
    return Calibration(names[0], space.taxonomy.free_id, chances, together, sure, fitted_to)


def _fit(chances: NDArray[np.float64], together: NDArray[np.float64], sure: NDArray[np.float64] | None) -> bool:
    """Whether these are rates of the shapes that a ``Calibration`` has."""
    shapes = chances.shape[::2] == together.shape == (len(STATES), len(KNOTS)) and chances.ndim == 3
    rates = [chances, together] if sure is None else [chances, together, sure]
    shapes &= sure is None or sure.shape == KNOTS.shape
    return shapes and all(bool(((part >= 0) & (part <= 1)).all()) for part in rates)


def made_of(name: str) -> str:
    """What the calibration ``name`` was fitted to; empty where it cannot be read, which is found elsewhere."""
    try:
        return str(json.loads(find(name).read_text())["fitted to"])
    except (BadRecipe, OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
