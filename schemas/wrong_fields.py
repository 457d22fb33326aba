"""What is wrong with options that a user wrote: every mistake a sentence, with its place and what is known there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from occlabel.schemas.words import meant


def sentences(error: ValidationError, model: type[BaseModel], place: str = "", whole: str = "recipe") -> list[str]:
    """One for each wrong field: where it stands, what is wrong, and what is known there; ``whole`` is what all of them
    are in."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in (*filter(None, [place]), *problem["loc"]))
        lines.append(f"{where or whole}: {_said(problem, model)}")
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
    if problem["type"] in {"tuple_type", "list_type"}:
        return f"must be a list, got {_short(problem['input'])}"
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
    return [field.alias or name for name, field in getattr(model, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    """The model that an annotation holds: ``Reach``, ``Reach | None``, ``tuple[LabelClass, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)
