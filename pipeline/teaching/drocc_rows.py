"""What the parts of Dr.Occ are worth: the rows of the paper's table 2, each trained alike and judged apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.teaching.train_drocc import Lesson
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.drocc.parts import Parts
from occlabel.stages.completion.drocc.weight_file import check
from occlabel.stages.learning.weight_header import read_facts

if TYPE_CHECKING:
    from occlabel.stages.completion.drocc.options import Options

ROWS: Mapping[str, Parts] = {
    "base": Parts(refined=False, experts="none"),
    "d2": Parts(refined=True, experts="none"),
    "d2-r": Parts(refined=True, experts="regions"),
    "d2-r2": Parts(refined=True, experts="recursive"),
    "direct": Parts(refined=False, experts="none", direct=True),
}
"""By name: the four of the table, and the base with features put where depth of the priors says."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a network of a row scores where cameras see, 0..1."""

    row: str
    seed: int
    iou: float
    """Of occupied against free."""
    miou: float
    frames: int
    """Held-out frames that were scored."""


def ablate(
    space: LabelSpace, lesson: Lesson, folder: Path, options: Options, rows: Sequence[str], seeds: Sequence[int]
) -> Iterator[Result]:
    """Trains a network for each of ``rows`` and ``seeds`` with the other ``options``; yields each when it is judged.

    Weight files lie in ``folder`` as ``ROW-SEED.safetensors``; a row that has one is not trained again, and one that
    was stopped goes on. Raises OcclabelError for a row that is not known, or a file that other options made.
    """
    from occlabel.stages.completion.drocc.training import train_drocc

    if unknown := [row for row in rows if row not in ROWS]:
        raise OcclabelError(f"there is no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    for seed in seeds:
        for row in rows:
            parts, out = ROWS[row], folder / f"{row}-{seed}.safetensors"
            told = {"refined": parts.refined, "experts": parts.experts, "direct": parts.direct}
            own = options.model_copy(update={**told, "seed": seed, "resume": True})
            facts = lesson.facts | {"command": f"row {row} of an ablation"}
            if out.exists():
                facts = _made_before(out, space, own)
            else:
                facts = train_drocc(space, lesson.learned, lesson.held_out, out, own, facts)
            yield Result(row, seed, **json.loads(facts["held_out"]))


def _made_before(out: Path, space: LabelSpace, options: Options) -> dict[str, str]:
    parts, sizes, _ = check(out, space)
    facts = read_facts(out)
    if (parts, sizes, facts.get("steps")) != (options.parts, options.sizes, str(options.whole_steps)):
        raise OcclabelError(f"{out} was made with other steps or sizes; give another folder, or remove it")
    return facts


def table(results: Sequence[Result]) -> str:
    """In the form of the paper's table 2, in per cent: of several seeds the mean, and half of their range."""
    lines = [
        "| D2-VFormer | R-EFormer | R2-EFormer | depth projected | IoU | mIoU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row, parts in ROWS.items():
        found = [one for one in results if one.row == row]
        if not found:
            continue
        marks = (parts.refined, parts.experts == "regions", parts.experts == "recursive", parts.direct)
        scores = (_spread([getattr(one, name) for one in found]) for name in ("iou", "miou"))
        lines.append("| " + " | ".join([*("x" if mark else "" for mark in marks), *scores]) + " |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    mean = 100 * sum(values) / len(values)
    return f"{mean:.2f}" if len(values) == 1 else f"{mean:.2f} +- {50 * (max(values) - min(values)):.2f}"
