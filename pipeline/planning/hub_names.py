"""Which weights on the Hugging Face hub a recipe names, and where in it."""

from __future__ import annotations

from dataclasses import dataclass

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.stage import HUB_OR_FOLDER


@dataclass(frozen=True, slots=True)
class NamedWeights:
    """An option of a recipe that names weights."""

    place: str
    """Of the option: ``priors.segments.detector``."""
    weights: str
    """A name on the hub, or a folder."""
    revision_place: str
    """Of the option with the revision: ``priors.segments.detector_revision``."""
    revision: str | None
    """None: the branch ``main``."""


def named_weights(recipe: Recipe) -> list[NamedWeights]:
    """In the order of the chain. The revision of an option ``detector`` is the option ``detector_revision``, or
    ``revision`` where the kind has weights of one model alone."""
    result = []
    for step in recipe.chain:
        fields = type(step.stage).model_fields
        for name, field in fields.items():
            weights = getattr(step.stage, name)
            if HUB_OR_FOLDER in field.metadata and weights is not None:
                told = f"{name}_revision" if f"{name}_revision" in fields else "revision"
                revision = getattr(step.stage, told)
                result.append(NamedWeights(f"{step.name}.{name}", weights, f"{step.name}.{told}", revision))
    return result
