"""The label taxonomy: class ids, names, colours, and the raw ids that data sets write."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.words import meant

UNKNOWN = 255
"""Semantics of a voxel of which nothing is known (never empty, never a class); in truth: not scored."""

_MOST_CLASSES = 64
_HIGHEST_RAW = 65535


class LabelClass(BaseModel):
    """One class."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: int
    """What stands for it in the labels."""
    name: str
    """For people, scores and pictures."""
    colour: tuple[int, int, int]
    """Red, green, blue, 0..255."""
    thing: bool = False
    """Whether it has instances."""
    movable: bool = False
    """Whether it can change place between two frames."""

    @model_validator(mode="after")
    def _check(self) -> LabelClass:
        if not self.name.strip() or not self.name.isprintable():
            raise ValueError(f"class {self.id} has no name that can be printed: {self.name!r}")
        if not all(0 <= part <= 255 for part in self.colour):
            raise ValueError(f"the colour {list(self.colour)} of {self.name!r} is none: red, green and blue are 0..255")
        return self


class Taxonomy(BaseModel):
    """Classes of a label volume. Ids are 0..n-1 and one of them, ``free_id``, means empty space."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Names it in sentences and weight files."""
    classes: tuple[LabelClass, ...]
    """In the order of their ids, at most 64."""
    free_id: int
    """The class that means empty space."""
    learning_map: dict[int, int] = {}
    """Raw id on disk -> class id; raw ids that are not here map to UNKNOWN. Empty: ids are written as they are."""
    inverse_map: dict[int, int] = {}
    """Class id -> raw id, for export."""

    @model_validator(mode="after")
    def _check(self) -> Taxonomy:
        ids = [c.id for c in self.classes]
        if len(ids) > _MOST_CLASSES:
            raise ValueError(f"at most {_MOST_CLASSES} classes are supported, got {len(ids)}")
        if ids != list(range(len(ids))) or not ids:
            raise ValueError(f"class ids must be 0..n-1 in order, got {ids}")
        if not 0 <= self.free_id < len(ids):
            raise ValueError(f"free_id {self.free_id} is not a class id; classes are 0..{len(ids) - 1}")
        self._check_names()
        self._check_raw_ids()
        return self

    def _check_names(self) -> None:
        seen: dict[str, int] = {}
        for c in self.classes:
            if c.name in seen:
                raise ValueError(f"classes {seen[c.name]} and {c.id} are both called {c.name!r}; names tell them apart")
            seen[c.name] = c.id

    def _check_raw_ids(self) -> None:
        n = len(self.classes)
        for raw, class_id in self.learning_map.items():
            if not 0 <= raw <= _HIGHEST_RAW:
                raise ValueError(f"learning_map: raw id {raw} is none; they are 0..{_HIGHEST_RAW}")
            if not 0 <= class_id < n and class_id != UNKNOWN:
                raise ValueError(
                    f"learning_map: raw id {raw} is class {class_id}, which does not exist; classes are 0..{n - 1}, "
                    f"and {UNKNOWN} is unknown"
                )
        for class_id, raw in self.inverse_map.items():
            if not 0 <= class_id < n:
                raise ValueError(f"inverse_map: there is no class {class_id}; classes are 0..{n - 1}")
            if not 0 <= raw <= _HIGHEST_RAW:
                raise ValueError(f"inverse_map: class {class_id} is raw id {raw}; they are 0..{_HIGHEST_RAW}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.classes)

    @cached_property
    def occupied_ids(self) -> tuple[int, ...]:
        """All class ids but the free id."""
        return tuple(c.id for c in self.classes if c.id != self.free_id)

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """RGB [256, 3] by class id; white for free, black for UNKNOWN and unused ids."""
        table = np.zeros((256, 3), np.uint8)
        for c in self.classes:
            table[c.id] = c.colour
        return table

    @cached_property
    def from_raw(self) -> NDArray[np.uint8]:
        """Class id by raw id, [65536]; raw ids outside the learning map give UNKNOWN."""
        table = np.full(65536, UNKNOWN, np.uint8)
        for raw, class_id in (self.learning_map or {c.id: c.id for c in self.classes}).items():
            table[raw] = class_id
        return table

    @cached_property
    def to_raw(self) -> NDArray[np.uint16]:
        """Raw id by class id, [256]; UNKNOWN becomes the raw id of the free class, for formats without unknown."""
        table = np.full(256, self.inverse_map.get(self.free_id, self.free_id), np.uint16)
        for c in self.classes:
            table[c.id] = self.inverse_map.get(c.id, c.id)
        return table


def _classes(rows: str) -> tuple[LabelClass, ...]:
    """One class a line: name, colour as hex, flags (t thing, m movable)."""
    result = []
    for index, row in enumerate(rows.strip().splitlines()):
        name, colour, *flags = row.split()
        rgb = (int(colour[0:2], 16), int(colour[2:4], 16), int(colour[4:6], 16))
        result.append(LabelClass(id=index, name=name, colour=rgb, thing="t" in flags, movable="m" in flags))
    return tuple(result)


# Ids and maps: PRBonn/semantic-kitti-api config/semantic-kitti.yaml. For completion raw {1, 52, 99} are ignored
# and raw 0 is empty (remap of evaluate_completion.py).
_SEMANTICKITTI = Taxonomy(
    name="semantickitti",
    free_id=0,
    classes=_classes(
        """
        free           ffffff
        car            6496f5 t m
        bicycle        64e6f5 t m
        motorcycle     1e3c96 t m
        truck          501eb4 t m
        other-vehicle  0000ff t m
        person         ff1e1e t m
        bicyclist      ff28c8 t m
        motorcyclist   961e5a t m
        road           ff00ff
        parking        ff96ff
        sidewalk       4b004b
        other-ground   af004b
        building       ffc800
        fence          ff7832
        vegetation     00af00
        trunk          873c00
        terrain        96f050
        pole           fff096
        traffic-sign   ff0000
        """
    ),
    learning_map={
        0: 0, 10: 1, 11: 2, 13: 5, 15: 3, 16: 5, 18: 4, 20: 5, 30: 6, 31: 7, 32: 8, 40: 9, 44: 10, 48: 11, 49: 12,
        50: 13, 51: 14, 60: 9, 70: 15, 71: 16, 72: 17, 80: 18, 81: 19, 252: 1, 253: 7, 254: 6, 255: 8, 256: 5,
        257: 5, 258: 4, 259: 5,
    },
    inverse_map=dict(enumerate((0, 10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81))),
)  # fmt: skip

# Ids: Tsinghua-MARS-Lab/Occ3D. They are written to disk as they are.
_OCC3D = Taxonomy(
    name="occ3d",
    free_id=17,
    classes=_classes(
        """
        others                808080
        barrier               ff7832
        bicycle               ffc0cb t m
        bus                   ffff00 t m
        car                   0096f5 t m
        construction_vehicle  00ffff t m
        motorcycle            c8b400 t m
        pedestrian            ff0000 t m
        traffic_cone          fff096
        trailer               873c00 t m
        truck                 a020f0 t m
        driveable_surface     ff00ff
        other_flat            8b898a
        sidewalk              4b004b
        terrain               96f050
        manmade               d5d5d5
        vegetation            00af00
        free                  ffffff
        """
    ),
)

TAXONOMIES = {"semantickitti": _SEMANTICKITTI, "occ3d": _OCC3D}


def taxonomy_preset(name: str) -> Taxonomy:
    """The preset ``name``. Raises BadRecipe with the known names."""
    if name not in TAXONOMIES:
        raise BadRecipe(
            f"unknown taxonomy preset {name!r}{meant(name, TAXONOMIES)}; known: {', '.join(TAXONOMIES)}, or list the "
            "classes"
        )
    return TAXONOMIES[name]
