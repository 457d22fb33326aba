"""The ground: a raster of surfaces over a smooth terrain, with kerbs where surfaces meet at different heights."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.streets.lane_lines import LaneLines
from occlabel.stages.town.things.kinds import KIND_ID

CELL = 0.2
"""Edge of a raster cell [m]."""
BLOCK = 8
"""Cells along the edge of a terrain patch: the terrain is smooth at this scale."""


class Ground:
    """Raster maps [nx, ny] over the plane, cell (i, j) covering ``origin + (i, j) * CELL``.

    ``kind`` holds town kind ids, ``step`` the height above the terrain in centimetres, ``mark`` 1 on painted lines,
    ``street`` whether it belongs to a carriageway or the bands beside it, ``edge`` the signed distance [m] to the
    nearest carriageway (inside negative, 1000 far off), ``lot`` whether a cell is off the streets and not built on yet,
    ``taken`` whether something stands there or drives there.
    ``lines`` are the painted lines of the main street, ``base`` is the terrain height [m] at every eighth cell corner.
    """

    cell = CELL

    def __init__(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        blocks = np.ceil((high - low) / (CELL * BLOCK)).astype(int)
        shape = (int(blocks[0]) * BLOCK, int(blocks[1]) * BLOCK)
        self.origin = np.asarray(low, np.float64)
        self.kind = np.full(shape, KIND_ID["terrain"], np.uint8)
        self.step = np.zeros(shape, np.int16)
        self.mark = np.zeros(shape, np.uint8)
        self.lot = np.ones(shape, np.bool_)
        self.taken = np.zeros(shape, np.bool_)
        self.street = np.zeros(shape, np.bool_)
        self.edge = np.full(shape, 1e3, np.float32)
        self.lines: LaneLines | None = None
        self.base = np.zeros((int(blocks[0]) + 1, int(blocks[1]) + 1), np.float64)

    def block_corners(self) -> NDArray[np.float64]:
        """World x, y of the corners where ``base`` is given, [bx, by, 2]."""
        i, j = np.indices(self.base.shape)
        return np.stack([i, j], axis=-1) * (CELL * BLOCK) + self.origin

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

    def pave(self, kind: str, step: float, x: float, y: float, yaw: float, length: float, width: float) -> None:
        """Gives the rectangle a surface, ``step`` metres above the terrain, where there is no street."""
        self._pave(self.street, kind, step, (x, y, yaw, length, width))

    def pave_over(self, kind: str, step: float, x: float, y: float, yaw: float, length: float, width: float) -> None:
        """The same, streets included."""
        self._pave(np.zeros_like(self.taken), kind, step, (x, y, yaw, length, width))

    def lower(self, step: float, x: float, y: float, yaw: float, length: float, width: float) -> None:
        """Cuts what lies higher in the rectangle, carriageways excepted, down to ``step`` metres above the terrain."""
        _cut(self.step, self.kind, round(step * 100), KIND_ID["road"], self.origin, x, y, yaw, length, width)

    def _pave(self, spared: NDArray[np.bool_], kind: str, step: float, rectangle: tuple[float, ...]) -> None:
        _fill_surface(self.kind, self.step, spared, KIND_ID[kind], round(step * 100), self.origin, *rectangle)


@njit(cache=True)
def _height(
    points: NDArray[np.float64], origin: NDArray[np.float64], base: NDArray[np.float64], step: NDArray[np.int16],
    stepped: bool,
) -> NDArray[np.float64]:  # fmt: skip
    result = np.empty(len(points))
    for n in range(len(points)):
        u = (points[n, 0] - origin[0]) / (CELL * BLOCK)
        v = (points[n, 1] - origin[1]) / (CELL * BLOCK)
        u = min(max(u, 0.0), base.shape[0] - 1.001)
        v = min(max(v, 0.0), base.shape[1] - 1.001)
        i, j = int(u), int(v)
        a, b = u - i, v - j
        z = (base[i, j] * (1 - a) + base[i + 1, j] * a) * (1 - b) + (
            base[i, j + 1] * (1 - a) + base[i + 1, j + 1] * a
        ) * b
        if stepped:
            z += step[min(int(u * BLOCK), step.shape[0] - 1), min(int(v * BLOCK), step.shape[1] - 1)] / 100.0
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
def _cut(
    step: NDArray[np.int16], kind: NDArray[np.uint8], new_step: int, spared: int, origin: NDArray[np.float64],
    x: float, y: float, yaw: float, length: float, width: float,
) -> None:  # fmt: skip
    c, s = np.cos(yaw), np.sin(yaw)
    i0, i1, j0, j1 = _window(kind.shape, origin, x, y, 0.5 * np.hypot(length, width) + CELL)
    for i in range(i0, i1):
        for j in range(j0, j1):
            dx, dy = origin[0] + (i + 0.5) * CELL - x, origin[1] + (j + 0.5) * CELL - y
            if kind[i, j] != spared and abs(c * dx + s * dy) <= length / 2 and abs(c * dy - s * dx) <= width / 2:
                step[i, j] = min(step[i, j], new_step)
