"""Tufts of grass: what makes green land rough to a laser, where a road is smooth."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material, Mesh, Paint, triangles

_NEAR = 16.0
"""Grass farther than this from all carriageways [m] is drawn flat: beams are too far apart there to tell."""


def grass_mesh(ground: Ground, rng: np.random.Generator) -> Mesh:
    """Blades 0.5 to 8 cm high where grass is mown, up to 15 cm where not, ``terrain`` as the land below them."""
    density = float(rng.uniform(0.3, 3.0))
    cells = np.argwhere((ground.kind == KIND_ID["terrain"]) & (ground.edge > 0.15) & (ground.edge < _NEAR))
    cells = cells[rng.random(len(cells)) < density * CELL**2]
    count = len(cells)
    xy = ground.origin + (cells + rng.random((count, 2))) * CELL
    tall = rng.uniform(0.02, 0.08, count) * float(rng.choice([0.25, 0.5, 1.0, 1.8]))
    angle, half = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.06, 0.2, count)
    across = np.stack([np.cos(angle), np.sin(angle)], axis=1) * half[:, None]
    foot = ground.height(xy)
    corners = np.empty((count, 3, 3))
    corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2] = (
        xy - across,
        xy + across,
        xy + rng.normal(0, 0.04, (count, 2)),
    )
    corners[:, 0, 2] = corners[:, 1, 2] = foot - 0.01
    corners[:, 2, 2] = foot + tall
    shade = float(rng.uniform(0.8, 1.2))
    return triangles(corners, Paint("terrain", (0.32 * shade, 0.42 * shade, 0.18 * shade), Material.GRASS))
