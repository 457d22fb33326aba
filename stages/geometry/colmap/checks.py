"""What shows that a model of COLMAP is none: it gives one for almost anything, and says nothing of how good it is."""

from __future__ import annotations

import numpy as np

from occlabel.stages.geometry.colmap.mapping import Model
from occlabel.stages.geometry.from_images.lens import UNSURE, no_lens

_PLACED = 0.8
"""Share of the frames that see the same things must be in one model."""
ERROR = 1.5
"""Pixels by which points may be off in the middle of all."""
_ANGLE = 0.5
"""Degrees between the rays of a point, or the places of cameras are not told by it."""


def fault_of(model: Model | None, frames: list[int], size: tuple[int, int], shrunk: float) -> str | None:
    """What is wrong with a model of ``frames``, numbers of those that see the same things, as the second half of a
    sentence; None where nothing is. Images have ``size`` [pixels], and points were looked for in images ``shrunk`` so
    much."""
    if model is None:
        return "no two images tell a motion from which points could be laid out"
    placed = int((~np.isnan(model.world_from_camera[frames]).any(axis=(1, 2))).sum())
    if placed < _PLACED * len(frames):
        apart = f", and the rest makes {model.parts - 1} more" if model.parts > 1 else ""
        return f"only {placed} of {len(frames)} frames fit into one model{apart}"
    if model.error * shrunk > ERROR:
        return f"points lie {model.error * shrunk:.1f} pixels off where images see them"
    if model.angle < _ANGLE:
        return f"rays to a point lie {model.angle:.1f} degrees apart, too little to tell where cameras are"
    focal = float(model.intrinsics[0, 0])
    if (fault := no_lens(focal, size[0])) is not None:
        return fault
    if model.unsure > UNSURE:
        return (
            f"what is seen does not tell the focal length ({focal:.0f} pixels, {_share(model.unsure)}): the way is "
            "too short or too straight"
        )
    return None


def _share(deviation: float) -> str:
    return f"to {deviation:.0%}" if deviation < 1 else "or any other"
