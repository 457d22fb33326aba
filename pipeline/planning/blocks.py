"""The blocks of a recipe: from plain values to the stages that they describe, every mistake a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from occlabel.pipeline.planning.kinds import KINDS, SEVERAL, asked, kinds_of, stage_class
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import Stage
from occlabel.schemas.words import meant


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
        raise BadRecipe("; ".join(sentences(error, found, place))) from error


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


def sentences(error: ValidationError, model: type[BaseModel], place: str = "") -> list[str]:
    """One for each wrong field: where it stands, what is wrong, and what is known there."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in (*filter(None, [place]), *problem["loc"]))
        lines.append(f"{where or 'recipe'}: {_said(problem, model)}")
    return lines


def _said(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with one field, in our words."""
    if problem["type"] == "extra_forbidden":
        known = list(_fields_at(model, problem["loc"][:-1]))
        listed = f" (known: {', '.join(known)})" if known else ""
        return f"there is no such option{meant(str(problem['loc'][-1]), known)}{listed}"
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] in {"model_type", "dict_type"}:
        listed = ", ".join(_fields_at(model, problem["loc"])) or "name: value"
        return f"must be a block of options ({listed}), got {_short(problem['input'])}"
    if problem["type"] == "string_type" and isinstance(problem["input"], bool):
        return "must be text, and YAML takes no, yes, on and off for false and true: put it in quotes"
    message = problem["msg"].removeprefix("Value error, ")
    if message.startswith("Input should"):
        return f"must{message.removeprefix('Input should')}, got {_short(problem['input'])}"
    return message


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields_at(model: Any, place: tuple[int | str, ...]) -> Iterable[str]:
    """The options that exist at ``place`` in ``model``."""
    for part in place:
        fields = getattr(model, "model_fields", {})
        if part in fields:  # else the place of an element, or one of several types
            model = _model_in(fields[part].annotation)
    return getattr(model, "model_fields", {})


def _model_in(annotation: Any) -> Any:
    """The model that an annotation holds: ``Reach``, ``Reach | None``, ``tuple[LabelClass, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)
