"""What the stages of a chain are worth: the same logs labelled by some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.errors import BadRecipe

OBJECTS = ("instances", "tracking", "audit")
"""Slots that change no semantics."""

_ALONE = "the frame alone"
"""Stands for the override by which a completion hears of no other frame."""
_FRAMES_AROUND = ("sweeps", "radius")
"""Options of completions that say how many frames before and after are heard."""
_ROWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "single": (("ground", "propagation", "voting"), (_ALONE,)),
    "ground": (("propagation", "voting"), (_ALONE,)),
    "local": (("ground", "voting"), (_ALONE,)),
    "global": (("ground", "propagation"), (_ALONE,)),
    "both": (("ground",), (_ALONE,)),
    "sweeps": (("ground", "propagation", "voting"), ()),
    "sweeps+local": (("ground", "voting"), ()),
    "sweeps+global": (("ground", "propagation"), ()),
    "sweeps+both": (("ground",), ()),
    "recipe": ((), ()),
    "accumulated": (("ground", "propagation", "voting"), ("completion.kind=accumulated",)),
}
"""Slots left out and options set, beside those of objects."""

PARTS = {
    "ground": ("single",),
    "local": ("single",),
    "global": ("single",),
    "both": ("single", "local", "global"),
    "sweeps": ("single",),
    "sweeps+local": ("local", "sweeps"),
    "sweeps+global": ("global", "sweeps"),
    "sweeps+both": ("both", "sweeps+local", "sweeps+global"),
    "recipe": ("ground", "both", "sweeps+local", "sweeps+global", "sweeps+both"),
}
"""Rows that a row is made of, and should not be below."""


def rows(recipe: str, names: Iterable[str], overrides: Sequence[str] = ()) -> dict[str, Recipe]:
    """The chain of ``recipe`` with ``overrides``, in parts: ``names`` are keys of the table above, or ``NAME: changes``
    (as ``gate 1: propagation.gate=1``, several apart by blanks) for the recipe with more overrides.

    Raises BadRecipe for a row that does not exist, or an override that cannot be.
    """
    result = {}
    for name in names:
        title, own, more = name.partition(":")
        if not own and name not in _ROWS:
            raise BadRecipe(f"there is no row {name!r}; rows are {', '.join(_ROWS)}, or NAME: STAGE.OPTION=VALUE")
        skipped, asked = ((), tuple(more.split())) if own else _ROWS[name]
        changes = _alone(recipe, overrides) if asked == (_ALONE,) else asked
        held = _of_another_kind(recipe, overrides) if name == "accumulated" else overrides
        result[title] = load_recipe(recipe, [*held, *changes], [*skipped, *OBJECTS])
    return result


def _alone(recipe: str, overrides: Sequence[str]) -> list[str]:
    """Overrides by which the recipe's completion hears of no other frame; many a kind hears of none anyway."""
    stage = load_recipe(recipe, [*overrides]).completion
    return [f"completion.{name}=0" for name in _FRAMES_AROUND if hasattr(stage, name)]


def _of_another_kind(recipe: str, overrides: Sequence[str]) -> list[str]:
    """``overrides`` for a row of another kind of completion, which knows no options of the recipe's but whose network
    names its points."""
    weights = getattr(load_recipe(recipe, [*overrides]).completion, "weights", None)
    others = [override for override in overrides if not override.startswith("completion.")]
    return others if weights is None else [*others, f"completion.weights={weights}"]


def below_parts(miou: Mapping[str, float]) -> list[str]:
    """A sentence for each row that lies below one that it is made of."""
    pairs = [(row, part) for row, parts in PARTS.items() for part in parts if row in miou and part in miou]
    return [
        f"{row} ({miou[row]:.1f}) is below {part} ({miou[part]:.1f})" for row, part in pairs if miou[row] < miou[part]
    ]
