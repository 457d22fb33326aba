"""The blocks of a recipe: from plain values to the stages that they describe, every mistake a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from occlabel.pipeline.planning.kinds import KINDS, SEVERAL, asked, kinds_of, stage_class
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import Stage
from occlabel.schemas.wrong_fields import sentences


class WrongFields(BadRecipe):
    """Several sentences, its arguments, each about one field and beginning with its place."""

    def __str__(self) -> str:
        return "; ".join(map(str, self.args))


def stages_of(slot: str, value: Any) -> Any:
    """What stands in the block of a slot, as stages. Raises BadRecipe with one sentence per wrong field."""
    if slot not in SEVERAL:
        return None if value is None else _stage_of(slot, slot, value)
    if not isinstance(value, dict) or "kind" in value:
        raise BadRecipe(f"{slot}: expected a name for each stage, as in {slot}: {{depth: {{kind: ...}}}}")
    wrong = [name for name in value if not (isinstance(name, str) and name.isidentifier())]
    if wrong:
        raise BadRecipe(f"{slot}: {wrong[0]!r} cannot name a stage; use letters, digits and '_'")
    return {name: _stage_of(slot, f"{slot}.{name}", block) for name, block in value.items()}


def _stage_of(slot: str, place: str, block: Any) -> Stage:
    if isinstance(block, Stage):
        return block
    if not isinstance(block, dict):
        raise BadRecipe(f"{place}: expected options with a kind, one of: {', '.join(kinds_of(slot)) or 'none yet'}")
    kind = block.get("kind", next(iter(KINDS[slot])) if len(KINDS[slot]) == 1 else None)
    if not isinstance(kind, str):
        raise BadRecipe(f"{place}.kind: expected one of: {', '.join(kinds_of(slot)) or 'none yet'}")
    try:
        found = stage_class(slot, kind)
    except BadRecipe as error:
        raise BadRecipe(f"{place}.kind: {error}") from error
    try:
        with asked(found, f"for its options in {place}"):
            return found.model_validate(block)
    except ValidationError as error:
        raise WrongFields(*sentences(error, found, place)) from error


def switches(written: Any, understood: Any, place: str = "") -> Iterator[str]:
    """A sentence for each place where true or false is ``written`` and a number was ``understood``: pydantic takes
    ``radius: yes`` for 1."""
    if isinstance(written, bool) and isinstance(understood, int | float) and not isinstance(understood, bool):
        yield f"{place}: must be a number, and YAML takes no, yes, on and off for false and true"
    elif isinstance(written, dict):
        for name, value in written.items():
            held = understood.get(name) if isinstance(understood, dict) else getattr(understood, str(name), None)
            yield from switches(value, held, f"{place}.{name}" if place else str(name))
    elif isinstance(written, list) and isinstance(understood, list | tuple):
        for index, (value, held) in enumerate(zip(written, understood, strict=False)):
            yield from switches(value, held, f"{place}.{index}")
