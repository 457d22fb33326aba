"""What a vote counts in the end: its place's weight, how sure the frame is of it, and whether it could see there."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def weigh(rig, labels, confidence, movable, hidden, shift, least, boost, divisor, weights):  # type: ignore[no-untyped-def]
    """Writes the uint16 ``weights`` of a frame's votes; all volumes [X, Y, Z], ``movable`` [256] by class id.

    The rig's weight; times the ``confidence`` in steps of 2 ** ``shift`` (-1: whatever it is); divided by ``boost``
    where a ``movable`` label is less sure than ``least``; divided by ``divisor`` where any other label is ``hidden``,
    which is not looked at when ``divisor`` is 1: a car's far side is hidden by its near side and no less there for it.
    At least 1 is left, so that no vote is silenced.
    """
    for i in range(rig.shape[0]):
        for j in range(rig.shape[1]):
            for k in range(rig.shape[2]):
                weight, sure = np.uint32(rig[i, j, k]), confidence[i, j, k]
                if shift >= 0:
                    weight = max((weight * np.uint32(sure)) >> np.uint32(shift), np.uint32(1))
                if boost > 1 and sure < least and movable[labels[i, j, k]]:
                    weight = max(weight // np.uint32(boost), np.uint32(1))
                if divisor > 1 and hidden[i, j, k] and not movable[labels[i, j, k]]:
                    weight = max(weight // np.uint32(divisor), np.uint32(1))
                weights[i, j, k] = weight
