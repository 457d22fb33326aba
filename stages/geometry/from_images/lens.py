"""Focal lengths that images can tell, and those that no lens has."""

from __future__ import annotations

import numpy as np

_WIDE, _NARROW = np.radians(150.0), np.radians(10.0)
"""What lenses without distortion see across."""
UNSURE = 0.1
"""Deviation of the focal length, as a share, beyond which it is not known."""


def no_lens(focal: float, width: int) -> str | None:
    """Why no lens has a focal length [pixels] in images so wide, as the second half of a sentence; None where some
    has."""
    across = 2 * np.arctan(width / 2 / max(focal, 1e-6))
    if _NARROW < across < _WIDE:
        return None
    return f"the focal length is found to be {focal:.0f} pixels, a lens that sees {np.degrees(across):.0f} degrees"
