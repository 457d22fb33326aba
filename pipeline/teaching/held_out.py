"""Which logs a training is judged by: those of another root, or some of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from occlabel.pipeline.planning.recipe import Recipe
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


def sources_of(recipe: Recipe, logs: Roots) -> list[LogReader]:
    """The roots that a training on ``recipe`` looks at. Raises BadRecipe where a stage of it would take files of
    another program that are of a log of one for those of another log of the other."""
    reader, held_out = logs.learned, logs.held_out
    if held_out is None:
        return [reader]
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
    if len(sources) == 1 and len(sources[0].log_ids()) < 2:
        raise BadLog(
            f"{sources[0].root} holds one log: give two or more, as one is held out to judge by, or others with "
            "--held-out"
        )


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
