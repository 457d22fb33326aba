"""Where voxels changed, seen from above: the car looks up, left is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.pictures.from_above import FromAbove, draw_above
from occlabel.pipeline.delivery.pictures.legend import INK
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.grid import Grid

_SIDE = 640
"""Height of the map [px]."""
_COLD, _HOT = np.array([24.0, 26, 30]), np.array([255.0, 214, 64])


def draw_heat(heat: NDArray[np.float64], grid: Grid, title: str, path: Path) -> None:
    """Writes ``heat`` [x, y], changed voxels of each column per frame, with a scale and the car's place."""
    most = float(heat.max())
    level = np.sqrt(heat / most if most else heat)[..., None]  # rare changes are to be seen beside frequent ones
    image = Image.fromarray((_COLD + level * (_HOT - _COLD)).astype(np.uint8)[::-1, ::-1])
    width = round(_SIDE * heat.shape[1] / heat.shape[0])
    canvas = Image.new("RGB", (max(width, 360) + 20, _SIDE + 92), (255, 255, 255))
    draw_above(canvas, FromAbove.of(grid, image, title).scaled(width), (10, 26))
    draw, at = ImageDraw.Draw(canvas), _SIDE + 38
    draw.text((10, 8), title, fill=INK)
    scale = (_COLD + np.sqrt(np.linspace(0, 1, 120))[None, :, None] * (_HOT - _COLD)).astype(np.uint8)
    canvas.paste(Image.fromarray(np.repeat(scale, 12, axis=0)), (10, at + 22))
    draw.text((136, at + 22), f"0 to {most:.2f} changed voxels a frame", fill=INK)
    with appearing(path) as partial:
        canvas.save(partial)
