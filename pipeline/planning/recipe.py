"""The recipe: what to do, as YAML checked by pydantic. One block of options per slot; ``kind`` picks the stage."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.grid import Grid, grid_preset
from occlabel.schemas.stage import LabelSpace, Stage
from occlabel.schemas.taxonomy import Taxonomy, taxonomy_preset
from occlabel.stages.completion.stage import CompletionStage
from occlabel.stages.instances.stage import InstancesStage
from occlabel.stages.propagation.stage import PropagationStage
from occlabel.stages.tracking.stage import TrackingStage
from occlabel.stages.voting.stage import VotingStage

SLOTS = ("priors", "completion", "propagation", "voting", "instances", "tracking")
"""The slots of the chain, in the order the data flows."""


class Gates(BaseModel):
    """What a version must hold before it is published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_labelled: float = Field(default=0.5, ge=0, le=1)
    """Least share of the planned frames that have labels."""
    min_known: float = Field(default=0.0, ge=0, le=1)
    """Least mean share of voxels, over the labelled frames, that are not unknown."""


class Limits(BaseModel):
    """When a run stops waiting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip_seconds: float = Field(default=1800, gt=0)
    """A clip that takes longer is killed and counts as one that killed its worker."""
    stall_minutes: float = Field(default=60, gt=0)
    """A run in which nothing ends for so long aborts with a report."""
    attempts: int = Field(default=3, ge=1)
    """How often a clip is tried when the store or a worker failed it; one that kills two workers is given up."""


class Recipe(BaseModel):
    """How to turn a drive log into labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid: Grid
    taxonomy: Taxonomy
    clip_frames: int = Field(default=16, ge=1)
    completion: CompletionStage
    propagation: PropagationStage | None = None
    voting: VotingStage | None = None
    instances: InstancesStage | None = None
    tracking: TrackingStage | None = None
    gates: Gates = Gates()
    limits: Limits = Limits()

    @field_validator("grid", mode="before")
    @classmethod
    def _grid(cls, value: Any) -> Any:
        """A preset's name, or ``{preset: name, field: value}`` to change some of its fields, or all fields."""
        if isinstance(value, str):
            return grid_preset(value)
        if isinstance(value, dict) and "preset" in value:
            changes = {name: field for name, field in value.items() if name != "preset"}
            return {**grid_preset(value["preset"]).model_dump(), **changes}
        return value

    @field_validator("taxonomy", mode="before")
    @classmethod
    def _taxonomy(cls, value: Any) -> Any:
        return taxonomy_preset(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _tracked(self) -> Self:
        if self.tracking is not None and self.instances is None:
            raise ValueError("there are no instances to track; add an instances block, or leave tracking out")
        return self

    @property
    def space(self) -> LabelSpace:
        return LabelSpace(self.grid, self.taxonomy)

    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order the data flows; the last one's output is published."""
        slots = (self.completion, self.propagation, self.voting, self.instances, self.tracking)
        return tuple(stage for stage in slots if stage is not None)

    def to_yaml(self) -> str:
        """The effective recipe, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with occlabel."""
    folder = resources.files("occlabel.pipeline.planning.recipes")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(name: str, overrides: list[str] | None = None, skip: list[str] | None = None) -> Recipe:
    """The recipe in the YAML file ``name``, or the shipped one of that name.

    ``overrides`` are ``"stage.option=value"`` (value as YAML), ``skip`` names slots to leave out.
    Raises BadRecipe with the place and what is allowed there.
    """
    fields = _read(name)
    for override in overrides or []:
        _override(fields, override)
    for slot in skip or []:
        if slot not in SLOTS:
            raise BadRecipe(f"--skip {slot}: there is no such slot; slots are {', '.join(SLOTS)}")
        if slot == "completion":
            raise BadRecipe(
                "--skip completion: every recipe needs a completion stage, there is nothing to refine without"
            )
        fields.pop(slot, None)
    return parse_recipe(fields, name)


def parse_recipe(fields: dict[str, Any], name: str) -> Recipe:
    """``fields`` as a recipe. Raises BadRecipe with one sentence per wrong field."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"])
            lines.append(f"{place or 'recipe'}: {problem['msg']}" + _choices(problem["loc"], problem["type"]))
        raise BadRecipe(f"recipe {name} cannot be used: " + "; ".join(lines)) from error


def _choices(place: tuple[int | str, ...], kind: str) -> str:
    """The options that exist where an unknown one was given."""
    if kind != "extra_forbidden":
        return ""
    model: Any = Recipe
    for part in place[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = getattr(field, "annotation", None)
    known = getattr(model, "model_fields", None)
    return f" (known: {', '.join(known)})" if known else ""


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
            if part in block or part not in Recipe.model_fields:
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
