"""The ground as triangles: large squares where one surface spreads, small ones along its borders, kerb faces."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.streets.ground import BLOCK, CELL, Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material, Mesh

# Colour and material of the surfaces a ground may have.
_SURFACES: dict[str, tuple[tuple[float, float, float], Material]] = {
    "road": ((0.30, 0.30, 0.32), Material.ASPHALT),
    "parking": ((0.38, 0.37, 0.36), Material.ASPHALT),
    "sidewalk": ((0.55, 0.53, 0.50), Material.PAVING),
    "other-ground": ((0.50, 0.45, 0.38), Material.PAVING),
    "terrain": ((0.32, 0.42, 0.18), Material.GRASS),
}


def ground_mesh(ground: Ground, rng: np.random.Generator) -> Mesh:
    """The ground as squares of up to 1.6 m and kerb faces; colours vary from town to town."""
    corners, cells = _squares(ground.kind, ground.step, ground.base)
    z0 = ground.height(corners.reshape(-1, 2) * CELL + ground.origin, stepped=False)
    z = z0.reshape(-1, 4) + (ground.step[cells[:, 0], cells[:, 1]] / 100.0)[:, None]
    xy = corners.reshape(-1, 4, 2) * CELL + ground.origin
    flat = np.concatenate([xy, z[:, :, None]], axis=2)
    kerb_corners, kerb_cells = _kerbs(ground.step)
    ends = kerb_corners.reshape(-1, 2) * CELL + ground.origin
    low = ground.height(ends, stepped=False).reshape(-1, 2)
    steps = ground.step[kerb_cells[:, :, 0], kerb_cells[:, :, 1]] / 100.0
    ends = ends.reshape(-1, 2, 2)
    faces = np.empty((len(ends), 4, 3))
    faces[:, (0, 3), :2], faces[:, (1, 2), :2] = ends[:, :1], ends[:, 1:]
    faces[:, (0, 1), 2] = low + steps.min(axis=1)[:, None]
    faces[:, (3, 2), 2] = low[:, :1] + steps.max(axis=1)[:, None]
    upper = np.where((steps[:, 0] > steps[:, 1])[:, None], kerb_cells[:, 0], kerb_cells[:, 1])
    kinds = np.concatenate([ground.kind[cells[:, 0], cells[:, 1]], ground.kind[upper[:, 0], upper[:, 1]]])
    return _paint(np.concatenate([flat, faces]), kinds, rng)


def _paint(corners: NDArray[np.float64], kinds: NDArray[np.uint8], rng: np.random.Generator) -> Mesh:
    colours = np.zeros((256, 3), np.float32)
    materials = np.zeros(256, np.uint8)
    for name, (colour, material) in _SURFACES.items():
        colours[KIND_ID[name]] = np.clip(np.array(colour) * rng.uniform(0.8, 1.2) + rng.uniform(-0.04, 0.04, 3), 0, 1)
        materials[KIND_ID[name]] = material
    first = np.arange(len(corners), dtype=np.int32)[:, None] * 4
    faces = (first[:, :, None] + np.array([[0, 1, 2], [0, 2, 3]], np.int32)).reshape(-1, 3)
    kinds = np.repeat(kinds, 2)
    return Mesh(
        corners.reshape(-1, 3), faces.astype(np.int32), kinds, colours[kinds], materials[kinds],
        np.zeros(len(faces), np.uint16),
    )  # fmt: skip


@njit(cache=True)
def _uniform(kind: NDArray[np.uint8], step: NDArray[np.int16], i: int, j: int, size: int) -> bool:
    for a in range(i, i + size):
        for b in range(j, j + size):
            if kind[a, b] != kind[i, j] or step[a, b] != step[i, j]:
                return False
    return True


@njit(cache=True)
def _squares(
    kind: NDArray[np.uint8], step: NDArray[np.int16], base: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Squares of one surface each, by halving mixed blocks: corners in cells [n, 4, 2] and a cell of each [n, 2]."""
    found = [(0, 0, 0)]
    for i in range(0, kind.shape[0], BLOCK):
        for j in range(0, kind.shape[1], BLOCK):
            stack = [(i, j, BLOCK)]
            while len(stack) > 0:
                a, b, size = stack.pop()
                if size == 1 or _uniform(kind, step, a, b, size):
                    found.append((a, b, size))
                else:
                    half = size // 2
                    stack.append((a, b, half))
                    stack.append((a + half, b, half))
                    stack.append((a, b + half, half))
                    stack.append((a + half, b + half, half))
    corners = np.empty((len(found) - 1, 4, 2))
    cells = np.empty((len(found) - 1, 2), np.int64)
    for n in range(1, len(found)):
        a, b, size = found[n]
        cells[n - 1, 0], cells[n - 1, 1] = a, b
        for k, (p, q) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1))):
            corners[n - 1, k, 0], corners[n - 1, k, 1] = a + p * size, b + q * size
    return corners, cells


@njit(cache=True)
def _kerbs(step: NDArray[np.int16]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cell edges with a height difference: end points in cells [n, 2, 2] and the cells on both sides [n, 2, 2]."""
    count = 0
    for i in range(step.shape[0] - 1):
        for j in range(step.shape[1] - 1):
            count += (step[i, j] != step[i + 1, j]) + (step[i, j] != step[i, j + 1])
    ends = np.empty((count, 2, 2))
    cells = np.empty((count, 2, 2), np.int64)
    n = 0
    for i in range(step.shape[0] - 1):
        for j in range(step.shape[1] - 1):
            for along in range(2):
                a, b = (i + 1, j) if along == 0 else (i, j + 1)
                if step[i, j] == step[a, b]:
                    continue
                ends[n, 0, 0], ends[n, 0, 1] = a, b
                ends[n, 1, 0], ends[n, 1, 1] = i + 1, j + 1
                cells[n, 0, 0], cells[n, 0, 1], cells[n, 1, 0], cells[n, 1, 1] = i, j, a, b
                n += 1
    return ends, cells
