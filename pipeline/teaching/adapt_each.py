"""Completion weights of each log's own: adapted without truth, one log after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.delegating_reader import DelegatingReader
from occlabel.pipeline.teaching.train_completion import asked_digest, train
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadRecipe, BadWeights, OcclabelError, StoreError
from occlabel.schemas.log_places import place_of

if TYPE_CHECKING:
    from occlabel.stages.completion.options import Options


@dataclass(frozen=True)
class OneLog(DelegatingReader):
    """One log of a reader."""

    id: str

    def log_ids(self) -> list[str]:
        return [self.id]

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        return self.reader.logs([self.id])

    def stamp(self) -> str | None:
        return None  # the reader's is of all its logs


@dataclass
class Adapted:
    """What became of each log."""

    made: dict[str, Path] = field(default_factory=dict)
    kept: dict[str, Path] = field(default_factory=dict)
    """Whose weights were there, by the same recipe and options from the same start."""
    failed: dict[str, str] = field(default_factory=dict)
    """Log -> why."""


def adapt_each(
    recipe: Recipe,
    reader: LogReader,
    out: Path,
    options: Options,
    executor: str,
    command: str,
    note: Callable[[str], None] = print,
) -> Adapted:
    """Writes ``out``, which names ``{log}``, for each log of ``reader``; ``note`` is told of each before its turn.

    A log that nothing can be learned from fails alone; weights that were made by other options, of other frames or from
    another start are made anew. Raises BadRecipe and BadWeights as ``train`` does, and StoreError.
    """
    from occlabel.stages.learning.run_record import forget

    result, ids = Adapted(), reader.log_ids()
    for number, log in enumerate(ids, 1):
        try:
            place = place_of(out, log)
            if _is_there(place, next(iter(reader.logs([log]))), recipe, options):
                result.kept[log] = place
                continue
            note(f"log {log} ({number} of {len(ids)})")
            if not options.resume:  # what was broken off, or led to weights that are out of date
                forget(place.with_suffix(".training"))
            train(recipe, OneLog(reader, log), place, options, executor, command)
            result.made[log] = place
        except (BadRecipe, BadWeights, StoreError):  # of no log
            raise
        except OcclabelError as error:
            result.failed[log] = str(error)
    return result


def _is_there(place: Path, log: DriveLog, recipe: Recipe, options: Options) -> bool:
    from occlabel.stages.completion.training import start_of
    from occlabel.stages.completion.weight_file import check
    from occlabel.stages.learning.weight_header import named_with_digest, provenance

    if not place.is_file():
        return False
    try:
        facts = check(place, recipe.space)
    except BadWeights:  # of another grid, or broken off: made anew
        return False
    start = start_of(options, recipe.space)
    assert start is not None  # see Options
    wanted = {"asked": asked_digest(recipe, options), "logs": provenance([log.text]), "start": named_with_digest(start)}
    return all(facts.get(name) == value for name, value in wanted.items())
