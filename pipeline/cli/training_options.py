"""The options of a training as options of its command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from occlabel.schemas.errors import BadRecipe
from occlabel.stages.learning.options import FIXED, TrainingOptions

Command = Callable[..., None]


def offering(options: type[TrainingOptions]) -> Callable[[Command], Command]:
    """Makes a command of a function with a parameter ``options``: instead of that, the command has an option for each
    field that is not FIXED, of the field's name and default, with its docstring for help."""
    offered = {name: field for name, field in options.model_fields.items() if FIXED not in field.metadata}

    def decorate(function: Command) -> Command:
        @wraps(function)
        def command(**given: Any) -> None:
            function(options=_checked(options, {name: given.pop(name) for name in offered}), **given)

        parameters = list(_parameters(inspect.signature(function, eval_str=True), offered))
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _checked(options: type[TrainingOptions], typed: dict[str, Any]) -> TrainingOptions:
    """Raises BadRecipe with one sentence per wrong option."""
    try:
        return options(**typed)
    except ValidationError as error:
        from occlabel.schemas.wrong_fields import sentences

        raise BadRecipe("; ".join(f"--{line.replace('_', '-')}" for line in sentences(error, options))) from error


def _parameters(signature: inspect.Signature, offered: dict[str, FieldInfo]) -> Iterator[inspect.Parameter]:
    for parameter in signature.parameters.values():
        if parameter.name != "options":
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        for name, field in offered.items():
            annotation = Annotated[field.annotation, _option(name, field)]  # type: ignore[name-defined]
            yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)


def _option(name: str, field: FieldInfo) -> Any:
    flag = f"--{name.replace('_', '-')}"
    if field.annotation is bool:
        return typer.Option(f"{flag}/--no-{flag[2:]}", help=field.description)
    least, most = (next((getattr(m, side) for m in field.metadata if hasattr(m, side)), None) for side in ("ge", "le"))
    return typer.Option(flag, help=field.description, min=least, max=most)
