"""Segments as a model of images sees them: borders off by some pixels, small things missed, some seen that are not
there, kinds confused that look alike, neighbours taken for one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from occlabel.stages.town.oracle.depth_faults import bends
from occlabel.stages.town.oracle.image_priors import numbered
from occlabel.stages.town.sensors.recording import TownImage
from occlabel.stages.town.things.kinds import KIND_ID, KINDS

_CONFUSED: dict[str, dict[str, float]] = {
    "car": {"truck": 0.03}, "truck": {"car": 0.15, "bus": 0.08}, "bus": {"truck": 0.15}, "trailer": {"truck": 0.35},
    "construction-vehicle": {"truck": 0.4}, "bicycle": {"motorcycle": 0.1}, "motorcycle": {"bicycle": 0.2},
    "person": {"bicyclist": 0.04}, "bicyclist": {"person": 0.25}, "motorcyclist": {"bicyclist": 0.3, "person": 0.1},
    "road": {"parking": 0.02}, "parking": {"road": 0.35, "sidewalk": 0.1},
    "sidewalk": {"road": 0.08, "terrain": 0.05, "other-ground": 0.02},
    "other-ground": {"sidewalk": 0.3, "terrain": 0.15, "road": 0.1}, "terrain": {"vegetation": 0.1, "sidewalk": 0.05},
    "building": {"wall": 0.02}, "fence": {"vegetation": 0.12, "building": 0.08}, "wall": {"building": 0.25},
    "vegetation": {"terrain": 0.02}, "trunk": {"vegetation": 0.35, "pole": 0.08}, "pole": {"building": 0.12},
    "traffic-sign": {"building": 0.08, "pole": 0.06}, "traffic-cone": {"pole": 0.1}, "barrier": {"fence": 0.25},
    "street-furniture": {"building": 0.1, "fence": 0.1},
}  # fmt: skip
"""By kind: what a region of it is taken for, and how often."""
_PATCHY = 2.0
"""In patches, each confusion is so much more likely than in regions as a whole."""
_WOBBLE = 0.003
"""Sigma of how far borders are off, as a share of the width."""
_SMALL = 4e-4
"""Share of the image of a thing that is missed once in three times."""
_MERGED = 0.2
"""Share of touching pairs of a kind that are seen as one."""
_FALSE = 0.8
"""Things an image that are not there."""


@dataclass(frozen=True, slots=True)
class _View:
    """What is seen, all [h, w]."""

    kinds: NDArray[np.int64]
    instances: NDArray[np.int64]
    scores: NDArray[np.float64]
    """0..1."""


def degraded_segments(
    image: TownImage, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint8]]:
    """Kinds, instances and scores as ``ImagePriors`` has them."""
    kinds, objects = _wobbled(image, rng)
    kinds, objects = _missed(kinds, objects, rng)
    regions = _regions(kinds, objects)
    seen = _patched(_confused(kinds, regions, rng), kinds, rng)
    view = _imagined(_View(seen, _merged(seen, objects, rng), _scores(seen, image.kinds, regions, rng)), rng)
    scores = np.where(view.kinds > 0, np.clip(np.rint(view.scores * 255), 1, 255), 0)
    instances = np.where(_THING[view.kinds], view.instances, 0)
    return view.kinds.astype(np.uint8), numbered(instances), scores.astype(np.uint8)


_THING = np.array([False, *(kind.thing for kind in KINDS)])


def _table(factor: float) -> NDArray[np.float64]:
    """[kind ids, kind ids]: how often one is taken for each, rows summing to 1."""
    table = np.zeros((len(KINDS) + 1, len(KINDS) + 1))
    for name, others in _CONFUSED.items():
        for other, share in others.items():
            table[KIND_ID[name], KIND_ID[other]] = min(share * factor, 0.45)
    table[np.diag_indices(len(table))] = 1 - table.sum(axis=1)
    return table


def _taken_for(kinds: NDArray[np.int64], factor: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """What things or regions of ``kinds`` [n] are taken for."""
    steps = np.cumsum(_table(factor), axis=1)
    return np.asarray((rng.random(len(kinds))[:, None] > steps[kinds]).sum(axis=1).clip(0, len(KINDS)), np.int64)


def _wobbled(image: TownImage, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Kinds and objects [h, w], each pixel's read some pixels beside it."""
    height, width = image.kinds.shape
    knots = (max(height * 24 // width, 2), 24)
    off = max(_WOBBLE * width, 0.7)
    v, u = np.mgrid[:height, :width]
    v = np.clip(np.rint(v + off * bends((height, width), knots, rng)), 0, height - 1).astype(np.int64)
    u = np.clip(np.rint(u + off * bends((height, width), knots, rng)), 0, width - 1).astype(np.int64)
    return image.kinds[v, u].astype(np.int64), image.objects[v, u].astype(np.int64)


def _missed(
    kinds: NDArray[np.int64], objects: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Things that are missed, small ones above all, are what is next to them, or nothing."""
    ids, index, size = np.unique(objects, return_inverse=True, return_counts=True)
    index = index.reshape(objects.shape)
    chance = 0.03 + 0.9 * np.exp(-size / (_SMALL * objects.size))
    missed = (rng.random(len(ids)) < chance) & (ids > 0)
    gone = missed[index]
    if not gone.any() or gone.all():
        return kinds, objects
    nearest = distance_transform_edt(gone, return_distances=False, return_indices=True)
    blank = (rng.random(len(ids)) < 0.3)[index]
    filled = np.where(gone & blank, 0, kinds[tuple(nearest)])
    return np.where(gone, filled, kinds), np.where(gone, np.where(blank, 0, objects[tuple(nearest)]), objects)


def _regions(kinds: NDArray[np.int64], objects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Objects and connected regions of stuff, numbered from 0."""
    regions = objects.copy()
    last = int(objects.max(initial=0))
    for kind in np.unique(kinds[objects == 0]).tolist():
        found, count = label((kinds == kind) & (objects == 0))
        regions += np.where(found > 0, found + last, 0)
        last += count
    return np.unique(regions, return_inverse=True)[1].reshape(kinds.shape).astype(np.int64)


def _confused(kinds: NDArray[np.int64], regions: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Whole regions that are taken for another kind."""
    own = np.zeros(int(regions.max()) + 1, np.int64)
    own[regions] = kinds
    return _taken_for(own, 1.0, rng)[regions]


def _patched(seen: NDArray[np.int64], kinds: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Parts of stuff that are taken for another kind: the model wavers within a region."""
    height, width = kinds.shape
    patch = bends((height, width), (max(height * 14 // width, 2), 14), rng) > 1.0
    taken = _taken_for(np.arange(len(KINDS) + 1), _PATCHY, rng)
    return np.where(patch & ~_THING[kinds], taken[kinds], seen)


def _merged(seen: NDArray[np.int64], objects: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Objects, some of which are one with a neighbour of their kind."""
    pairs = []
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        touching = (seen[one] == seen[other]) & (objects[one] != objects[other]) & (objects[one] * objects[other] > 0)
        pairs.append(np.stack([objects[one][touching], objects[other][touching]], axis=1))
    names = np.arange(int(objects.max(initial=0)) + 1)
    for first, second in np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0):
        if rng.random() < _MERGED:
            names[names == names[second]] = names[first]
    return names[objects]


def _scores(
    seen: NDArray[np.int64], true: NDArray[np.uint8], regions: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """0..1: one a region, lower where it is wrong, but not always, and along borders."""
    count = int(regions.max()) + 1
    right, wrong = rng.beta(9, 1.5, count), rng.beta(5, 3, count)
    score = np.where(seen == true, right[regions], wrong[regions])
    border = np.zeros(seen.shape, np.uint8)
    border[:, 1:] |= seen[:, 1:] != seen[:, :-1]
    border[1:] |= seen[1:] != seen[:-1]
    return np.asarray(np.where(cv2.dilate(border, np.ones((3, 3), np.uint8)) > 0, 0.8 * score, score), np.float64)


def _imagined(view: _View, rng: np.random.Generator) -> _View:
    """With things that are not there."""
    kinds, instances, scores = view.kinds.copy(), view.instances.copy(), view.scores.copy()
    height, width = kinds.shape
    v, u = np.mgrid[:height, :width]
    things = np.flatnonzero(_THING)
    last = int(instances.max(initial=0))
    for number in range(int(rng.poisson(_FALSE))):
        y, x = rng.uniform(0.35, 0.8) * height, rng.uniform(0, width)
        tall, wide = rng.uniform(0.01, 0.04, 2) * width
        inside = ((v - y) / tall) ** 2 + ((u - x) / wide) ** 2 < 1
        kinds[inside], instances[inside] = rng.choice(things), last + 1 + number
        scores[inside] = rng.beta(5, 4)
    return _View(kinds, instances, scores)
