"""One place of a frame, from above: the whole frame with the place marked, and the place itself, larger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, panels
from occlabel.pipeline.delivery.pictures.from_above import FromAbove
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.corrections import Box
from occlabel.schemas.geometry import transform_points
from occlabel.schemas.grid import Grid

_AROUND = 2.0
"""Sides of the place that the larger picture shows."""
_MARK = (255, 255, 255)


def draw_place(version: PublishedVersion, log: str, frame: str, box: Box, title: str, path: Path) -> None:
    """Writes the picture. Raises StoreError where the labels cannot be read."""
    taxonomy, grid = version.space.taxonomy, version.space.grid
    found = version.frame(log, frame)
    whole = birds_eye(found[SEMANTICS], taxonomy)
    scale = max(1, 800 // max(whole.size))
    whole = whole.resize((whole.width * scale, whole.height * scale), Image.Resampling.NEAREST)
    corners = _in_picture(box, grid) * scale
    ImageDraw.Draw(whole).polygon([tuple(corner) for corner in corners.tolist()], outline=_MARK, width=2)
    middle, half = corners.mean(axis=0), _AROUND * max(box.size[:2]) / grid.voxel_size * scale / 2
    window = (*(middle - half).round().astype(int).tolist(), *(middle + half).round().astype(int).tolist())
    above = FromAbove.of(grid, whole, f"{version.name}: {log} {frame}", found.row.ego_from_grid_matrix)
    panels([above, above.cropped(window, "the place")], taxonomy, path, footer=title)


def _in_picture(box: Box, grid: Grid) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[4, 2] corners as columns and rows of a picture from above."""
    x, y = box.size[0] / 2, box.size[1] / 2
    corners = transform_points(box.grid_from_box, np.array([[x, y, 0], [x, -y, 0], [-x, -y, 0], [-x, y, 0]]))
    cells = (corners[:, :2] - grid.origin[:2]) / grid.voxel_size
    return np.stack([grid.shape[1] - cells[:, 1], grid.shape[0] - cells[:, 0]], axis=1)
