"""The box of a whole object, by all frames that its track has seen it in.

A frame shows one side of an object, and labels fray out where little was measured. But an object keeps its size, and
what stands keeps its place. So it has one size, along one pair of axes, and in each frame lies with the side that is
seen where it is seen: the corner nearest to the sensor is known best (Yang et al. 2021, Auto4D). What
stands has one place, the median of these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import inverse, transform_points
from occlabel.stages.tracking.motion import driving, has_moved
from occlabel.stages.tracking.rectangles import rectangle
from occlabel.stages.tracking.sightings import Sighting, seen
from occlabel.stages.tracking.usual_sizes import Size

_FRAYED = 0.05
"""Share of an object's voxels at each end of an axis that are not asked how far it reaches."""
_LEAST, _MOST = 0.8, 1.3
"""Shares of the usual size: what is smaller was seen in part and gets the usual one, what is larger has labels of
something else in it."""
_WAY, _STRAIGHT = 1.0, 3.0
"""What went farther [m], and so many times farther than it strayed from its way, has no one place."""
_DRIVES = 0.5
"""What is slower [m/s] heads to where it headed when it last was faster, or next will be."""
_ODD = 0.2
"""What a rectangle counts that is cut by the border of the grid, or is too long."""


def whole_boxes(life: Sequence[Sighting], usual: Size | None, voxel_size: float) -> NDArray[np.float64]:
    """The upright box [n, 7] of an object in each of the n frames of its ``life``, all in one world: x, y, z of the
    middle, length, width, height [m] and the turn of the length against x about z [rad], in (-pi/2, pi/2], as front and
    back look alike; in the frame of each frame's grid.

    ``usual``: how large objects of its class are, if that is known. ``voxel_size``: in metres.
    """
    headings = _headings(life, voxel_size)
    turns = np.full(len(life), _turn(life, usual, voxel_size)) if headings is None else headings
    size = _size(_reaches(life, turns), life)
    if _lies_across(size, usual):
        turns, size = turns + np.pi / 2, size[::-1]
    height = float(np.median([sighting.top - sighting.bottom for sighting in life]))
    length, width, height = _plausible([*size, height], usual)
    if width > length:
        turns, length, width = turns + np.pi / 2, width, length
    sides = np.array([length, width])
    reaches = _reaches(life, turns, np.inf if usual is None else sides)
    middles = _middles(reaches, sides, _eyes(life, turns), voxel_size / 2)
    places = _turned(middles, turns)
    if headings is None and not _drifts(np.array([float(sighting.frame) for sighting in life]), places):
        places[:] = np.median(places, axis=0)
    boxes = np.zeros((len(life), 7))
    for box, sighting, place, turn in zip(boxes, life, places, turns, strict=True):
        pose = sighting.world_from_grid
        here = np.append(place, np.nan_to_num(sighting.place[2]))  # without a pose the world is the grid, at any height
        x, y, _ = transform_points(inverse(pose), here[None])[0]
        level = turn - np.arctan2(pose[1, 0], pose[0, 0])
        box[:] = x, y, sighting.bottom + height / 2, length, width, height, np.pi / 2 - (np.pi / 2 - level) % np.pi
    return boxes


def centre(sighting: Sighting, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """[3]: the middle of a ``box`` [7] in the world; NaN without a pose."""
    if not np.isfinite(sighting.place).all():
        return np.full(3, np.nan)
    return np.asarray(transform_points(sighting.world_from_grid, box[None, :3])[0])


def _headings(life: Sequence[Sighting], voxel_size: float) -> NDArray[np.float64] | None:
    """[n]: where the object drives to, in rad about the world's z; None if it stands."""
    known = seen(life)
    if not np.isfinite(known.places).all() or not has_moved(known, voxel_size):
        return None
    ways = driving(known.times, known.places, known.cut)[0][:, :2]
    speeds = np.linalg.norm(ways, axis=1)
    drives = np.flatnonzero(speeds >= min(_DRIVES, speeds.max()))
    nearest = drives[np.abs(drives - np.arange(len(ways))[:, None]).argmin(axis=1)]
    return np.asarray(np.arctan2(ways[nearest, 1], ways[nearest, 0]))


def _drifts(frames: NDArray[np.float64], places: NDArray[np.float64]) -> bool:
    """Whether ``places`` [n, 2] lie along a way rather than around a place: of what was seen for a moment nobody can
    say that it moves, and less that it stands."""
    passed = frames - frames.mean()
    if not passed.any():
        return False
    velocity = passed @ places / (passed @ passed)
    way = float(np.linalg.norm(velocity)) * float(np.ptp(frames))
    beside = places - places.mean(axis=0) - passed[:, None] * velocity
    return way > _WAY and way > _STRAIGHT * float(np.sqrt((beside**2).sum(axis=1).mean()))


def _turn(life: Sequence[Sighting], usual: Size | None, voxel_size: float) -> float:
    """The turn [rad] of one of the two axes along which the rectangles lie, those that are long counting more."""
    found = [rectangle(sighting.columns[:, :2], voxel_size) for sighting in life]
    lengths, widths, turns = np.array(found).T
    odd = np.array([sighting.cut for sighting in life])
    if usual is not None:
        odd |= lengths > _MOST * usual[0]
    weights = lengths * np.maximum(lengths - widths, voxel_size / 8) * np.where(odd, _ODD, 1.0)
    return float(np.angle((weights * np.exp(4j * turns)).sum())) / 4


def _reaches(
    life: Sequence[Sighting], turns: NDArray[np.float64], most: NDArray[np.float64] | float = np.inf
) -> NDArray[np.float64]:
    """[n, 2, 2]: where it begins and ends in each frame, along its axes at ``turns`` [n]: by its voxels but the frayed
    ones, as if all were spread evenly, and of what reaches over ``most`` [2] where most of its voxels are that close.

    To their middles: where in the outermost voxels the surface lies nobody knows.
    """
    result = np.zeros((len(life), 2, 2))
    longest = np.broadcast_to(most, 2)
    for reach, sighting, axes in zip(result, life, _axes(turns), strict=True):
        along, voxels = sighting.columns[:, :2] @ axes.T, sighting.columns[:, 2]
        for axis in (0, 1):
            order = np.argsort(along[:, axis], kind="stable")
            places, below = along[order, axis], np.cumsum(voxels[order])
            first, last = np.minimum(np.searchsorted(below / below[-1], [_FRAYED, 1 - _FRAYED]), len(order) - 1)
            if places[last] - places[first] > longest[axis]:
                ends = np.searchsorted(places, places + longest[axis], side="right") - 1
                first = (below[ends] - below + voxels[order]).argmax()
                last = ends[first]
            lost = (places[last] - places[first]) * _FRAYED / (1 - 2 * _FRAYED)
            reach[axis] = places[first] - lost, places[last] + lost
    return result


def _size(reaches: NDArray[np.float64], life: Sequence[Sighting]) -> NDArray[np.float64]:
    """[2]: how far it reaches along its axes, by the frames that show it whole, if any do."""
    whole = np.array([not sighting.cut for sighting in life])
    sizes = reaches[:, :, 1] - reaches[:, :, 0]
    return np.asarray(np.median(sizes[whole] if whole.any() else sizes, axis=0))


def _lies_across(size: NDArray[np.float64], usual: Size | None) -> bool:
    """Whether the second axis is the length: by which one side fits a usual size best, as a car of which the back alone
    is seen is wider than long; or the longer one."""
    along, across = size.tolist()
    if usual is None:
        return bool(across > along)
    fits, turned = _misfit(along, across, usual), _misfit(across, along, usual)
    return bool(across > along) if fits == turned else turned < fits


def _misfit(length: float, width: float, usual: Size) -> float:
    """How many times too short or long the side that fits best is, as a logarithm; infinite if it is far too wide."""
    if width > _MOST * usual[1]:
        return np.inf
    return min(abs(float(np.log(max(found, 0.01) / own))) for found, own in ((length, usual[0]), (width, usual[1])))


def _plausible(size: Sequence[float], usual: Size | None) -> list[float]:
    if usual is None:
        return list(size)
    return [own if found < _LEAST * own else min(found, _MOST * own) for found, own in zip(size, usual, strict=True)]


def _middles(
    reaches: NDArray[np.float64], size: NDArray[np.float64], eyes: NDArray[np.float64], vague: float
) -> NDArray[np.float64]:
    """[n, 2] along the axes: with the side that is seen from ``eyes`` [n, 2] where it is seen, or up to ``vague``
    metres nearer; in the middle of what is seen where they look along it."""
    low, high = reaches[:, :, 0], reaches[:, :, 1]
    nearer = np.clip((size - (high - low)) / 2, 0, vague)
    low, high = low - nearer, high + nearer
    return np.where(eyes < low, low + size / 2, np.where(eyes > high, high - size / 2, (low + high) / 2))


def _eyes(life: Sequence[Sighting], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2]: where the grid's origin was, from where sensors look, along the axes."""
    origins = np.array([sighting.world_from_grid[:2, 3] for sighting in life])
    return np.einsum("nij,nj->ni", _axes(turns), origins)


def _turned(middles: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2] in the world, from ``middles`` [n, 2] along the axes."""
    return np.einsum("nij,ni->nj", _axes(turns), middles)


def _axes(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2, 2]: unit vectors along and across."""
    c, s = np.cos(turns), np.sin(turns)
    return np.stack([np.stack([c, s], axis=-1), np.stack([-s, c], axis=-1)], axis=1)
