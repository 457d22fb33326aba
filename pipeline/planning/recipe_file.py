"""Recipes as files: the shipped ones and a user's own, with the changes that a command line makes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from occlabel.pipeline.planning.blocks import sentences, stages_of
from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.errors import BadRecipe


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with occlabel."""
    folder = resources.files("occlabel.pipeline.planning.recipes")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(
    name: str,
    overrides: list[str] | None = None,
    skip: list[str] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Recipe:
    """The recipe in the YAML file ``name``, or the shipped one of that name.

    ``overrides`` are ``"stage.option=value"`` (value as YAML), ``skip`` names slots to leave out; ``note`` is told what
    falls with them. Raises BadRecipe with the place and what is allowed there.
    """
    fields = _read(name)
    for override in overrides or []:
        _override(fields, override)
    recipe = parse_recipe(fields, name)
    return recipe.without(skip, note) if skip else recipe


def parse_recipe(fields: dict[str, Any], name: str) -> Recipe:
    """``fields`` as a recipe. Raises BadRecipe with one sentence per wrong field."""
    lines: list[str] = []
    blocks = dict(fields)
    for slot in SLOTS:
        try:
            if blocks.get(slot) is not None:
                blocks[slot] = stages_of(slot, blocks[slot])
        except BadRecipe as error:
            lines.append(str(error))
            del blocks[slot]
    try:
        recipe = Recipe.model_validate(blocks)
    except ValidationError as error:
        found = sentences(error, Recipe)
        lines += [line for line in found if not lines or not line.startswith("recipe: ")]  # as below
    except BadRecipe as error:
        if not lines:  # or it may only lack what could not be read
            lines.append(str(error))
    if lines:
        raise BadRecipe(f"recipe {name} cannot be used: " + "; ".join(lines))
    return recipe


def _read(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise BadRecipe(f"recipe file {name} does not exist")
        text = path.read_text()
    elif name in shipped_recipes():
        text = resources.files("occlabel.pipeline.planning.recipes").joinpath(f"{name}.yaml").read_text()
    else:
        raise BadRecipe(f"there is no recipe {name!r}; give a YAML file or one of: {', '.join(shipped_recipes())}")
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadRecipe(f"recipe {name} is not valid YAML: {error}") from error
    if not isinstance(fields, dict):
        raise BadRecipe(f"recipe {name} holds {type(fields).__name__}, expected options such as 'grid: semantickitti'")
    return fields


def _override(fields: dict[str, Any], override: str) -> None:
    place, separator, value = override.partition("=")
    if not separator or not place:
        raise BadRecipe(f"--set {override}: expected stage.option=value, e.g. voting.radius=10")
    *parents, option = place.split(".")
    block = fields
    for part in parents:
        if not isinstance(block.get(part), dict):
            if part in block or (block is fields and part not in Recipe.model_fields):
                raise BadRecipe(f"--set {override}: the recipe has no block {part!r}")
            block[part] = {}
        block = block[part]
    try:
        parsed = yaml.safe_load(value)
        if option == "kind" and block.get("kind", parsed) != parsed:
            block.clear()  # the options were those of the other kind
        block[option] = parsed
    except yaml.YAMLError as error:
        raise BadRecipe(f"--set {override}: {value!r} is not a YAML value") from error
