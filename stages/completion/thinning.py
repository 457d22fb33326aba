"""A scan as a cheaper LiDAR would have made it: fewer beams over the same field of view."""

from __future__ import annotations

import numpy as np

from occlabel.stages.sensing.scan import Scan

_OUTLIERS = 0.5
"""Percent of the points at either end of the field of view that do not count for its size."""


def thinned(scan: Scan, beams: int, kept: int) -> Scan:
    """Only the points of ``kept`` of ``beams`` beams, evenly spread.

    A file does not say which beam returned a point: the vertical field of view is cut into ``beams`` bands of equal
    width, as seen from the sensor, and one band in ``beams / kept`` is kept.
    """
    away = scan.points[:, :3] - scan.sensor
    elevation = np.arctan2(away[:, 2], np.hypot(away[:, 0], away[:, 1]))
    finite = elevation[np.isfinite(elevation)]
    if not finite.size:
        return scan
    low, high = np.percentile(finite, [_OUTLIERS, 100 - _OUTLIERS])
    band = np.rint((elevation - low) / max(high - low, 1e-6) * (beams - 1))
    left = np.isfinite(band) & (np.floor((band + 1) * kept / beams) > np.floor(band * kept / beams))
    return scan.picked(left)
