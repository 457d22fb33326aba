"""The ground: a raster of surfaces over a smooth terrain, with kerbs where surfaces meet at different heights."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stages.ingest.town.kinds import KIND_ID
from stages.ingest.town.mesh import Material, Mesh

CELL = 0.2
"""Edge of a raster cell [m]."""
_BLOCK = 8
"""Cells along the edge of a terrain patch: the terrain is smooth at this scale."""

# Colour and material of the surfaces a ground may have.
_SURFACES: dict[str, tuple[tuple[float, float, float], Material]] = {
    "road": ((0.30, 0.30, 0.32), Material.ASPHALT),
    "parking": ((0.38, 0.37, 0.36), Material.ASPHALT),
    "sidewalk": ((0.55, 0.53, 0.50), Material.PAVING),
    "other-ground": ((0.50, 0.45, 0.38), Material.PAVING),
    "terrain": ((0.32, 0.42, 0.18), Material.GRASS),
}


class Ground:
    """Raster maps [nx, ny] over the plane, cell (i, j) covering ``origin + (i, j) * CELL``.

    ``kind`` holds town kind ids, ``step`` the height above the terrain in centimetres, ``mark`` 1 on painted lines,
    ``lot`` whether a cell is off the streets and not built on yet, ``taken`` whether something stands there.
    ``base`` is the terrain height [m] at every eighth cell corner.
    """

    def __init__(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        blocks = np.ceil((high - low) / (CELL * _BLOCK)).astype(int)
        shape = (int(blocks[0]) * _BLOCK, int(blocks[1]) * _BLOCK)
        self.origin = np.asarray(low, np.float64)
        self.kind = np.full(shape, KIND_ID["terrain"], np.uint8)
        self.step = np.zeros(shape, np.int16)
        self.mark = np.zeros(shape, np.uint8)
        self.lot = np.ones(shape, np.bool_)
        self.taken = np.zeros(shape, np.bool_)
        self.base = np.zeros((int(blocks[0]) + 1, int(blocks[1]) + 1), np.float64)

    def block_corners(self) -> NDArray[np.float64]:
        """World x, y of the corners where ``base`` is given, [bx, by, 2]."""
        i, j = np.indices(self.base.shape)
        return np.stack([i, j], axis=-1) * (CELL * _BLOCK) + self.origin

    def height(self, xy: NDArray[np.float64], stepped: bool = True) -> NDArray[np.float64]:
        """Height [n] of the ground at ``xy`` [n, 2], with or without kerb steps; the rim outside the raster."""
        points = np.atleast_2d(np.asarray(xy, np.float64))
        return _height(points, self.origin, self.base, self.step, stepped)

    def at(self, x: float, y: float) -> float:
        return float(self.height(np.array([[x, y]]))[0])

    def inside(self, x: float, y: float, margin: float = 1.0) -> bool:
        low, high = self.origin + margin, self.origin + np.array(self.kind.shape) * CELL - margin
        return bool(low[0] <= x <= high[0] and low[1] <= y <= high[1])

    def kind_at(self, x: float, y: float) -> int:
        i, j = int((x - self.origin[0]) / CELL), int((y - self.origin[1]) / CELL)
        return int(self.kind[i, j]) if 0 <= i < self.kind.shape[0] and 0 <= j < self.kind.shape[1] else 0

    def blocked(self, where: NDArray[np.bool_], x: float, y: float, yaw: float, length: float, width: float) -> float:
        """Share of the rectangle around (x, y) where the map ``where`` holds; outside the raster counts."""
        return float(_count(where, self.origin, x, y, yaw, length, width))

    def is_free(self, x: float, y: float, yaw: float, length: float, width: float) -> bool:
        return self.blocked(self.taken, x, y, yaw, length, width) == 0.0

    def take(self, x: float, y: float, yaw: float, length: float, width: float) -> None:
        _fill_flag(self.taken, True, self.origin, x, y, yaw, length, width)

    def build_on(self, x: float, y: float, yaw: float, length: float, width: float) -> None:
        """The rectangle is no free lot any more."""
        _fill_flag(self.lot, False, self.origin, x, y, yaw, length, width)

    def pave(
        self, kind: str, step: float, x: float, y: float, yaw: float, length: float, width: float, lots: bool = True
    ) -> None:
        """Gives the rectangle a surface, ``step`` metres above the terrain; with ``lots`` only off the streets."""
        _fill_surface(
            self.kind, self.step, self.street if lots else np.zeros_like(self.taken), KIND_ID[kind],
            round(step * 100), self.origin, x, y, yaw, length, width,
        )  # fmt: skip

    street: NDArray[np.bool_]
    """Cells of carriageways and the bands beside them; set when the streets are laid."""

    def mesh(self, rng: np.random.Generator) -> Mesh:
        """The ground as squares of up to 1.6 m and kerb faces; colours vary from town to town."""
        corners, cells = _squares(self.kind, self.step, self.base)
        z0 = _height(corners.reshape(-1, 2) * CELL + self.origin, self.origin, self.base, self.step, False)
        z = z0.reshape(-1, 4) + (self.step[cells[:, 0], cells[:, 1]] / 100.0)[:, None]
        xy = corners.reshape(-1, 4, 2) * CELL + self.origin
        flat = np.concatenate([xy, z[:, :, None]], axis=2)
        kerb_corners, kerb_cells = _kerbs(self.step)
        ends = kerb_corners.reshape(-1, 2) * CELL + self.origin
        low = _height(ends, self.origin, self.base, self.step, False).reshape(-1, 2)
        steps = self.step[kerb_cells[:, :, 0], kerb_cells[:, :, 1]] / 100.0
        ends = ends.reshape(-1, 2, 2)
        faces = np.empty((len(ends), 4, 3))
        faces[:, (0, 3), :2], faces[:, (1, 2), :2] = ends[:, :1], ends[:, 1:]
        faces[:, (0, 1), 2] = low + steps.min(axis=1)[:, None]
        faces[:, (3, 2), 2] = low[:, :1] + steps.max(axis=1)[:, None]
        upper = np.where(
            (steps[:, 0] > steps[:, 1])[:, None], kerb_cells[:, 0], kerb_cells[:, 1]
        )
        kinds = np.concatenate([self.kind[cells[:, 0], cells[:, 1]], self.kind[upper[:, 0], upper[:, 1]]])
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
def _height(
    points: NDArray[np.float64], origin: NDArray[np.float64], base: NDArray[np.float64], step: NDArray[np.int16],
    stepped: bool,
) -> NDArray[np.float64]:  # fmt: skip
    result = np.empty(len(points))
    for n in range(len(points)):
        u = (points[n, 0] - origin[0]) / (CELL * _BLOCK)
        v = (points[n, 1] - origin[1]) / (CELL * _BLOCK)
        u = min(max(u, 0.0), base.shape[0] - 1.001)
        v = min(max(v, 0.0), base.shape[1] - 1.001)
        i, j = int(u), int(v)
        a, b = u - i, v - j
        z = (base[i, j] * (1 - a) + base[i + 1, j] * a) * (1 - b) + (base[i, j + 1] * (1 - a) + base[i + 1, j + 1] * a) * b
        if stepped:
            z += step[min(int(u * _BLOCK), step.shape[0] - 1), min(int(v * _BLOCK), step.shape[1] - 1)] / 100.0
        result[n] = z
    return result


@njit(cache=True)
def _window(
    shape: tuple[int, int], origin: NDArray[np.float64], x: float, y: float, reach: float
) -> tuple[int, int, int, int]:
    i0 = max(int((x - reach - origin[0]) / CELL), 0)
    j0 = max(int((y - reach - origin[1]) / CELL), 0)
    i1 = min(int((x + reach - origin[0]) / CELL) + 1, shape[0])
    j1 = min(int((y + reach - origin[1]) / CELL) + 1, shape[1])
    return i0, i1, j0, j1


@njit(cache=True)
def _count(
    where: NDArray[np.bool_], origin: NDArray[np.float64], x: float, y: float, yaw: float, length: float, width: float
) -> float:
    # Sampled on a lattice of one cell in the rectangle's own axes, its rim included.
    c, s = np.cos(yaw), np.sin(yaw)
    na, nb = max(int(length / CELL) + 1, 2), max(int(width / CELL) + 1, 2)
    hits = 0
    for ia in range(na):
        a = length * (ia / (na - 1) - 0.5)
        for ib in range(nb):
            b = width * (ib / (nb - 1) - 0.5)
            i = int(np.floor((x + c * a - s * b - origin[0]) / CELL))
            j = int(np.floor((y + s * a + c * b - origin[1]) / CELL))
            if i < 0 or j < 0 or i >= where.shape[0] or j >= where.shape[1] or where[i, j]:
                hits += 1
    return hits / (na * nb)


@njit(cache=True)
def _fill_flag(
    flags: NDArray[np.bool_], value: bool, origin: NDArray[np.float64], x: float, y: float, yaw: float, length: float,
    width: float,
) -> None:  # fmt: skip
    c, s = np.cos(yaw), np.sin(yaw)
    i0, i1, j0, j1 = _window(flags.shape, origin, x, y, 0.5 * np.hypot(length, width) + CELL)
    for i in range(i0, i1):
        for j in range(j0, j1):
            dx, dy = origin[0] + (i + 0.5) * CELL - x, origin[1] + (j + 0.5) * CELL - y
            if abs(c * dx + s * dy) <= length / 2 and abs(c * dy - s * dx) <= width / 2:
                flags[i, j] = value


@njit(cache=True)
def _fill_surface(
    kind: NDArray[np.uint8], step: NDArray[np.int16], keep: NDArray[np.bool_], new_kind: int, new_step: int,
    origin: NDArray[np.float64], x: float, y: float, yaw: float, length: float, width: float,
) -> None:  # fmt: skip
    c, s = np.cos(yaw), np.sin(yaw)
    i0, i1, j0, j1 = _window(kind.shape, origin, x, y, 0.5 * np.hypot(length, width) + CELL)
    for i in range(i0, i1):
        for j in range(j0, j1):
            dx, dy = origin[0] + (i + 0.5) * CELL - x, origin[1] + (j + 0.5) * CELL - y
            if not keep[i, j] and abs(c * dx + s * dy) <= length / 2 and abs(c * dy - s * dx) <= width / 2:
                kind[i, j] = new_kind
                step[i, j] = new_step


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
    for i in range(0, kind.shape[0], _BLOCK):
        for j in range(0, kind.shape[1], _BLOCK):
            stack = [(i, j, _BLOCK)]
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
