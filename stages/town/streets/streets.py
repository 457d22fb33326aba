"""Streets: the one that the car drives along and those that meet it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.streets.edges import Edge, draw_edge
from occlabel.stages.town.streets.street_sides import LEAST_CARRIAGEWAY, Band, draw_bands
from occlabel.stages.town.style import Style

MARGIN = 85.0
"""How far [m] the town reaches beyond the driven part of the main street."""
_BESIDE_MEDIAN = 0.6
"""From a median to the first lane [m]."""
_NO_MEDIAN: Band = ("terrain", 0.0, 0.0)


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
    edges: tuple[Edge, Edge]
    """Where its borders are not straight."""
    median: Band = _NO_MEDIAN
    """The strip between the carriageways; 0 m wide where there is none."""
    fast: bool = False
    """A motorway: nobody walks, rides or stops there."""

    @property
    def inner(self) -> float:
        """From the centre line to the first lane [m]."""
        return self.median[1] / 2 + _BESIDE_MEDIAN if self.median[1] else 0.0

    def middle(self, lane: int) -> float:
        """From the centre line to the middle of a lane, 0 the innermost [m]."""
        return self.inner + (lane + 0.5) * self.lane_width

    @property
    def length(self) -> float:
        return float(len(self.points) - 1)

    def setback(self, side: int) -> float:
        """From the centre line to the first lot [m]."""
        return self.half + sum(width for _, width, _ in self.bands[side])

    def beside(self, side: int) -> list[tuple[float, float]]:
        """The other carriageways among the bands of a side: from the centre line to their middle, and width [m]."""
        found, reach = [], self.half
        for kind, width, _ in self.bands[side]:
            if kind == "road" and width >= LEAST_CARRIAGEWAY:
                found.append((reach + width / 2, width))
            reach += width
        return found

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
    if style.road == "motorway":
        return _draw_motorway(rng, style, points)
    (left, left_parking), (right, right_parking) = draw_bands(rng, style), draw_bands(rng, style)
    if rng.random() < 0.5:
        right, right_parking = left, left_parking
    half, median = lanes * lane_width + extra, _draw_median(rng, style) if main else _NO_MEDIAN
    half += median[1] / 2 + _BESIDE_MEDIAN if median[1] else 0.0
    edges = (draw_edge(rng, style, len(points), main), draw_edge(rng, style, len(points), main))
    return Street(points, lanes, lane_width, half, (left, right), (left_parking, right_parking), edges, median)


def _draw_median(rng: np.random.Generator, style: Style) -> Band:
    """What parts the carriageways of a main street in a town: paving, grass, or paint on the asphalt."""
    if style.road != "street" or rng.random() > (0.2 if style.lanes[1] > 1 else 0.04):
        return _NO_MEDIAN
    step = float(rng.choice([0.0, 0.03, 0.12, 0.15]))
    return ("terrain" if rng.random() < 0.6 else "other-ground", float(rng.uniform(0.8, 3.5)), step)


def _draw_motorway(rng: np.random.Generator, style: Style, points: NDArray[np.float64]) -> Street:
    """Two carriageways with a median between and a hard shoulder, which is road, outside."""
    lanes = int(rng.integers(style.lanes[0], style.lanes[1] + 1))
    lane_width = float(rng.uniform(*style.lane_width))
    width = float(rng.uniform(1.6, 3.0) if rng.random() < 0.35 else rng.uniform(3.0, 11.0))
    green = width > 3.0 or rng.random() < 0.5
    median = ("terrain" if green else "other-ground", width, float(rng.choice([-0.03, 0.0, 0.02, 0.1])))
    shoulder = float(rng.choice([0.6, 2.5, 3.0]))
    half = width / 2 + _BESIDE_MEDIAN + lanes * lane_width + shoulder
    (left, _), (right, _) = draw_bands(rng, style), draw_bands(rng, style)
    edges = (draw_edge(rng, style, len(points), True), draw_edge(rng, style, len(points), True))
    return Street(points, lanes, lane_width, half, (left, right), ("none", "none"), edges, median, fast=True)


def _curve(start: NDArray[np.float64], heading: float, curvature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [n + 1, 2] every metre from ``start``, turning by ``curvature`` [n] radians a metre."""
    headings = heading + np.cumsum(curvature)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1)
    return np.vstack([start, start + np.cumsum(steps, axis=0)])


def _main_curvature(rng: np.random.Generator, length: int, road: str) -> NDArray[np.float64]:
    curvature = np.zeros(length)
    strength = float(rng.choice([0.0, 0.004, 0.012], p=[0.35, 0.4, 0.25]))
    for _ in range(min(1 + length // 120, 5)):
        wave = np.sin(np.arange(length) * 2 * np.pi / rng.uniform(80, 300) + rng.uniform(0, 2 * np.pi))
        curvature += strength * rng.uniform(0.3, 1.0) * wave
    if road == "motorway":
        return curvature * 0.15
    if rng.random() < (0.35 if road == "street" else 0.1):  # a corner, taken as cars take it
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
    main = _draw_street(rng, style, _curve(np.zeros(2), heading, _main_curvature(rng, length, style.road)), main=True)
    streets: list[Street] = [main]
    junctions: list[float] = []
    if np.isinf(style.side_streets[0]):
        return streets, junctions
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
