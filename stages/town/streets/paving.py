"""What streets make of the ground: carriageways, the bands beside them, rounded corners, lane lines."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.streets.edges import widen
from occlabel.stages.town.streets.ground import BLOCK, CELL, Ground
from occlabel.stages.town.streets.lane_lines import LaneLines, on_line
from occlabel.stages.town.streets.street_sides import MOST_BANDS, Band
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things.kinds import KIND_ID


def lay_streets(ground: Ground, streets: list[Street], corner: float, crown: float = 0.0) -> None:
    """Paints carriageways, the bands beside them and lane lines; ``corner`` [m] rounds the corners of junctions,
    ``crown`` is the cross slope by which roads rise from their edges to their middle."""
    shape = ground.kind.shape
    nearest = np.full(shape, 1e3, np.float32)
    owner = np.full(shape, -1, np.int16)
    fields = []
    for index, street in enumerate(streets):
        lateral, station = _offsets(street.points, ground.origin, shape[0], shape[1], street.half + 22.0)
        _merge(ground.edge, nearest, owner, lateral, street.half, index, corner)
        dashed = street.lanes == 1 and index % 2 == 0
        painted, half = _from_first_lane(lateral, street)
        _lines(ground.mark, painted, station, half, street.lane_width, street.lanes, dashed, index == 0)
        if index == 0:
            fields = [painted, station, lateral]
    main = streets[0]
    straight = ground.edge.copy()
    widen(ground.edge, owner, fields[1], main.edges[0].wider, main.edges[1].wider)
    _surfaces(
        ground.kind, ground.step, ground.mark, ground.street, ground.edge, nearest, owner, *_band_table(streets),
        KIND_ID["road"],
    )  # fmt: skip
    for side, edge in enumerate(main.edges):
        for bay in edge.bays:
            within = (owner == side) & (straight >= 0) & (ground.edge < 0) & bay.holds(fields[1])
            ground.kind[within] = KIND_ID[bay.kind]
    ground.lot &= ~ground.street
    away_from_junctions = ((owner >> 1) == 0) & (nearest - straight <= 0.02)
    allowed = away_from_junctions & (straight < 0)
    half = main.half
    ground.base[:-1, :-1] += crown * np.clip(-ground.edge[::BLOCK, ::BLOCK], 0.0, None)
    if main.median[1]:
        half = _from_first_lane(fields[2][:1, :1], main)[1]
        allowed &= fields[0] < 500.0
        _lay_median(ground, np.abs(fields[2]), main.median, away_from_junctions)
    ground.lines = LaneLines(fields[0], fields[1], allowed, half, main.lane_width, main.lanes, dashed=main.lanes == 1)


def _from_first_lane(lateral: NDArray[np.float32], street: Street) -> tuple[NDArray[np.float32], float]:
    """The distance from the inner edge of the first lane, by which lines are painted, and the width that has lines:
    ``lateral`` and half the carriageway where there is no median."""
    if not street.median[1]:
        return lateral, street.half
    across = np.abs(lateral) - np.float32(street.inner)
    painted = np.where(across < -0.2, np.float32(1e3), np.copysign(np.abs(across), lateral))
    return painted.astype(np.float32), street.lanes * street.lane_width + 0.25


def _lay_median(ground: Ground, away: NDArray[np.float32], median: Band, allowed: NDArray[np.bool_]) -> None:
    """The strip of ``allowed`` cells less than half its width ``away`` from the centre line; it is edge of the
    carriageways."""
    kind, width, step = median
    strip = (away < width / 2) & allowed
    ground.kind[strip], ground.step[strip], ground.mark[strip] = KIND_ID[kind], round(step * 100), 0
    ground.edge[strip] = width / 2 - away[strip]


def _band_table(streets: list[Street]) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.int16]]:
    """Widths, kinds and steps [cm] of the bands, each [2 * streets + side, band]; absent bands have no width."""
    widths = np.zeros((2 * len(streets), MOST_BANDS))
    kinds = np.zeros((2 * len(streets), MOST_BANDS), np.uint8)
    steps = np.zeros((2 * len(streets), MOST_BANDS), np.int16)
    for index, street in enumerate(streets):
        for side in (0, 1):
            for band, (kind, width, step) in enumerate(street.bands[side]):
                row = 2 * index + side
                widths[row, band], kinds[row, band], steps[row, band] = width, KIND_ID[kind], round(step * 100)
    return widths, kinds, steps


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
            if on_line(lateral[i, j], station[i, j], half, lane_width, lanes, dashed, edges):
                mark[i, j] = 1
