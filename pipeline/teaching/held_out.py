"""Which logs a training is judged by: those of another root, or some of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.apart import refuse_shared
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.stage import places_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the logs of a training lie."""

    learned: LogReader
    held_out: LogReader | None = None
    """None: some of those that would be learned from are."""


def sources_of(recipe: Recipe, logs: Roots, own: bool = False) -> list[LogReader]:
    """The roots that a training on ``recipe`` looks at; ``own``: it may be judged by logs that it learns from, as one
    that learns nothing of what it is judged by.

    Raises OcclabelError where both hold the same log, and BadRecipe where a stage of the recipe would take files of
    another program that are of a log of one for those of another log of the other."""
    reader, held_out = logs.learned, logs.held_out
    if held_out is None:
        return [reader]
    if not own:
        refuse_shared({"logs": list(reader.logs()), "held_out": list(held_out.logs())})
    for step in recipe.chain:
        for option in sorted(places_of(type(step.stage))):
            place = getattr(step.stage, option)
            if place is not None and (shared := _shared(reader, held_out)) is not None:
                raise BadRecipe(
                    f"{reader.root} and {held_out.root} both have a log {shared} with frames of the same names, and "
                    f"{step.title} would take the same files for both ({step.name}.{option}={place}); rename the log "
                    "of one of them"
                )
    return [reader, held_out]


def refuse_one_log(sources: Sequence[LogReader]) -> None:
    """Raises BadLog where there would be nothing to judge by, before hours of labelling."""
    if len(sources) == 1:
        refuse_one(sources[0].root, sources[0].log_ids(), otherwise=", or others with --held-out")


def refuse_one(root: Path, logs: Sequence[str], having: str = "", otherwise: str = "") -> None:
    """The same for a training that learns from these ``logs`` of a root, those ``having`` something, and has more to
    judge by ``otherwise`` or not at all."""
    if len(logs) < 2:
        raise BadLog(f"{root} holds one log{having}: give two or more, as one is held out to judge by{otherwise}")


def _shared(one: LogReader, other: LogReader) -> str | None:
    """Name of a log and of frames that both have, where it is not the same log."""
    shared = sorted(set(one.log_ids()) & set(other.log_ids()))
    for log, its in zip(one.logs(shared), other.logs(shared), strict=False) if shared else ():
        names = {frame.name for frame in log.frames}
        if log.stamp != its.stamp and any(frame.name in names for frame in its.frames):
            return log.id
    return None


def learned_and_held_out(found: Sequence[Sequence[T]], every: int) -> tuple[list[T], list[T]]:
    """What is learned from and what is judged by, of what was found in the logs of one root or of two: the second, or
    else one log of ``every``, and the last of a few."""
    logs = list(found[0])
    others = list(found[1]) if len(found) > 1 else logs[every - 1 :: every] or logs[1:][-1:]
    return [log for log in logs if all(log is not other for other in others)], others
