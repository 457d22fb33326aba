"""The measures that there are, by name."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.quality.gates.look import Look
from occlabel.pipeline.quality.gates.measure import Measure, Numbers
from occlabel.schemas.arrays import CONFIDENCE, INSTANCE, MEASURED, SEMANTICS
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.object_sizes import sizes
from occlabel.stages.evaluation.steadiness import shape_agreement, static_agreement

CONFIDENT = 256
"""Confidences 0..255 are counted one by one."""


def _classes(look: Look) -> Numbers:
    """[1, classes + 1]: voxels of each class, and unknown ones."""
    count = len(look.space.taxonomy.classes)
    return np.bincount(np.minimum(look[SEMANTICS], count).ravel(), minlength=count + 1)[None].astype(np.float64)


def _confidence(look: Look) -> Numbers:
    """[1, classes * CONFIDENT]: occupied voxels by class and confidence."""
    classes, confidence = look[SEMANTICS][look.occupied], look[CONFIDENCE][look.occupied]
    size = len(look.space.taxonomy.classes) * CONFIDENT
    return np.bincount(classes.astype(np.int64) * CONFIDENT + confidence, minlength=size)[None].astype(np.float64)


def _hits(look: Look) -> Numbers:
    """[1, 2]: voxels in which the frame's own sweep measured a point, and those of them that are labelled free."""
    hit = look[SEMANTICS][look[MEASURED] > 0]
    return np.array([[len(hit), np.count_nonzero(hit == look.space.taxonomy.free_id)]], np.float64)


def _static(look: Look) -> Numbers:
    """[1, 2 * classes]: by class, static voxels that the frame before knows too, and those that have it there."""
    if look.before is None or look.before_from_now is None:
        return np.zeros((0, 2 * len(look.space.taxonomy.classes)))
    taxonomy = look.space.taxonomy
    static = np.zeros(UNKNOWN + 1, np.bool_)
    static[: len(taxonomy.classes)] = [not c.movable and c.id != taxonomy.free_id for c in taxonomy.classes]
    counts = static_agreement(look[SEMANTICS], look.before[SEMANTICS], look.before_from_now, look.space.grid, static)
    return counts[: len(taxonomy.classes)].reshape(1, -1).astype(np.float64)


def _shapes(look: Look) -> Numbers:
    """[n, 3]: id and class of each object that the frame before has too, and how far their shapes agree."""
    if look.before is None or look.before_from_now is None:
        return np.zeros((0, 3))
    mine, other, grid = look.objects, look.before.objects, look.space.grid
    agreed = shape_agreement((mine, other), look.before[INSTANCE], look.before_from_now, grid)
    classes = dict(zip(mine.ids.tolist(), mine.classes.tolist(), strict=True))
    return np.array([[i, classes[i], share] for i, share in agreed.items()], np.float64).reshape(-1, 3)


def _sizes(look: Look) -> Numbers:
    """[n, 5]: id, class, length, width and height [m] of each object."""
    objects = look.objects
    return np.column_stack([objects.ids, objects.classes, sizes(objects, look.space.grid)]).astype(np.float64)


CLASSES = Measure("classes", (SEMANTICS,), _classes)
CONFIDENCES = Measure("confidence", (SEMANTICS, CONFIDENCE), _confidence)
HITS = Measure("hits", (SEMANTICS, MEASURED), _hits)
STATIC = Measure("static", (SEMANTICS,), _static)
SHAPES = Measure("shapes", (SEMANTICS, INSTANCE), _shapes)
SIZES = Measure("sizes", (SEMANTICS, INSTANCE), _sizes)

MEASURES = {measure.name: measure for measure in (CLASSES, CONFIDENCES, HITS, STATIC, SHAPES, SIZES)}
