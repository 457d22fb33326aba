"""Streets: the one that the car drives along, those that meet it, and what they make of the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stages.ingest.town.ground import CELL, Ground
from stages.ingest.town.kinds import KIND_ID
from stages.ingest.town.style import Band, Style, draw_bands

MARGIN = 85.0
"""How far [m] the town reaches beyond the driven part of the main street."""


@dataclass(frozen=True, slots=True)
class Street:
    """A centre line with a point every metre; side 0 is left of its direction, side 1 right."""

    points: NDArray[np.float64]
    """[n, 2]."""
    lanes: int
    """Lanes each way."""
    lane_width: float
    half: float
    """Half the width of the carriageway [m]."""
    bands: tuple[tuple[Band, ...], tuple[Band, ...]]
    parking: tuple[str, str]

    @property
    def length(self) -> float:
        return float(len(self.points) - 1)

    def setback(self, side: int) -> float:
        """From the centre line to the first lot [m]."""
        return self.half + sum(width for _, width, _ in self.bands[side])

    def at(self, station: float, lateral: float = 0.0) -> tuple[float, float, float]:
        """x, y and heading at ``station`` metres along and ``lateral`` metres left of the centre line."""
        station = min(max(station, 0.0), self.length - 1e-6)
        i = int(station)
        a, b = self.points[i], self.points[i + 1]
        before, after = self.points[max(i - 1, 0)], self.points[min(i + 2, len(self.points) - 1)]
        t = station - i
        direction = (b - before) * (1 - t) + (after - a) * t
        heading = float(np.arctan2(direction[1], direction[0]))
        x, y = a * (1 - t) + b * t
        return float(x - np.sin(heading) * lateral), float(y + np.cos(heading) * lateral), heading


def _draw_street(rng: np.random.Generator, style: Style, points: NDArray[np.float64], main: bool) -> Street:
    lanes = int(style.lanes[1] if rng.random() < 0.35 else style.lanes[0]) if main else 1
    lane_width = float(rng.uniform(*style.lane_width)) * (1.0 if main else 0.92)
    extra = float(rng.choice([0.0, 0.3, 0.8, 1.8], p=[0.5, 0.3, 0.15, 0.05]))
    (left, left_parking), (right, right_parking) = draw_bands(rng, style), draw_bands(rng, style)
    if rng.random() < 0.5:
        right, right_parking = left, left_parking
    return Street(points, lanes, lane_width, lanes * lane_width + extra, (left, right), (left_parking, right_parking))


def _curve(start: NDArray[np.float64], heading: float, curvature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [n + 1, 2] every metre from ``start``, turning by ``curvature`` [n] radians a metre."""
    headings = heading + np.cumsum(curvature)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1)
    return np.vstack([start, start + np.cumsum(steps, axis=0)])


def _main_curvature(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    curvature = np.zeros(length)
    strength = float(rng.choice([0.0, 0.004, 0.012], p=[0.35, 0.4, 0.25]))
    for _ in range(1 + length // 120):
        wave = np.sin(np.arange(length) * 2 * np.pi / rng.uniform(80, 300) + rng.uniform(0, 2 * np.pi))
        curvature += strength * rng.uniform(0.3, 1.0) * wave
    if rng.random() < 0.35:  # a corner, taken as cars take it
        radius, angle = rng.uniform(11, 30), rng.uniform(0.7, 1.6) * rng.choice([-1, 1])
        arc = max(int(radius * abs(angle)), 4)
        middle = int(MARGIN + rng.uniform(0.1, 0.9) * (length - 2 * MARGIN))
        curvature[middle - arc // 2 : middle + arc - arc // 2] += angle / arc
    return curvature


def draw_streets(rng: np.random.Generator, style: Style, driven: float) -> tuple[list[Street], list[float]]:
    """The streets, main street first, and the stations of its junctions.

    The main street reaches MARGIN metres beyond both ends of the ``driven`` metres.
    """
    length = int(driven + 2 * MARGIN)
    heading = float(rng.uniform(-np.pi, np.pi))
    main = _draw_street(rng, style, _curve(np.zeros(2), heading, _main_curvature(rng, length)), main=True)
    streets, junctions = [main], []
    station = float(rng.uniform(15, style.side_streets[1]))
    while station < length - 10:
        x, y, along = main.at(station)
        sides = ((1,), (-1,), (1, -1))[int(rng.choice(3, p=[0.35, 0.35, 0.3]))]
        for side in sides:
            direction = along + side * (np.pi / 2 + rng.uniform(-0.45, 0.45))
            bend = np.full(int(rng.uniform(70, 110)), rng.normal(0, 0.004))
            branch = _curve(np.array([x, y]), float(direction), bend)
            near = np.linalg.norm(branch[40:, None] - main.points[None, ::4], axis=2).min()
            if near > 25:  # a branch that comes back to the main street is left out
                streets.append(_draw_street(rng, style, branch, main=False))
        junctions.append(station)
        station += float(rng.uniform(*style.side_streets))
    return streets, junctions


def lay_streets(ground: Ground, streets: list[Street], corner: float) -> None:
    """Paints carriageways, the bands beside them and lane lines; ``corner`` [m] rounds the corners of junctions."""
    shape = ground.kind.shape
    edge = np.full(shape, 1e3, np.float32)
    nearest = np.full(shape, 1e3, np.float32)
    owner = np.full(shape, -1, np.int16)
    for index, street in enumerate(streets):
        lateral, station = _offsets(street.points, ground.origin, shape[0], shape[1], street.half + 22.0)
        _merge(edge, nearest, owner, lateral, street.half, index, corner)
        dashed = street.lanes == 1 and index % 2 == 0
        _lines(ground.mark, lateral, station, street.half, street.lane_width, street.lanes, dashed, index == 0)
    widths = np.zeros((2 * len(streets), 4))
    kinds = np.zeros((2 * len(streets), 4), np.uint8)
    steps = np.zeros((2 * len(streets), 4), np.int16)
    for index, street in enumerate(streets):
        for side in (0, 1):
            for band, (kind, width, step) in enumerate(street.bands[side]):
                row = 2 * index + side
                widths[row, band], kinds[row, band], steps[row, band] = width, KIND_ID[kind], round(step * 100)
    ground.street = np.zeros(shape, np.bool_)
    ground.edge = edge
    _surfaces(
        ground.kind, ground.step, ground.mark, ground.street, edge, nearest, owner, widths, kinds, steps,
        KIND_ID["road"],
    )  # fmt: skip
    ground.lot &= ~ground.street


@njit(cache=True)
def _offsets(
    points: NDArray[np.float64], origin: NDArray[np.float64], nx: int, ny: int, reach: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Signed distance to the nearest point of a centre line (left positive) and its station, by cell."""
    lateral = np.full((nx, ny), 1e3, np.float32)
    station = np.zeros((nx, ny), np.float32)
    for n in range(len(points) - 1):
        ax, ay = points[n]
        dx, dy = points[n + 1, 0] - ax, points[n + 1, 1] - ay
        i0 = max(int((ax - reach - origin[0]) / CELL), 0)
        i1 = min(int((ax + reach - origin[0]) / CELL) + 1, nx)
        j0 = max(int((ay - reach - origin[1]) / CELL), 0)
        j1 = min(int((ay + reach - origin[1]) / CELL) + 1, ny)
        for i in range(i0, i1):
            px = origin[0] + (i + 0.5) * CELL - ax
            for j in range(j0, j1):
                py = origin[1] + (j + 0.5) * CELL - ay
                along = px * dx + py * dy
                # Beyond one segment only its neighbours matter; the first and last are capped.
                if (along < -2.5 and n > 0) or (along > 3.5 and n < len(points) - 2):
                    continue
                t = min(max(along, 0.0), 1.0)
                distance = np.hypot(px - t * dx, py - t * dy)
                if distance < abs(lateral[i, j]):
                    lateral[i, j] = distance if dx * py - dy * px >= 0 else -distance
                    station[i, j] = n + t
    return lateral, station


@njit(cache=True)
def _merge(
    edge: NDArray[np.float32], nearest: NDArray[np.float32], owner: NDArray[np.int16], lateral: NDArray[np.float32],
    half: float, index: int, corner: float,
) -> None:  # fmt: skip
    """Smooth minimum of the distances to carriageway edges; ``owner`` is twice the nearest street plus its side."""
    for i in range(edge.shape[0]):
        for j in range(edge.shape[1]):
            new = abs(lateral[i, j]) - half
            if new > 500.0:
                continue
            if new < nearest[i, j]:
                nearest[i, j] = new
                owner[i, j] = 2 * index + (0 if lateral[i, j] > 0 else 1)
            old = edge[i, j]
            blend = max(corner - abs(old - new), 0.0) / corner
            edge[i, j] = min(old, new) - blend * blend * corner / 4


@njit(cache=True)
def _surfaces(
    kind: NDArray[np.uint8], step: NDArray[np.int16], mark: NDArray[np.uint8], street: NDArray[np.bool_],
    edge: NDArray[np.float32], nearest: NDArray[np.float32], owner: NDArray[np.int16], widths: NDArray[np.float64],
    kinds: NDArray[np.uint8], steps: NDArray[np.int16], road: int,
) -> None:  # fmt: skip
    for i in range(kind.shape[0]):
        for j in range(kind.shape[1]):
            if owner[i, j] < 0 or nearest[i, j] - edge[i, j] > 0.02 or edge[i, j] >= 0:
                mark[i, j] = 0  # junctions and lots carry no lines
            if owner[i, j] < 0:
                continue
            beyond = edge[i, j]
            if beyond < 0:
                kind[i, j], step[i, j], street[i, j] = road, 0, True
                continue
            row = owner[i, j]
            for band in range(widths.shape[1]):
                if beyond < widths[row, band]:
                    kind[i, j], step[i, j], street[i, j] = kinds[row, band], steps[row, band], True
                    break
                beyond -= widths[row, band]


@njit(cache=True)
def _lines(
    mark: NDArray[np.uint8], lateral: NDArray[np.float32], station: NDArray[np.float32], half: float,
    lane_width: float, lanes: int, dashed: bool, edges: bool,
) -> None:  # fmt: skip
    for i in range(mark.shape[0]):
        for j in range(mark.shape[1]):
            offset = abs(lateral[i, j])
            if offset > half:
                continue
            centre = offset < 0.1 and (not dashed or station[i, j] % 6.0 < 3.0)
            lane = round(offset / lane_width)
            between = 0 < lane < lanes and abs(offset - lane * lane_width) < 0.1 and station[i, j] % 9.0 < 3.0
            if centre or between or (edges and abs(offset - half + 0.25) < 0.1):
                mark[i, j] = 1
