"""What of a recipe works and is probably not meant."""

from __future__ import annotations

from occlabel.pipeline.planning.fingerprint import onboard_name
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.log_facts import LogFacts
from occlabel.stages.propagation.stage import LocalPropagation


def cautions(recipe: Recipe) -> tuple[str, ...]:
    """Whole sentences about parts that work alone and do not go together."""
    propagation, completion = recipe.propagation, recipe.completion
    if not isinstance(propagation, LocalPropagation) or completion is None:
        return ()
    onboard, reach = propagation.trained_with(recipe.space)
    result = []
    if onboard != (found := onboard_name(completion, recipe.space)):
        result.append(
            f"the propagation weights were trained on labels of {onboard}, the recipe's completion is {found}: they "
            "correct the errors of another model; train weights for this one with occlabel train propagation"
        )
    if reach != propagation.reach:
        result.append(
            f"the propagation weights were trained with {reach.local} frames refined together and {reach.references} "
            f"references {reach.distance:g} m away within {reach.radius} frames, the recipe asks for others"
        )
    return tuple(result)


def doubts(log: LogFacts, recipe: Recipe) -> tuple[str, ...]:
    """Whole sentences about what a log and a recipe have that do not go together. Raises BadLog when nothing would come
    of it."""
    return tuple(said for step in recipe.chain if (said := step.stage.doubts(recipe.space, log)) is not None)
