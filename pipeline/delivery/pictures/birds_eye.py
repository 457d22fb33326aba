"""Label volumes seen from above: the car looks up, left is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.pictures.from_above import FromAbove, draw_above
from occlabel.pipeline.delivery.pictures.legend import LINE, class_rows, draw_classes, draw_lines, fitting
from occlabel.pipeline.delivery.pictures.palette import object_colours
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.taxonomy import UNKNOWN, LabelClass, Taxonomy

_BACKGROUND = (24, 26, 30)
_UNKNOWN_COLOUR = (70, 74, 82)
_ALSO = (("free", _BACKGROUND), ("unknown", _UNKNOWN_COLOUR))
"""What a legend has besides classes."""
OTHER_CLASS, MISSED, INVENTED = (245, 150, 30), (225, 45, 45), (70, 120, 245)
"""Colours of what differs: occupied in both by another class, only in the other, only in the one that is looked at."""


def birds_eye(semantics: NDArray[np.uint8], taxonomy: Taxonomy, scored: NDArray[np.bool_] | None = None) -> Image.Image:
    """The highest occupied voxel of each column in its class colour, as a legend has it.

    ``semantics`` [x, y, z]; columns without an occupied voxel are dark, those without any known one grey. ``scored``
    [x, y, z] limits what is drawn.
    """
    occupied = (semantics != taxonomy.free_id) & (semantics != UNKNOWN)
    known = semantics != UNKNOWN
    if scored is not None:
        occupied, known = occupied & scored, known & scored
    top = semantics.shape[2] - 1 - np.argmax(occupied[:, :, ::-1], axis=2)
    label = np.take_along_axis(semantics, top[:, :, None], axis=2)[:, :, 0]
    image = taxonomy.colours[label].astype(np.float64)
    image[~occupied.any(axis=2)] = _BACKGROUND
    image[~known.any(axis=2)] = _UNKNOWN_COLOUR
    return _from_above(image)


def objects_from_above(
    instance: NDArray[np.integer[Any]], semantics: NDArray[np.uint8], taxonomy: Taxonomy
) -> Image.Image:
    """The objects of ``instance`` [x, y, z], a colour each, over ``semantics`` [x, y, z] in the colours of ``faint``.

    Things that belong to no object stay as bright as they are.
    """
    seen = instance.max(axis=2)
    image = np.asarray(birds_eye(semantics, faint(taxonomy)))[::-1, ::-1].astype(np.float64)
    image[seen > 0] = object_colours(seen[seen > 0])
    return _from_above(image)


def faint(taxonomy: Taxonomy) -> Taxonomy:
    """The classes in the colours of ``objects_from_above``, for its legend: what is no thing is near the background."""
    classes = tuple(entry if entry.thing else _faint(entry) for entry in taxonomy.classes)
    return Taxonomy(name=taxonomy.name, classes=classes, free_id=taxonomy.free_id)


def _faint(entry: LabelClass) -> LabelClass:
    red, green, blue = (int(0.35 * part + 0.65 * dark) for part, dark in zip(entry.colour, _BACKGROUND, strict=True))
    return entry.model_copy(update={"colour": (red, green, blue)})


def difference(
    a: NDArray[np.uint8], truth: NDArray[np.uint8], scored: NDArray[np.bool_], taxonomy: Taxonomy
) -> Image.Image:
    """Where a label differs from the truth, per column: green right, orange wrong class, red missed, blue invented.

    A column shows its most frequent kind of occupied voxel, over the scored voxels of both [x, y, z].
    """
    free = taxonomy.free_id
    label_occupied, truth_occupied = (a != free) & (a != UNKNOWN), (truth != free) & (truth != UNKNOWN)
    kinds = (
        (label_occupied & truth_occupied & (a == truth), (60, 170, 75)),
        (label_occupied & truth_occupied & (a != truth), OTHER_CLASS),
        (~label_occupied & truth_occupied, MISSED),
        (label_occupied & ~truth_occupied & (truth != UNKNOWN), INVENTED),
    )
    counts = np.stack([(mask & scored).sum(axis=2) for mask, _ in kinds], axis=-1)
    colours = np.array([colour for _, colour in kinds], np.uint8)
    image = colours[counts.argmax(axis=-1)].astype(np.float64)
    image[counts.sum(axis=-1) == 0] = _BACKGROUND
    return _from_above(image)


def panels(pictures: Sequence[FromAbove], taxonomy: Taxonomy, path: Path, footer: str = "", width: int = 420) -> None:
    """Writes the pictures side by side, each with its title and scale, and a legend of what they are drawn in."""
    scaled, full = [picture.scaled(width) for picture in pictures], len(pictures) * (width + 10)
    columns = 2 * len(pictures)
    titles, said = [fitting(picture.title, width) for picture in scaled], fitting(footer, full - 10)
    top = 10 + max(map(len, titles)) * LINE
    y = top + max(picture.image.height for picture in scaled) + 24
    below = y + class_rows(taxonomy, columns, _ALSO) * LINE
    canvas = Image.new("RGB", (full + 10, below + (len(said) + 1) * LINE), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for index, (picture, title) in enumerate(zip(scaled, titles, strict=True)):
        x = 10 + index * (width + 10)
        draw_lines(draw, title, (x, 8))
        draw_above(canvas, picture, (x, top))
    draw_classes(draw, taxonomy, (10, y), full, columns, _ALSO)
    draw_lines(draw, said, (10, below + 2))
    with appearing(path) as partial:
        canvas.save(partial)


def _from_above(image: NDArray[np.floating[Any]]) -> Image.Image:
    """[x, y, 3] with x forward and y left, as a picture with x up."""
    return Image.fromarray(image[::-1, ::-1].clip(0, 255).astype(np.uint8))
