"""What a camera cannot see although a LiDAR beside it does: points that show through between the beams of a surface."""

from __future__ import annotations

import numba

NEARER = 0.9
"""Share of its depth at which another surface begins."""


@numba.njit(cache=True, nogil=True)
def between_beams(near, v, u, limit, rows, columns):  # type: ignore[no-untyped-def]
    """Whether something in the depth image ``near`` [v, u] is nearer than ``limit`` both above and below an element,
    within so many ``rows`` and ``columns``; elements without depth are NaN or infinite.

    On one surface, however steeply it is seen, depth grows to one side and shrinks to the other.
    """
    left, right = max(0, u - columns), min(near.shape[1], u + columns + 1)
    return _any_below(near[max(0, v - rows) : v, left:right], limit) and _any_below(
        near[v + 1 : min(near.shape[0], v + rows + 1), left:right], limit
    )


@numba.njit(cache=True, nogil=True)
def _any_below(part, limit):  # type: ignore[no-untyped-def]
    for v in range(part.shape[0]):
        for u in range(part.shape[1]):
            if part[v, u] < limit:
                return True
    return False
