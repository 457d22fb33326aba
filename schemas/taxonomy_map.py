"""From the classes of one taxonomy to those of another: by name, and as a user says in a file. Never by bare id."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.schemas.words import meant
from occlabel.schemas.yaml_text import read_yaml

STRAY = 254
"""What an id that is no class is mapped to. It is an id like any other to whoever refuses those, and no class of any
taxonomy: their ids end at 63."""
UNKNOWN_NAME = "unknown"
"""What a map file may say in place of null."""


class TaxonomyMap(BaseModel):
    """Which class of ``target`` each class of ``source`` is; None: none of them, so it is not scored or exported."""

    model_config = ConfigDict(frozen=True)

    source: Taxonomy
    target: Taxonomy
    names: dict[str, str | None]

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        """Class id in the target by id in the source, [256]; UNKNOWN for what has none, and for UNKNOWN itself. An id
        that is no class becomes one that is none of the target's either: STRAY."""
        table = np.full(256, STRAY, np.uint8)
        table[UNKNOWN] = UNKNOWN
        for entry in self.source.classes:
            name = self.names[entry.name]
            table[entry.id] = UNKNOWN if name is None else self.target.names.index(name)
        return table

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """The classes that are none of the target's."""
        return tuple(name for name, target in self.names.items() if target is None)


def map_between(source: Taxonomy, target: Taxonomy, told: dict[str, str | None] | None = None) -> TaxonomyMap:
    """Equal names are equal classes, and free is free, unless ``told`` says otherwise.

    Raises BadRecipe for a class of which nobody says what it is, and for names that are no classes.
    """
    told = told or {}
    _refuse_unknown(told, source, target)
    names: dict[str, str | None] = {name: name for name in source.names if name in target.names}
    names[source.names[source.free_id]] = target.names[target.free_id]
    names |= told
    lacking = [name for name in source.names if name not in names]
    if lacking:
        example = target.names[target.occupied_ids[0]]
        raise BadRecipe(
            f"the labels have classes that {target.name!r} has not: {', '.join(lacking)}; say what each of them is in "
            f"a YAML file and name it with --map, e.g. '{lacking[0]}: {example}' (null: none)"
        )
    return TaxonomyMap(source=source, target=target, names={name: names[name] for name in source.names})


def read_map(path: Path) -> dict[str, str | None]:
    """What a YAML file ``own class: class of the other taxonomy`` says; null or ``unknown``: none. Raises BadRecipe."""
    told: Any = read_yaml(path, f"--map {path}")
    if not isinstance(told, dict) or not all(isinstance(k, str) and isinstance(v, str | None) for k, v in told.items()):
        raise BadRecipe(f"--map {path}: expected lines such as 'van: car', the names of two classes")
    return {own: None if other == UNKNOWN_NAME else other for own, other in told.items()}


def _refuse_unknown(told: dict[str, str | None], source: Taxonomy, target: Taxonomy) -> None:
    for own, other in told.items():
        if own not in source.names:
            near = meant(own, source.names)
            raise BadRecipe(f"the map names the class {own!r}{near}; the labels have {', '.join(source.names)}")
        if other is not None and other not in target.names:
            near = meant(other, target.names)
            raise BadRecipe(f"the map calls {own!r} {other!r}{near}; {target.name!r} has {', '.join(target.names)}")
