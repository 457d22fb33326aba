"""Tables of every option, made from the models that check recipes: a mkdocs hook.

``<!-- options -->`` in a page becomes a table for the recipe, its gates and limits, and for every kind of every slot.
An option or a kind that says nothing about itself fails the build.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mkdocs.exceptions import PluginError
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from occlabel.pipeline.planning.kinds import KINDS, SLOTS, stage_class
from occlabel.pipeline.planning.recipe import Gates, Limits, Recipe
from occlabel.schemas.arrays import ArraySpec
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Stage
from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.priors.segments.class_tables import ClassTable
from occlabel.stages.priors.segments.prompts import Prompts

MARKER = "<!-- options -->"
_BLOCKS: dict[str, type[BaseModel]] = {
    "The recipe": Recipe,
    "grid": Grid,
    "taxonomy": Taxonomy,
    "class of a taxonomy": LabelClass,
    "gates": Gates,
    **{f"gate {name}": options for name, options in Gates.blocks().items()},
    "limits": Limits,
    "class table": ClassTable,
    "prompts": Prompts,
}
_LINKS = {model: f"[{title}](#{title.replace(' ', '-')})" for title, model in _BLOCKS.items()}
_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", Path: "path", NoneType: "null"}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace(MARKER, "\n".join(_page())) if MARKER in markdown else markdown


def _page() -> Iterator[str]:
    for title, model in _BLOCKS.items():
        yield from (f"\n## {title}\n", _said(model), "", *table(model))
    for slot in SLOTS:
        yield f"\n## {slot}\n"
        if not KINDS[slot]:
            yield "No kind comes with occlabel yet; a package can bring one ([your own stage](own-stage.md))."
        for kind in KINDS[slot]:
            stage = stage_class(slot, kind)
            yield from (f"\n### {slot}: {kind}\n", _said(stage), "", _flow(stage), "", *table(stage))


def table(model: type[BaseModel]) -> Iterator[str]:
    """The options of a model as lines of Markdown. Raises PluginError for one without a docstring."""
    options = {name: field for name, field in model.model_fields.items() if name != "kind"}
    if not options:
        yield "It has no options."
        return
    yield from ("| option | type | default | what it means |", "| --- | --- | --- | --- |")
    for name, field in options.items():
        if not field.description:
            raise PluginError(f"{model.__module__}.{model.__qualname__}.{name} has no docstring: say what it means")
        cells = (f"`{name}`", _type(field), _default(field), _line(field.description))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _said(model: type[BaseModel]) -> str:
    """The docstring of the class itself."""
    if not (text := model.__dict__.get("__doc__")):
        raise PluginError(f"{model.__module__}.{model.__qualname__} has no docstring: say what it does")
    return cleandoc(text)


def _flow(stage: type[Stage]) -> str:
    reads = [*(f"`{sense}` of the log" for sense in stage.senses), *map(_array, stage.reads)]
    return f"Reads {', '.join(reads) or 'nothing'}; writes {', '.join(map(_array, stage.writes))}."


def _array(spec: ArraySpec[Any]) -> str:
    return f"`{spec.name}`"


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{words} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, words in _BOUNDS.items()
        if getattr(limit, name, None) is not None
    ]
    return ", ".join([_words(field.annotation), *bounds])


def _words(kind: Any) -> str:
    """A type as a recipe's author knows it: what may stand in the YAML."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(parts[0])
    if origin is Literal:
        return " or ".join(f"`{json.dumps(part).strip(chr(34))}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in parts)
    if origin is tuple and parts[-1:] != (...,):
        return f"[{', '.join(_words(part) for part in parts)}]"
    if origin in (list, tuple):
        return f"list of {_words(parts[0])}"
    if origin is dict:
        return f"{_words(parts[1])} by {'name' if parts[0] is str else _words(parts[0])}"
    if isinstance(kind, type) and issubclass(kind, Stage):
        return "a stage"
    return _WORDS.get(kind) or _LINKS[kind]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its own"
    return f"`{json.dumps(value, default=str)}`" if value not in ({}, ()) else "none"


def _line(text: str) -> str:
    return " ".join(text.split())
