"""The rows of a data loop: who labels the unlabelled logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import Stage

BEFORE = "as it was"
ALONE = "labelled alone"
RAW = "+ raw"
VOTED = "+ voted"
BOTH = "+ local and voted"
OFFBOARD = "+ offboard"
TRUTH = "+ truth"

_SLOTS: dict[str, tuple[str, ...]] = {RAW: (), VOTED: ("voting",), BOTH: ("propagation", "voting")}
"""What of the recipe labels after the onboard model."""

_REACH = 4
"""Sweeps before and after a frame that the offboard model sees where the recipe does not say."""


@dataclass(frozen=True)
class Rows:
    """What can be asked of a recipe and its logs."""

    recipe: Recipe
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    """A sentence for each row that there cannot be."""
    reach: int
    """Sweeps before and after a frame that the offboard model sees."""

    def chain(self, row: str, weights: Path) -> Recipe:
        """What labels the unlabelled logs in ``row``, with the ``weights`` of the model that looks."""
        recipe = _by_what_truth_says(self.recipe)
        assert recipe.completion is not None  # see rows_of
        reach = self.reach if row == OFFBOARD else 0
        looks = recipe.completion.model_copy(update={"weights": weights.absolute(), "sweeps": reach})
        dropped = ["instances", "tracking"]
        if row != OFFBOARD:
            dropped += [slot for slot in ("propagation", "voting", "ground") if slot not in _SLOTS[row]]
        if row == RAW:
            dropped += ["geometry", "evidence"]  # a frame alone asks neither where it is nor what others saw
        return recipe.model_copy(update={"completion": looks}).without(dropped)


def _by_what_truth_says(recipe: Recipe) -> Recipe:
    """Without odds: how common a class is the rows' networks learn from the labelled logs."""
    changed = {slot: stage.model_copy(update={"odds": {}}) for slot, stage in _with_odds(recipe).items()}
    return recipe.model_copy(update=changed)


def _with_odds(recipe: Recipe) -> dict[str, Stage]:
    stages = {slot: getattr(recipe, slot) for slot in ("completion", "propagation")}
    return {slot: stage for slot, stage in stages.items() if getattr(stage, "odds", None)}


def rows_of(recipe: Recipe, known: float, started: bool = False) -> Rows:
    """The rows that there can be; ``known`` is the share of the unlabelled frames that have truth, ``started`` whether
    all begin from weights, which are then the first row.

    Raises BadRecipe for a recipe whose onboard model is not the built-in network, which is what the loop trains, or is
    told what images say.
    """
    if recipe.completion is None or recipe.completion.kind != "lmscnet":
        kind = "none" if recipe.completion is None else recipe.completion.kind
        raise BadRecipe(f"the loop trains the built-in network (completion.kind lmscnet); the recipe has {kind}")
    if getattr(recipe.completion, "paint", False):
        raise BadRecipe("the loop trains on sweeps alone; set completion.paint: false")
    names = [*([BEFORE] if started else []), ALONE, RAW]
    left_out = [
        f"{slot}.odds of the recipe, as how common a class is is learned from the labelled logs"
        for slot in _with_odds(recipe)
    ]
    for row in (VOTED, BOTH):
        lacking = [slot for slot in _SLOTS[row] if getattr(recipe, slot) is None]
        if lacking:
            left_out.append(f"{row!r}, as the recipe has no {' and no '.join(lacking)}")
        else:
            names.append(row)
    names.append(OFFBOARD)
    if known > 0:
        names.append(TRUTH)
        if known < 1:
            left_out.append(f"of {TRUTH!r} the {100 * (1 - known):.0f}% of the unlabelled frames that have no truth")
    else:
        left_out.append(f"{TRUTH!r}, as the unlabelled logs have no truth")
    return Rows(recipe, tuple(names), tuple(left_out), getattr(recipe.completion, "sweeps", 0) or _REACH)
