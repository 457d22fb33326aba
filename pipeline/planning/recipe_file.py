"""Recipes as files: the shipped ones and a user's own, with the changes that a command line makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from occlabel.pipeline.planning.blocks import WrongFields, stages_of, switches
from occlabel.pipeline.planning.gates import TRUTHLESS, Gates
from occlabel.pipeline.planning.kinds import SEVERAL, SLOTS
from occlabel.pipeline.planning.paths import anchored
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.arguments import is_a, listed
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.words import meant
from occlabel.schemas.wrong_fields import sentences
from occlabel.schemas.yaml_text import parse_yaml, read_yaml


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with occlabel."""
    folder = resources.files("occlabel.pipeline.planning.recipes")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(
    name: str | Path,
    overrides: list[str] | None = None,
    skip: list[str] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Recipe:
    """The recipe in the YAML file ``name``, or the shipped one of that name.

    ``overrides`` are ``"stage.option=value"`` (value as YAML), ``skip`` names slots to leave out; ``note`` is told what
    falls with them, and which stages overrides make whose name may be misspelt. Paths in a file are relative to the
    file, those of ``overrides`` to the current folder. Raises BadRecipe with the place and what is allowed there.
    """
    is_a("name", name, str | Path, "a YAML file, or the name of a recipe, as text", BadRecipe)
    changes = [] if overrides is None else listed("overrides", overrides, "changes", BadRecipe)
    slots = [] if skip is None else listed("skip", skip, "slots", BadRecipe)
    name = str(name)
    fields = _read(name)
    told = _in_order(changes)
    made = list(_made(fields, [place for place, _ in told]))
    for place, value in told:
        _override(fields, place, value)
    recipe = parse_recipe(anchored(fields, Path.cwd()), name, dict(told))
    for sentence in made:
        note(sentence)
    return recipe.without(slots, note) if slots else recipe


def refuse_vain(overrides: list[str] | None, skip: list[str] | None) -> None:
    """Of one command, not of the rows of a table that share their overrides: raises BadRecipe for an override in a slot
    that is left out."""
    for place, value in _in_order(overrides or []):
        slot, _, option = place.partition(".")
        if option and slot in (skip or []):
            raise BadRecipe(f"--skip {slot} leaves out the block in which --set {place}={value} is: drop one of them")


def load_gates(name: str | None, overrides: list[str], against: str | None, truth: Path | None) -> Gates:
    """The gates of the recipe ``name``; without one all that need no truth, with the values of a nightly run, and with
    ``against`` and ``truth`` those that hold a version against another one. Both stand before what the recipe says.

    Raises BadRecipe as ``load_recipe`` does, and for an ``against`` or ``truth`` that no gate looks at.
    """
    fields = {"gates": {gate: {} for gate in TRUTHLESS}} if name is None else _read(name)
    told = {place: str(value) for place, value in (("against", against), ("truth", truth)) if value is not None}
    fields["gates"] = {**(fields.get("gates") or {}), **told}
    if name is None and against is not None:
        fields["gates"] |= {"drift": {}} | ({} if truth is None else {"regression": {}})
    for place, value in _in_order(overrides):
        if place.partition(".")[0] != "gates":
            raise BadRecipe(f"--set {place}: only gates can be set here, e.g. gates.drift.most=0.2")
        _override(fields, place, value)
    fields = anchored(fields, Path.cwd())
    try:
        gates = Gates.model_validate(fields["gates"]) if name is None else parse_recipe(fields, name).gates
    except ValidationError as error:
        raise BadRecipe("; ".join(sentences(error, Gates, "gates"))) from error
    _refuse_idle(gates, name, told)
    return gates


def _refuse_idle(gates: Gates, name: str | None, told: Mapping[str, str]) -> None:
    """Raises BadRecipe where the command line says what to hold a version against (``told``), and no gate does."""
    asked = {gate for gate, _ in gates.judged()}
    of = "" if name is None else f" of recipe {name}"
    for option, users, how in (
        ("truth", {"score", "regression"}, "--set gates.score.min_miou=0.5, or --against STORE@VERSION and"),
        ("against", {"regression", "drift"}, "--set gates.drift={}, or --truth FOLDER and"),
    ):
        if option in told and not asked & users:
            raise BadRecipe(
                f"--{option} {told[option]}: no gate{of} asks for it; leave it out, or ask one with {how} "
                "--set gates.regression={}"
            )


def parse_recipe(fields: dict[str, Any], name: str, told: Mapping[str, str] | None = None) -> Recipe:
    """``fields`` as a recipe, in which ``told`` came from a command line: place -> value. Raises BadRecipe with one
    sentence per wrong field."""
    lines: list[str] = []
    blocks = dict(fields)
    for slot in SLOTS:
        try:
            if blocks.get(slot) is not None:
                blocks[slot] = stages_of(slot, blocks[slot])
        except BadRecipe as error:
            lines += error.args if isinstance(error, WrongFields) else [str(error)]
            del blocks[slot]
    try:
        recipe = Recipe.model_validate(blocks)
        lines += switches(fields, recipe)
    except ValidationError as error:
        found = sentences(error, Recipe)
        lines += [line for line in found if not lines or not line.startswith("recipe: ")]  # as below
    except BadRecipe as error:
        if not lines:  # or it may only lack what could not be read
            lines.append(str(error))
    if lines:
        raise BadRecipe(_blamed(lines, name, told or {}))
    return recipe


def _blamed(lines: list[str], name: str, told: Mapping[str, str]) -> str:
    """The sentences about wrong fields, those of the command line by what was typed there and not by the file."""
    typed, written = [], []
    for line in lines:
        place, _, fault = line.partition(": ")
        by = next((by for by in told if place == by or place.startswith(f"{by}.")), None)
        if by is None and fault == "is missing":  # another kind has other options
            by = next((by for by in told if by == f"{place.rpartition('.')[0]}.kind"), None)
        if by is None:
            written.append(line)
        else:
            typed.append(f"--set {by}={told[by]}: {fault if place == by else line}")
    return "; ".join([*([f"recipe {name} cannot be used: " + "; ".join(written)] if written else []), *typed])


def _read(name: str) -> dict[str, Any]:
    """The fields of a recipe; paths in a file are relative to it."""
    path = Path(name)
    try:
        there = path.exists()
    except OSError:  # a name that no file can have
        there = False
    if there:
        fields = read_yaml(path, f"recipe {name}")
    elif path.suffix in {".yaml", ".yml"}:
        raise BadRecipe(f"recipe file {name} does not exist")
    elif name in shipped_recipes():
        folder = resources.files("occlabel.pipeline.planning.recipes")
        fields = parse_yaml(folder.joinpath(f"{name}.yaml").read_bytes(), f"recipe {name}")
    else:
        known = shipped_recipes()
        raise BadRecipe(
            f"there is no recipe {name!r}{meant(name, known)}; give a YAML file or one of: {', '.join(known)}"
        )
    if not isinstance(fields, dict):
        found = "nothing" if fields is None else f"{type(fields).__name__} {str(fields)[:30]!r}"
        raise BadRecipe(f"recipe {name} holds {found}, expected options such as 'grid: semantickitti'")
    return anchored(fields, path.parent.resolve()) if there else fields


def _in_order(overrides: list[str]) -> list[tuple[str, str]]:
    """``place=value`` as pairs, kinds first: another kind drops the options of the old one, not those that are set.

    Raises BadRecipe for what is no such text, or a place with two values.
    """
    told: dict[str, str] = {}
    for override in overrides:
        place, separator, value = override.partition("=")
        if not separator or not all(place.split(".")):
            raise BadRecipe(f"--set {override}: expected stage.option=value, e.g. voting.radius=10")
        if told.setdefault(place, value) != value:
            raise BadRecipe(f"--set {place} is given twice, as {told[place]} and as {value}; leave one out")
    return sorted(told.items(), key=lambda item: not item[0].endswith(".kind"))


def _made(fields: dict[str, Any], places: list[str]) -> Iterator[str]:
    """A sentence for each stage that overrides add to a slot of several, where the recipe has one of a similar name."""
    for slot in sorted(SEVERAL):
        known = list(block) if isinstance(block := fields.get(slot), dict) else []
        added = {place.split(".")[1]: None for place in places if place.startswith(f"{slot}.")}
        for name in added:
            if name not in known and (near := meant(name, known)):
                yield (
                    f"--set {slot}.{name} adds a stage {slot}.{name} to the recipe, which has {', '.join(known)} and "
                    f"none of that name{near}"
                )


def _override(fields: dict[str, Any], place: str, value: str) -> None:
    said = f"--set {place}={value}"
    *parents, option = place.split(".")
    block = fields
    for part in parents:
        if block is fields and part == "grid" and isinstance(block.get(part), str):
            block[part] = {"preset": block[part]}
        if not isinstance(block.get(part), dict):
            if part in block and block[part] is not None:
                raise BadRecipe(f"{said}: {part!r} is {block[part]!r} in the recipe, no block of options")
            if block is fields and part not in Recipe.model_fields:
                known = [*SLOTS, "grid", "taxonomy", "gates", "limits"]
                raise BadRecipe(
                    f"{said}: the recipe has no block {part!r}{meant(part, known)}; blocks are {', '.join(known)}"
                )
            block[part] = {}
        block = block[part]
    parsed = parse_yaml(value, f"{said}: the value")
    if option == "kind" and block.get("kind", parsed) != parsed:
        block.clear()  # the options were those of the other kind
    block[option] = parsed
