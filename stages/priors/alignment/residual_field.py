"""What a line leaves over: errors that pixels near each other and at one depth share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

_CELL = (6.0, 6.0, 0.08)
"""Elements along v and u, and natural logarithms of inverse depth, in a cell."""
_BLUR = (1.5, 1.5, 1.0)
"""[cells]."""
_HELD = 0.03
"""Weight of the wish that nothing be left over: about one point in the middle of a cell."""
_CUT = 4.0
"""Errors of so many deviations are not heard: points that another surface hides."""
_BLOCK = 8
"""Elements along the edge of the blocks, every other of which is held out."""


def field(
    inverse: NDArray[np.float64], known: NDArray[np.float32], spread: float, heard: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Factor [v, u] by which ``inverse`` depth [v, u] comes nearest to what is ``known`` [v, u] (metres; NaN: not), 1
    far from that; ``heard`` [v, u] picks points.

    A bilateral grid (Chen et al. 2007): logarithms of the ratio, averaged over what lies near in the image and at a
    like depth, so that what a wall lacks is not added to the car before it. This is the residual of inverse depth of
    ViPOcc (equation 3), measured where a LiDAR says it instead of learned.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        depths = np.log(inverse)
        ratio = -np.log(known.astype(np.float64)) - depths
    there = np.isfinite(ratio) & (np.abs(ratio) < _CUT * spread)
    if heard is not None:
        there &= heard
    result = np.ones(inverse.shape)
    usable = np.isfinite(depths)
    if not there.any():
        return result
    lowest = depths[usable].min()
    v, u = np.nonzero(usable)
    places = np.stack([v / _CELL[0], u / _CELL[1], (depths[usable] - lowest) / _CELL[2]])
    shape = tuple(int(axis.max()) + 2 for axis in places)
    nearest = np.rint(places[:, there[usable]]).astype(np.int64)
    weight, total = np.zeros(shape), np.zeros(shape)
    np.add.at(weight, tuple(nearest), 1.0)
    np.add.at(total, tuple(nearest), ratio[there])
    weight, total = (gaussian_filter(part, _BLUR, mode="constant") for part in (weight, total))
    result[usable] = np.exp(map_coordinates(total / (weight + _HELD), places, order=1, mode="nearest"))
    return result


def errors_held_out(inverse: NDArray[np.float64], known: NDArray[np.float32], spread: float) -> NDArray[np.float64]:
    """Relative errors [v, u] where depth is ``known``, NaN elsewhere, of a field that did not hear of them: blocks of
    the image are told by the blocks beside them."""
    v, u = np.indices(inverse.shape) // _BLOCK
    even = (v + u) % 2 == 0
    told = np.where(even, field(inverse, known, spread, ~even), field(inverse, known, spread, even))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(1 / (known * inverse * told) - 1)
