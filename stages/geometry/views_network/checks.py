"""What shows that poses of a network are none: it gives some for any images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.lens import UNSURE, no_lens
from occlabel.stages.geometry.views_network.chain import Seam

_DEPTH, _TURNED, _MOVED = 0.2, np.deg2rad(3.0), 0.1
"""By how much two windows may differ in what they share: depth (deviation, as a share), angle, place (as a share of how
far things are)."""
_SURE = 1.1
"""Confidence in the middle of an image. It is never below 1; training weighs errors of depth with it, so that a network
that knows nothing says no more than that."""
_OFF, _OBEY = np.deg2rad(0.5), 0.8
"""Angle by which points may be off where poses have them, in the middle of all, and share of the frames that must obey
it."""
_OTHER = 0.2
"""Share by which the focal length may differ from that which is known."""


@dataclass(frozen=True, slots=True)
class Lens:
    """K [3, 3], and the deviation of its focal length as a share, 0 of one that was given."""

    intrinsics: Matrix
    unsure: float


def lens_of(every: list[NDArray[np.float64]], size: tuple[int, int], known: Matrix | None) -> Lens | str:
    """Of K [3, 3] of many views of images of ``size`` (width, height), and what is known of it; what is wrong with it,
    as the second half of a sentence."""
    focals = np.array([np.sqrt(max(k[0, 0] * k[1, 1], 0)) for k in every])
    focal = float(np.median(focals))
    if known is not None:
        given = float(np.sqrt(known[0, 0] * known[1, 1]))
        if not 1 - _OTHER < focal / given < 1 + _OTHER:
            return (
                f"the images look like those of a lens of {focal:.0f} pixels, and K says {given:.0f}: it is of another "
                "size of image, or the film is cropped or distorted"
            )
        return Lens(known, 0.0)
    if (fault := no_lens(focal, size[0])) is not None:
        return fault
    unsure = 1.4826 * float(np.median(np.abs(np.log(np.maximum(focals, 1e-6) / focal))))
    if unsure > UNSURE:
        return f"views tell now this and now that focal length ({focal:.0f} pixels, to {min(unsure, 9.99):.0%})"
    return Lens(np.array([[focal, 0, (size[0] - 1) / 2], [0, focal, (size[1] - 1) / 2], [0, 0, 1.0]]), unsure)


def differ(seam: Seam) -> str | None:
    """How two windows contradict each other, as the second half of a sentence; None where they do not."""
    if seam.depth > _DEPTH:
        return f"windows differ by {min(seam.depth, 9.99):.0%} in depth"
    if seam.turned > _TURNED:
        return f"windows differ by {np.degrees(seam.turned):.0f} degrees in where the camera looks"
    if seam.moved > _MOVED:
        return f"windows differ in where the camera is, by {min(seam.moved, 9.99):.0%} of how far things are"
    return None


def unsure(confidence: list[float]) -> str | None:
    """Of the frames, each in the middle of its pixels."""
    middle = float(np.median(confidence))
    return f"the network says of itself that it knows nothing (confidence {middle:.2f})" if middle < _SURE else None


def disobeyed(angles: list[float]) -> str | None:
    """Of the angles [radians] by which what images share is off the poses, one of each frame."""
    if np.mean(np.array(angles) < _OFF) >= _OBEY:
        return None
    return f"poses do not explain what images share, which is {np.degrees(np.median(angles)):.1f} degrees off"
