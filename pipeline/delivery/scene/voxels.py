"""Layers of voxels: which are drawn, and in which colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.pictures.birds_eye import INVENTED, MISSED, OTHER_CLASS
from occlabel.pipeline.delivery.pictures.palette import object_colours
from occlabel.pipeline.delivery.scene.shapes import FRAME, Path, Voxels
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy

MOST = 400_000
"""Voxels of one layer that are drawn in a frame."""
_RAMP = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], np.float64)
"""From 0 to 1: it gets brighter steadily, for every eye."""


@dataclass(frozen=True)
class Layer:
    """Voxels by where they hang, and in words what of them is not drawn."""

    shapes: dict[Path, Voxels]
    thinned: str = ""


def classes_layer(semantics: NDArray[np.uint8], taxonomy: Taxonomy, name: str) -> Layer:
    """A path for each class that is there, under ``name``, so that classes can be hidden. ``semantics`` [x, y, z]."""
    cells, thinned = _drawn(_occupied(semantics, taxonomy) & outer(semantics), name)
    labels = semantics[tuple(cells.T)]
    shapes = {}
    for class_id in taxonomy.occupied_ids:
        of_class = cells[labels == class_id]
        if len(of_class):
            colours = np.broadcast_to(taxonomy.colours[class_id], (len(of_class), 3))
            shapes[*FRAME, name, taxonomy.names[class_id]] = Voxels(of_class, colours)
    return Layer(shapes, thinned)


def instances_layer(instance: NDArray[np.integer[Any]]) -> Layer:
    """``instance`` [x, y, z]; a colour for each object."""
    cells, thinned = _drawn((instance > 0) & outer(instance), "instances")
    colours = object_colours(instance[tuple(cells.T)])
    return Layer({(*FRAME, "instances"): Voxels(cells, colours)}, thinned)


def confidence_layer(confidence: NDArray[np.uint8], semantics: NDArray[np.uint8], taxonomy: Taxonomy) -> Layer:
    """The voxels of the classes, coloured by ``confidence`` [x, y, z] instead."""
    cells, thinned = _drawn(_occupied(semantics, taxonomy) & outer(semantics), "confidence")
    return Layer({(*FRAME, "confidence"): Voxels(cells, ramp(confidence[tuple(cells.T)] / 255))}, thinned)


def difference_layer(
    semantics: NDArray[np.uint8], other: NDArray[np.uint8], taxonomy: Taxonomy, names: tuple[str, str]
) -> Layer:
    """Voxels that are something else in ``other`` [x, y, z], by how; ``names`` are those of the two versions."""
    mine, theirs = _occupied(semantics, taxonomy), _occupied(other, taxonomy)
    kinds = {
        "another class": (mine & theirs & (semantics != other), OTHER_CLASS),
        f"only in {names[0]}": (mine & ~theirs, INVENTED),
        f"only in {names[1]}": (theirs & ~mine, MISSED),
    }
    total = np.logical_or.reduce([mask for mask, _ in kinds.values()])
    cells, thinned = _drawn(total, "difference")
    shapes = {}
    for kind, (mask, colour) in kinds.items():
        of_kind = cells[mask[tuple(cells.T)]]
        if len(of_kind):
            colours = np.broadcast_to(np.array(colour, np.uint8), (len(of_kind), 3))
            shapes[*FRAME, "difference", kind] = Voxels(of_kind, colours)
    return Layer(shapes, thinned)


def ramp(share: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """RGB [n, 3] of shares [n] in 0..1."""
    at = np.clip(share, 0, 1) * (len(_RAMP) - 1)
    return np.stack([np.interp(at, np.arange(len(_RAMP)), _RAMP[:, c]) for c in range(3)], axis=1).astype(np.uint8)


def outer(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which voxels [x, y, z] have a side to another value or to the end of the grid: nothing is seen of the others,
    also where all but one class are hidden."""
    result = np.zeros(values.shape, np.bool_)
    for axis in range(3):
        along, sides = np.moveaxis(values, axis, 0), np.moveaxis(result, axis, 0)
        differs = along[1:] != along[:-1]
        sides[1:] |= differs
        sides[:-1] |= differs
        sides[0] = sides[-1] = True
    return result


def _occupied(semantics: NDArray[np.uint8], taxonomy: Taxonomy) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (semantics != taxonomy.free_id) & (semantics != UNKNOWN)
    return result


def _drawn(shown: NDArray[np.bool_], name: str) -> tuple[NDArray[np.int32], str]:
    """Cells [n, 3], at most ``MOST``: of more every second, third and so on, which is said."""
    found = np.argwhere(shown).astype(np.int32)
    step = -(-len(found) // MOST)
    if step < 2:
        return found, ""
    return found[::step], f"{name}: one in {step} of {len(found):,} voxels is drawn"
