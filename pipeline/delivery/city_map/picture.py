"""A city map seen from above, as maps are: x to the right, y up."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.mapping.ballot import ballot
from occlabel.stages.mapping.blocks import BLOCK, TILE, Tile
from occlabel.stages.mapping.decide import MapBlocks

_BACKGROUND = (24, 26, 30)
_INK = (20, 20, 20)
_SIDE = TILE * BLOCK
"""Cells along an edge of a tile."""
_NOTHING = np.iinfo(np.int64).min
_LARGEST = 8192
"""Pixels along an edge of the picture that are not exceeded by more than a tile."""
_SMALLEST = 1000
_LINE = 16


def city_picture(
    tiles: Iterable[tuple[Tile, MapBlocks]], places: list[Tile], voxel_size: float, taxonomy: Taxonomy, title: str
) -> Image.Image:
    """The highest occupied voxel of each column in its class colour, with a legend and a scale.

    ``places`` are the tiles that the picture spans; ``tiles`` yields them one at a time. A large city is drawn coarser,
    a small one enlarged.
    """
    low, high = np.min(places, axis=0), np.max(places, axis=0) + 1
    step = 1
    while (high - low).max() * _SIDE // step > _LARGEST and step < _SIDE:
        step *= 2
    size = (high - low) * _SIDE // step
    canvas = np.full((*size, 3), _BACKGROUND, np.uint8)
    seen: set[int] = set()
    for place, blocks in tiles:
        label, occupied = _coarser(*_columns(blocks, place, taxonomy), step)
        x, y = (np.array(place) - low) * _SIDE // step
        part = canvas[x : x + len(label), y : y + len(label)]
        part[occupied] = taxonomy.colours[label][occupied]
        seen |= set(np.unique(label[occupied]).tolist())
    drawn = (canvas != _BACKGROUND).any(axis=2)
    xs, ys = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if len(xs):  # without the empty rim
        canvas = canvas[xs[0] : xs[-1] + 1, ys[0] : ys[-1] + 1]
    image = Image.fromarray(canvas.transpose(1, 0, 2)[::-1])
    zoom = max(1, _SMALLEST // max(image.size))
    image = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
    return _framed(image, voxel_size * step / zoom, sorted(seen), taxonomy, title)


def write_picture(image: Image.Image, path: Path) -> None:
    """Writes the PNG, with the folder that it lies in."""
    with appearing(path) as partial:
        image.save(partial, format="PNG")


def _columns(part: MapBlocks, place: Tile, taxonomy: Taxonomy) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Of each column of a tile [256, 256]: the class of its highest occupied voxel, and how high that is, in cells;
    _NOTHING where none is."""
    block, x, y, z = np.nonzero(np.isin(part.semantics, ballot(taxonomy).label_of[1:]))
    label = np.zeros((_SIDE, _SIDE), np.uint8)
    top = np.full((_SIDE, _SIDE), _NOTHING)
    index = part.blocks.astype(np.int64)
    i, j = (index[block, axis] * BLOCK + cell - place[axis] * _SIDE for axis, cell in ((0, x), (1, y)))
    height = index[block, 2] * BLOCK + z
    np.maximum.at(top, (i, j), height)
    highest = height == top[i, j]
    label[i[highest], j[highest]] = part.semantics[block, x, y, z][highest]
    return label, top


def _coarser(
    label: NDArray[np.uint8], top: NDArray[np.int64], step: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One pixel for ``step`` x ``step`` columns: the class of the highest, and whether there is any."""
    n = _SIDE // step

    def groups(columns: NDArray[Any]) -> NDArray[Any]:
        return columns.reshape(n, step, n, step).swapaxes(1, 2).reshape(n, n, step * step)

    tops = groups(top)
    labels = np.take_along_axis(groups(label), tops.argmax(axis=2)[..., None], axis=2)[..., 0]
    return labels, tops.max(axis=2) > _NOTHING


def _framed(image: Image.Image, metres: float, classes: list[int], taxonomy: Taxonomy, title: str) -> Image.Image:
    """The map with its title above, and a scale and the legend of ``classes`` below; ``metres`` is a pixel's edge."""
    width = max(image.width, 480)
    unit = max(1.0, width / 1200)  # letters that can be read when all of a large picture is on a screen
    columns = max(1, int(width / (130 * unit)))
    rows = -(-len(classes) // columns)
    framed = Image.new("RGB", (int(width + 20 * unit), int(image.height + (70 + rows * _LINE) * unit)), (255, 255, 255))
    draw, font = ImageDraw.Draw(framed), ImageFont.load_default(11 * unit)
    draw.text((10 * unit, 7 * unit), title, fill=_INK, font=font)
    framed.paste(image, (int(10 * unit), int(26 * unit)))
    length = _round_length(width / 4 * metres)
    y, end = image.height + 40 * unit, 10 * unit + length / metres
    draw.line((10 * unit, y, end, y), fill=_INK, width=round(3 * unit))
    draw.text((end + 8 * unit, y - 7 * unit), f"{length:g} m", fill=_INK, font=font)
    for index, class_id in enumerate(classes):
        x, row = (10 + index % columns * 130) * unit, y + (14 + index // columns * _LINE) * unit
        box = (x, row + unit, x + 11 * unit, row + 12 * unit)
        draw.rectangle(box, fill=taxonomy.classes[class_id].colour, outline=(120, 120, 120))
        draw.text((x + 16 * unit, row), taxonomy.names[class_id], fill=_INK, font=font)
    return framed


def _round_length(metres: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50, ... m that is not longer."""
    power = 10.0 ** np.floor(np.log10(metres))
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres))
