"""The blocks of a recipe: from plain values to the stages that they describe, every mistake a sentence."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from occlabel.pipeline.planning.kinds import KINDS, SEVERAL, kinds_of, stage_class
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import Stage


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
        return found.model_validate(block)
    except ValidationError as error:
        raise BadRecipe("; ".join(sentences(error, found, place))) from error


def sentences(error: ValidationError, model: type[BaseModel], place: str = "") -> list[str]:
    """One for each wrong field: where it stands, what is wrong, and what is known there."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in (*filter(None, [place]), *problem["loc"]))
        message = problem["msg"].removeprefix("Value error, ")
        known = _known(model, problem["loc"]) if problem["type"] == "extra_forbidden" else ""
        lines.append(f"{where or 'recipe'}: {message}{known}")
    return lines


def _known(model: Any, place: tuple[int | str, ...]) -> str:
    """The options that exist where an unknown one was given."""
    for part in place[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = getattr(field, "annotation", None)
    known = getattr(model, "model_fields", None)
    return f" (known: {', '.join(known)})" if known else ""
