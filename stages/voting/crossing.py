"""How the columns of a grid run through another grid that is turned and tilted against it.

A column is a line. It starts somewhere in the other grid and advances by the same small step with each height, so it
stays in one column of the other grid for many heights: a run.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, inline="always")
def run_end(start, slope, k, last):  # type: ignore[no-untyped-def]
    """The first height after ``k``, at most ``last``, where floor(start + slope * height) is another."""
    here = np.floor(start + slope * k)
    if np.floor(start + slope * (last - 1)) == here:
        return last
    border = (here + 1.0 - start) / slope if slope > 0 else (here - start) / slope
    end = min(max(int(border), k + 1), last)
    # The division may round to the other side.
    while end > k + 1 and np.floor(start + slope * (end - 1)) != here:
        end -= 1
    while end < last and np.floor(start + slope * end) == here:
        end += 1
    return end


@numba.njit(cache=True, nogil=True, inline="always")
def column_foot(matrix, x, y):  # type: ignore[no-untyped-def]
    """Where the centre of the lowest cell of the column at (x, y) lies in the source, in voxels."""
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * 0.5 + matrix[0, 3],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * 0.5 + matrix[1, 3],
        matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * 0.5 + matrix[2, 3],
    )


@numba.njit(cache=True, nogil=True)
def column_feet(matrix, x, y0, heights, feet, split):  # type: ignore[no-untyped-def]
    """Where the columns (x, y0), (x, y0 + 1), ... stand in the source, and whether they leave that column of it.

    feet: float64 [3, columns], whole voxels. split: bool [columns], whether a column of ``heights`` cells is more than
    one run. Without a branch in the loop, so that it is vectorised.
    """
    last = heights - 1.0
    dx, dy, dz = matrix[0, 2] * last, matrix[1, 2] * last, (matrix[2, 2] - 1.0) * last
    for c in range(len(split)):
        sx, sy, sz = column_foot(matrix, x + 0.5, y0 + c + 0.5)
        i, j, k = np.floor(sx), np.floor(sy), np.floor(sz)
        feet[0, c], feet[1, c], feet[2, c] = i, j, k
        split[c] = (np.floor(sx + dx) != i) | (np.floor(sy + dy) != j) | (np.floor(sz + dz) != k)
