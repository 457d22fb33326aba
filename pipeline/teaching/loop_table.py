"""The scores of a data loop, by row and seed, on disk and in print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from pydantic import TypeAdapter, ValidationError

from occlabel.pipeline.teaching.loop_rows import ALONE, Rows
from occlabel.pipeline.teaching.loop_scores import Scores
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.appearing import appearing

_STORED = TypeAdapter(dict[str, dict[int, Scores]])


@dataclass
class LoopTable:
    """What is known so far."""

    asked: str
    """A digest of what was asked: scores of another loop are not mixed with these."""
    rows: Rows
    scores: dict[str, dict[int, Scores]]
    """By row and seed."""

    @staticmethod
    def read(path: Path, asked: str, rows: Rows) -> LoopTable:
        """What lies at ``path``, or nothing yet. Raises OcclabelError for another loop, or what is none."""
        if not path.exists():
            return LoopTable(asked, rows, {})
        try:
            told = json.loads(path.read_text())
            before, scores = told["asked"], _STORED.validate_python(told["scores"])
        except (ValueError, KeyError, TypeError, OSError, ValidationError) as error:
            raise OcclabelError(f"{path} cannot be read as a loop's scores; name another --out or remove it") from error
        if before != asked:
            raise OcclabelError(
                f"{path.parent} holds a loop with another recipe, other logs or other options; name another --out, or "
                "remove the folder to start anew"
            )
        return LoopTable(asked, rows, scores)

    def has(self, row: str, seed: int) -> bool:
        return seed in self.scores.get(row, {})

    def add(self, row: str, seed: int, scores: Scores) -> None:
        self.scores.setdefault(row, {})[seed] = scores

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        with appearing(path) as partial:
            partial.write_text(json.dumps(self.facts(), indent=1))

    def facts(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "left_out": list(self.rows.left_out),
            "table": list(self.lines()),
            "scores": _STORED.dump_python(self.scores, mode="json"),
        }

    def gains(self, row: str) -> list[float]:
        """By how much of it the row's mIoU is above that of the labelled logs alone, seed by seed."""
        alone, own = self.scores.get(ALONE, {}), self.scores.get(row, {})
        return [own[seed].miou / alone[seed].miou - 1 for seed in sorted(own.keys() & alone.keys()) if alone[seed].miou]

    def lines(self) -> Iterator[str]:
        """The table in print: mean and standard deviation over the seeds, in percent."""
        yield f"{'learned from':22}{'seeds':>6}{'IoU':>14}{'mIoU':>14}{'gain in mIoU':>18}"
        for row in self.rows.names:
            found = list(self.scores.get(row, {}).values())
            if not found:
                continue
            iou, miou = (_spread([getattr(s, what) for s in found]) for what in ("iou", "miou"))
            gain = "" if row == ALONE else f"{_spread(self.gains(row), sign='+')}%"
            yield f"{row:22}{len(found):>6}{iou:>14}{miou:>14}{gain:>18}"


def _spread(values: list[float], sign: str = "") -> str:
    if not values:
        return "-"
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):{sign}.1f}{spread}"
