"""Where voxels changed, seen from above: the car looks up, left is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.pictures.legend import INK
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
    canvas.paste(image.resize((width, _SIDE), Image.Resampling.NEAREST), (10, 26))
    draw = ImageDraw.Draw(canvas)
    draw.text((10, 8), title, fill=INK)
    pixel = _SIDE / (heat.shape[0] * grid.voxel_size)
    x, y = 10 + grid.upper[1] * pixel, 26 + grid.upper[0] * pixel
    draw.polygon([(x, y - 12), (x - 6, y), (x + 6, y)], fill=(90, 200, 250))
    bar, at = round(10 * pixel), _SIDE + 38
    draw.line((10, at + 6, 10 + bar, at + 6), fill=INK, width=2)
    draw.text((16 + bar, at), "10 m; the arrow is the car", fill=INK)
    scale = (_COLD + np.sqrt(np.linspace(0, 1, 120))[None, :, None] * (_HOT - _COLD)).astype(np.uint8)
    canvas.paste(Image.fromarray(np.repeat(scale, 12, axis=0)), (10, at + 22))
    draw.text((136, at + 22), f"0 to {most:.2f} changed voxels a frame", fill=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)
