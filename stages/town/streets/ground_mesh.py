"""The ground as triangles: large squares where one surface spreads, small ones along its borders, kerb faces."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.streets.ground import BLOCK, CELL, Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material, Mesh

_GREY, _LIGHT, _BROWN, _GREEN = (0.34, 0.34, 0.35), (0.55, 0.53, 0.50), (0.45, 0.38, 0.29), (0.32, 0.42, 0.18)
# What the surfaces of a town may be made of, with the weight of each: colour and material. A town draws one.
_SURFACES: dict[str, tuple[tuple[float, tuple[float, float, float], Material], ...]] = {
    "road": ((0.8, (0.30, 0.30, 0.32), Material.ASPHALT), (0.12, _LIGHT, Material.CONCRETE),
             (0.08, (0.40, 0.38, 0.37), Material.PAVING)),
    "parking": ((0.45, (0.38, 0.37, 0.36), Material.ASPHALT), (0.35, _LIGHT, Material.PAVING),
                (0.2, _BROWN, Material.GRAVEL)),
    "sidewalk": ((0.65, _LIGHT, Material.PAVING), (0.25, _GREY, Material.ASPHALT), (0.1, _LIGHT, Material.CONCRETE)),
    "other-ground": ((0.42, (0.50, 0.47, 0.42), Material.GRAVEL), (0.2, _BROWN, Material.SOIL),
                     (0.15, _LIGHT, Material.PAVING), (0.15, _LIGHT, Material.CONCRETE),
                     (0.08, _GREY, Material.ASPHALT)),
    "terrain": ((1.0, _GREEN, Material.GRASS),),
}  # fmt: skip


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
    for name, choices in _SURFACES.items():
        weights = np.array([weight for weight, _, _ in choices])
        _, colour, material = choices[int(rng.choice(len(choices), p=weights / weights.sum()))]
        colours[KIND_ID[name]] = np.clip(np.array(colour) * rng.uniform(0.8, 1.2) + rng.uniform(-0.04, 0.04, 3), 0, 1)
        materials[KIND_ID[name]] = material
    first = np.arange(len(corners), dtype=np.int32)[:, None] * 4
    faces = (first[:, :, None] + np.array([[0, 1, 2], [0, 2, 3]], np.int32)).reshape(-1, 3)
    bare = np.repeat(_bare(corners[:, 0, :2], rng) & (kinds == KIND_ID["terrain"]), 2)
    kinds = np.repeat(kinds, 2)
    of_faces, painted = materials[kinds], colours[kinds]
    of_faces[bare], painted[bare] = Material.SOIL, _BROWN
    return Mesh(
        corners.reshape(-1, 3), faces.astype(np.int32), kinds, painted, of_faces, np.zeros(len(faces), np.uint16)
    )


def _bare(xy: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Where nothing grows on the land: patches of some metres, few in one town and many in another."""
    field = np.zeros(len(xy))
    for length in (23.0, 11.0, 6.0):
        direction, phase = rng.uniform(0, 2 * np.pi, 2)
        field += np.sin((np.cos(direction) * xy[:, 0] + np.sin(direction) * xy[:, 1]) * 2 * np.pi / length + phase)
    return np.asarray(field > rng.uniform(0.6, 3.0), np.bool_)


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
