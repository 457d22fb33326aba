"""What decided the labels of all logs: options, weights, code, grid and classes, as two versions keep them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePath
from typing import Any

import yaml

from occlabel.pipeline.planning.kinds import KINDS, stage_class
from occlabel.pipeline.published.diff.change import ABSENT, OFF, Change, changed_leaves, leaves
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import places_of
from occlabel.schemas.version import Provenance, StepOrigin, VersionInfo

_NO_LABELS = ("gates", "limits")
"""Blocks of a recipe that decide what is published, and no label."""
_OF_SPACE = ("grid", "taxonomy")
"""Blocks that a version holds as a label space; the recipe is only text."""
_SEVERAL = "priors"


def recipe_changes(a: VersionInfo, b: VersionInfo) -> list[Change]:
    """Everything that the two versions say they did differently, in the order of the chain."""
    before, after = a.provenance, b.provenance
    found = [*_space(a, b), *_options(before, after), *_weights(before, after), *_code(before, after)]
    if before.device != after.device and None not in (before.device, after.device):
        found.append(Change("device", before.device, after.device))
    order = {name: place for place, name in enumerate(chain_order(a, b))}
    return sorted(found, key=lambda change: (not change.decides, order.get(change.step or "", -1)))


def moved_places(a: VersionInfo, b: VersionInfo) -> list[Change]:
    """Changes of options that say where something lies whose content is told of each log."""
    found = recipe_changes(a, b)
    return [change for change in found if not change.decides and change.step not in (None, *_NO_LABELS)]


def chain_order(a: VersionInfo, b: VersionInfo) -> list[str]:
    """Names of the steps of both chains, as the data flows."""
    return list(dict.fromkeys([*_blocks(a.provenance.recipe), *_blocks(b.provenance.recipe)]))


@lru_cache(maxsize=8)
def _blocks(recipe: str) -> dict[str, Any]:
    """The recipe by step, ``priors.depth`` among them, and what it says beside the steps. Nothing for a text that is no
    recipe: it is provenance, and never needed to read a version. Asked again and again of the same two texts, of which
    to parse one takes longer than to compare them."""
    try:
        fields = yaml.safe_load(recipe)
    except yaml.YAMLError:
        return {}
    if not isinstance(fields, dict):
        return {}
    several = fields.get(_SEVERAL) or {}
    blocks = {name: block for name, block in fields.items() if name not in (*_OF_SPACE, _SEVERAL)}
    named = several.items() if isinstance(several, dict) else ()
    return {**{f"{_SEVERAL}.{name}": block for name, block in named}, **blocks}


def _options(before: Provenance, after: Provenance) -> list[Change]:
    mine, other = _blocks(before.recipe), _blocks(after.recipe)
    found: list[Change] = []
    for name in dict.fromkeys([*mine, *other]):
        a, b = mine.get(name), other.get(name)
        files = before.steps.get(name, StepOrigin(version=0)).files, after.steps.get(name, StepOrigin(version=0)).files
        found += [change for change in _of_block(name, a, b) if not _same_file(change, *files)]
    return found


def _of_block(name: str, a: Any, b: Any) -> list[Change]:
    if a == b:
        return []
    step = name if isinstance(a, dict) or isinstance(b, dict) else None
    decides = name not in _NO_LABELS
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return [Change(name, _kind(a), _kind(b), step, decides)]
    if a.get("kind") != b.get("kind"):  # all other options are those of another kind
        return [Change(f"{name}.kind", a.get("kind"), b.get("kind"), step, decides)]
    pairs = changed_leaves(leaves(a), leaves(b))
    if name == "gates":  # a recipe leaves out what it does not ask for
        pairs = [(option, *(_asked(option, value) for value in values)) for option, *values in pairs]
    places = _places(name, a.get("kind"))
    return [
        Change(f"{name}.{option}", mine, other, step, decides and not (option in places and _both_there(mine, other)))
        for option, mine, other in pairs
    ]


def _asked(option: str, value: Any) -> Any:
    """A value of a gate as it is meant: ``drift.most`` of a gate that is left out is off, ``against`` is null."""
    return value if value != ABSENT else OFF if "." in option else None


def _places(step: str, kind: Any) -> frozenset[str]:
    """Options of a kind that say where something lies: what it holds is told of each log. None of a kind that there is
    not any more."""
    slot = step.partition(".")[0]
    if slot not in KINDS or not isinstance(kind, str):
        return frozenset()
    try:
        return places_of(stage_class(slot, kind))
    except BadRecipe:
        return frozenset()


def _both_there(a: Any, b: Any) -> bool:
    return all(value not in (None, ABSENT) for value in (a, b))


def _kind(block: Any) -> Any:
    """How a whole block is called."""
    return block.get("kind", "there") if isinstance(block, dict) else "left out" if block is None else block


def _same_file(change: Change, a: dict[str, str], b: dict[str, str]) -> bool:
    """Whether an option names another place for a file of the same content."""
    if not (isinstance(change.a, str) and isinstance(change.b, str)):
        return False
    mine, other = a.get(PurePath(change.a).name), b.get(PurePath(change.b).name)
    return mine is not None and mine == other


def _weights(before: Provenance, after: Provenance) -> list[Change]:
    found = []
    for name in (name for name in before.steps if name in after.steps):
        mine, other = before.steps[name].files, after.steps[name].files
        if sorted(mine.values()) == sorted(other.values()):
            continue
        for file in dict.fromkeys([*mine, *other]):
            a, b = mine.get(file, ABSENT), other.get(file, ABSENT)
            if a != b:
                found.append(Change(f"weights of {name}: {file}", a[:16], b[:16], name))
    return found


def _code(before: Provenance, after: Provenance) -> list[Change]:
    pairs = ((name, before.steps[name], after.steps[name]) for name in before.steps if name in after.steps)
    found = [Change(f"code of {n}: version", a.version, b.version, n) for n, a, b in pairs if a.version != b.version]
    if before.code != after.code:
        found.append(Change("occlabel", before.code, after.code, decides=False))
    return found


def _space(a: VersionInfo, b: VersionInfo) -> list[Change]:
    grids = [leaves(v.space.grid.model_dump(mode="json", exclude={"ranges"})) for v in (a, b)]
    found = [Change(f"grid.{place}", mine, other) for place, mine, other in changed_leaves(*grids)]
    names, others = a.space.taxonomy.names, b.space.taxonomy.names
    if names == others:
        plain = [leaves(v.space.taxonomy.model_dump(mode="json", exclude={"classes", "name"})) for v in (a, b)]
        return found + [Change(f"taxonomy.{place}", mine, other) for place, mine, other in changed_leaves(*plain)]
    lost, fresh = ", ".join(n for n in names if n not in others), ", ".join(n for n in others if n not in names)
    return [*found, Change("classes that only one has:", lost or "none", fresh or "none")]
