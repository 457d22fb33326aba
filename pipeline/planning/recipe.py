"""The recipe: what to do, as YAML checked by pydantic. One block of options per slot; ``kind`` picks the stage."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from occlabel.pipeline.planning.blocks import stages_of
from occlabel.pipeline.planning.chain import Chain, Step, changes, sources, unresolved
from occlabel.pipeline.planning.gates import Gates as Gates
from occlabel.pipeline.planning.kinds import SEVERAL, SLOTS
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.grid import Grid, grid_preset
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Stage
from occlabel.schemas.taxonomy import Taxonomy, taxonomy_preset
from occlabel.schemas.words import meant

_LONGEST = 7 * 24 * 60
"""Minutes that a run may wait. Who waits for a worker counts milliseconds in 32 bits, which end after 24 days."""


class Limits(BaseModel):
    """When a run stops waiting."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    clip_seconds: float = Field(default=1800, gt=0, le=60 * _LONGEST, allow_inf_nan=False)
    """A clip that takes longer is killed and counts as one that killed its worker; a week at most."""
    stall_minutes: float = Field(default=60, gt=0, le=_LONGEST, allow_inf_nan=False)
    """A run in which nothing ends for so long aborts with a report; a week at most."""
    attempts: int = Field(default=3, ge=1, le=1000, strict=True)
    """How often a clip is tried when the store or a worker failed it; one that kills two workers is given up."""

    @model_validator(mode="after")
    def _clips_may_end(self) -> Self:
        if self.clip_seconds > self.stall_minutes * 60 and "clip_seconds" in self.model_fields_set:
            raise ValueError(
                f"a clip may take clip_seconds={self.clip_seconds:g}, and a run in which nothing ends for "
                f"stall_minutes={self.stall_minutes:g} is aborted before: set stall_minutes to at least "
                f"{math.ceil(self.clip_seconds / 60)}"
            )
        return self


OneStage = SerializeAsAny[Stage] | None


class Recipe(BaseModel):
    """How to turn a drive log into labels: the label space, and a block for each slot of the chain."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    grid: Grid
    """Where voxels lie: the name of a preset, ``{preset: NAME, ...}`` with other values for some of its fields, or all
    fields."""
    taxonomy: Taxonomy
    """What the classes are: the name of a preset, or all fields."""
    clip_frames: int = Field(default=16, ge=1, le=10_000, strict=True)
    """Frames in a clip, the unit of work and of commit."""
    priors: dict[str, SerializeAsAny[Stage]] = {}
    """Several, each under a name: ``priors: {depth: {kind: ...}, segments: {kind: ...}}``."""
    geometry: OneStage = None
    """Finds poses and calibration, for logs that have none or wrong ones."""
    evidence: OneStage = None
    """What each frame's own sweep hit and passed through."""
    completion: OneStage = None
    """The onboard model: predicts the labels of each frame from that frame."""
    propagation: OneStage = None
    """Corrects the labels of a few frames by each other."""
    voting: OneStage = None
    """Lets all frames around one vote on its labels."""
    ground: OneStage = None
    """Tells grown ground from paved ground."""
    review: OneStage = None
    """Lays what people corrected over the labels: votes never overrule a human."""
    instances: OneStage = None
    """Finds the objects of each frame."""
    tracking: OneStage = None
    """Gives objects ids that hold through the log."""
    audit: OneStage = None
    """Judges each object by all frames around: its class, whether there is evidence for it, how it moves."""
    gates: Gates = Gates()
    """What a version must hold before it is published, and before it is the latest."""
    limits: Limits = Limits()
    """When a run stops waiting."""

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

    @field_validator("grid")
    @classmethod
    def _around_the_car(cls, value: Grid) -> Grid:
        if (reason := value.refuse()) is not None:
            raise ValueError(reason)
        return value

    @field_validator("taxonomy", mode="before")
    @classmethod
    def _taxonomy(cls, value: Any) -> Any:
        return taxonomy_preset(value) if isinstance(value, str) else value

    @field_validator(*SLOTS, mode="before")
    @classmethod
    def _stages(cls, value: Any, info: Any) -> Any:
        return stages_of(info.field_name, value)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.chain:
            raise ValueError(f"there is no stage; add at least one block of {', '.join(SLOTS)}")
        for index in range(len(self.chain)):
            sources(self.chain, index)
        return self

    @property
    def space(self) -> LabelSpace:
        return LabelSpace(self.grid, self.taxonomy)

    @property
    def chain(self) -> Chain:
        """The stages in the order the data flows."""
        steps: list[Step] = []
        for slot in SLOTS:
            held = getattr(self, slot)
            if isinstance(held, dict):
                steps.extend(Step(f"{slot}.{name}", stage) for name, stage in held.items())
            elif held is not None:
                steps.append(Step(slot, held))
        return tuple(steps)

    def without(self, slots: list[str], note: Callable[[str], None] = lambda _: None) -> Recipe:
        """The recipe without these slots and without what cannot work then, which ``note`` is told in sentences.

        A stage that can do without what they wrote stays, with the options by which it can.

        Raises BadRecipe for a slot that does not exist, or when nothing would be left.
        """
        dropped: dict[str, Any] = {}
        for slot in slots:
            if slot not in SLOTS:
                raise BadRecipe(
                    f"--skip {slot}: there is no such slot{meant(slot, SLOTS)}; slots are {', '.join(SLOTS)}"
                )
            dropped[slot] = {} if slot in SEVERAL else None
        left = self.model_copy(update=dropped)
        while lacking := [(step, array) for i, step in enumerate(left.chain) if (array := unresolved(left.chain, i))]:
            step, array = lacking[0]
            skip, spared = " --skip ".join(slots), step.stage.without(array)
            if spared is None:
                note(f"--skip {skip} leaves out {step.title} too: nothing else writes {array!r} for it")
            else:
                note(f"--skip {skip} sets {' '.join(changes(step, spared))}: nothing else writes {array!r} for it")
            left = left.model_copy(update=_instead(left, step.name, spared))
        if not left.chain:
            raise BadRecipe(f"--skip {' --skip '.join(slots)} leaves no stage at all: there is nothing to do without")
        return left

    def to_yaml(self) -> str:
        """The effective recipe, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def _instead(recipe: Recipe, name: str, stage: Stage | None) -> dict[str, Any]:
    """The change that puts ``stage`` where the step ``name`` is, or takes that out."""
    slot, _, inner = name.partition(".")
    if slot not in SEVERAL:
        return {slot: stage}
    held = {**getattr(recipe, slot), inner: stage}
    return {slot: {name: one for name, one in held.items() if one is not None}}
