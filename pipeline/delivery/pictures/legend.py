"""What colours in a picture mean: of classes, and of depth."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from occlabel.pipeline.delivery.pictures.overlay import FAR, NEAR, depth_colours
from occlabel.schemas.taxonomy import Taxonomy

LINE = 16
"""Height of a row of a legend [px]."""
INK = (20, 20, 20)
Entries = Sequence[tuple[str, tuple[int, int, int]]]
"""Of a legend: name and colour."""
DEPTH_HEIGHT = 36
"""Of the scale of depth, with its numbers [px]."""
_METRES = (2, 5, 10, 20, 40, 60)
_SCALE_WIDTH, _BAR = 360, 14


def class_rows(taxonomy: Taxonomy, columns: int, also: Entries = ()) -> int:
    """How many rows the classes, and what a picture has ``also``, take in so many columns."""
    return -(-(len(taxonomy.occupied_ids) + len(also)) // columns)


def draw_classes(
    draw: ImageDraw.ImageDraw, taxonomy: Taxonomy, at: tuple[int, int], width: int, columns: int, also: Entries = ()
) -> None:
    """The occupied classes, and what there is ``also``, column by column, in ``width`` pixels from the upper left
    corner ``at``."""
    rows = class_rows(taxonomy, columns, also)
    classes = [(taxonomy.names[id_], taxonomy.classes[id_].colour) for id_ in taxonomy.occupied_ids]
    for index, (name, colour) in enumerate([*classes, *also]):
        x, y = at[0] + (index // rows) * (width // columns), at[1] + (index % rows) * LINE
        draw.rectangle((x, y + 1, x + 11, y + 12), fill=colour, outline=(120, 120, 120))
        draw.text((x + 16, y), name, fill=INK)


def fitting(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` pixels, none of an empty one."""
    font = ImageFont.load_default()
    for most in range(len(text), 0, -1):
        lines = textwrap.wrap(text, most)
        if all(font.getlength(line) <= width for line in lines):
            return lines
    return []


def draw_lines(draw: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[int, int]) -> None:
    """Lines of text below each other from the upper left corner ``at``."""
    for index, line in enumerate(lines):
        draw.text((at[0], at[1] + index * LINE), line, fill=INK)


def draw_depth_scale(canvas: Image.Image, at: tuple[int, int]) -> None:
    """The colours of depth with their metres, and how what is unknown looks, from the upper left corner ``at``."""
    x, y = at
    metres = NEAR * (FAR / NEAR) ** np.linspace(0, 1, _SCALE_WIDTH)
    canvas.paste(Image.fromarray(np.repeat(depth_colours(metres)[None], _BAR, axis=0)), (x, y))
    draw = ImageDraw.Draw(canvas)
    for metre in _METRES:
        place = x + round(np.log(metre / NEAR) / np.log(FAR / NEAR) * (_SCALE_WIDTH - 1))
        draw.line((place, y, place, y + _BAR + 3), fill=INK)
        said = f"{metre} m and more" if metre == _METRES[-1] else f"{metre} m" if metre != _METRES[0] else "2 m or less"
        draw.text((place if metre == _METRES[0] else place - 10, y + _BAR + 4), said, fill=INK)
    unknown = x + _SCALE_WIDTH + 100
    canvas.paste(Image.fromarray(hatched((_BAR, 40))), (unknown, y))
    draw.text((unknown + 46, y + 1), "depth is not known", fill=INK)


def hatched(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """RGB [h, w, 3] of what is not known: grey stripes, which are no colour of depth or of a class."""
    stripes = (np.indices(shape).sum(axis=0) // 4) % 2
    return np.repeat(np.where(stripes, 46, 78).astype(np.uint8)[:, :, None], 3, axis=2)
