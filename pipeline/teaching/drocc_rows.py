"""What the parts of Dr.Occ are worth: the rows of the paper's table 2, each trained alike and judged apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.teaching.train_drocc import with_trunk
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.drocc.parts import Parts
from occlabel.stages.completion.drocc.weight_file import check
from occlabel.stages.learning.weight_header import named_with_digest, read_facts

if TYPE_CHECKING:
    from occlabel.stages.completion.drocc.image_encoder import Memory
    from occlabel.stages.completion.drocc.options import Options
    from occlabel.stages.completion.drocc.samples import Lesson

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


@dataclass(frozen=True, slots=True)
class Trials:
    """What is trained."""

    rows: Sequence[str]
    seeds: Sequence[int]
    start_steps: int = 0
    """Of a base that all rows of a seed go on from, as the paper's go on from a detector; 0: none."""


def ablate(space: LabelSpace, lesson: Lesson, folder: Path, options: Options, trials: Trials) -> Iterator[Result]:
    """Trains a network for each row and seed of ``trials`` with the other ``options``; yields each when it is judged.

    Weight files lie in ``folder`` as ``ROW-SEED.safetensors``; a row that has one is not trained again, and one that
    was stopped goes on. Raises OcclabelError for a row that is not known, or a file that other options made.
    """
    from occlabel.stages.completion.drocc.image_encoder import Memory

    if unknown := [row for row in trials.rows if row not in ROWS]:
        raise OcclabelError(f"there is no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    options, memory = with_trunk(options), Memory()
    for seed in trials.seeds:
        start = None
        if trials.start_steps:
            start = folder / f"start-{seed}.safetensors"
            _trained(space, lesson, start, _of("base", options, seed, steps=trials.start_steps), memory)
        for row in trials.rows:
            out = folder / f"{row}-{seed}.safetensors"
            facts = _trained(space, lesson, out, _of(row, options, seed, start=start), memory)
            yield Result(row, seed, **json.loads(facts["held_out"]))


def _of(row: str, options: Options, seed: int, **others: object) -> Options:
    parts = ROWS[row]
    told = {"refined": parts.refined, "experts": parts.experts, "direct": parts.direct}
    return options.model_copy(update={**told, "seed": seed, "resume": True, **others})


def _trained(space: LabelSpace, lesson: Lesson, out: Path, options: Options, memory: Memory) -> dict[str, str]:
    """The facts of ``out``, which is made where it is not there."""
    from occlabel.stages.completion.drocc.training import train_drocc

    told = options.model_dump_json(exclude={"device", "resume", "start", "trunk"})
    if not out.exists():
        facts = {"command": f"{out.stem} of an ablation", "options": told}
        return train_drocc(space, lesson, out, options, facts, memory)
    check(out, space)
    facts = read_facts(out)
    files = {name: getattr(options, name) for name in ("start", "trunk")}
    wanted = {**lesson.facts, "options": told, **{n: named_with_digest(p) if p else None for n, p in files.items()}}
    if any(facts.get(name) != value for name, value in wanted.items()):
        raise OcclabelError(
            f"{out} was made of other logs or with other options, start or trunk; give another folder, or remove it"
        )
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
