"""Label volumes as text in a page, and what the page must know to draw them."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.pictures.palette import colour_blind_safe
from occlabel.schemas.space import LabelSpace

UNSCORED = 254
"""In a volume of truth: what its benchmark does not score."""


def packed(semantics: NDArray[np.uint8]) -> str:
    """A volume [x, y, z] of class ids, 255 unknown, deflated, in base64: what the browser inflates by itself."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(semantics, np.uint8).tobytes(), 9)).decode()


def drawn(space: LabelSpace) -> dict[str, Any]:
    """Grid, classes and both palettes, for the page's script."""
    grid, taxonomy = space.grid, space.taxonomy
    return {
        "shape": list(grid.shape),
        "voxel": grid.voxel_size,
        "origin": list(grid.origin),
        "frame": grid.frame,
        "free": taxonomy.free_id,
        "names": list(taxonomy.names),
        "own": [list(entry.colour) for entry in taxonomy.classes],
        "safe": colour_blind_safe(len(taxonomy.classes)).tolist(),
    }
