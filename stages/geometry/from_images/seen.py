"""What the images of a log share: points of each, and which of them two images have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from occlabel.stages.geometry.from_images.features import LONGEST, Features, features_of, matches

GAPS = (1, 2, 4, 8)
"""Frames back to those that a frame is compared with."""
Link = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices [m] of points of the earlier and of the later of two images."""


@dataclass(frozen=True)
class Seen:
    """``features`` by number of the frame; those whose images cannot be read, or are of another size than most, have
    none. ``size`` is the width and height of the images [pixels], ``links`` are the matches of pairs of frames."""

    size: tuple[int, int]
    features: dict[int, Features]
    links: dict[tuple[int, int], Link]

    @property
    def shrunk(self) -> float:
        """Of an image, for points to be looked for in it: that many of its pixels are one."""
        return min(1.0, LONGEST / max(self.size))


def grey_of(image: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """[h, w] of RGB [h, w, 3]."""
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def seen_in(image: Callable[[int], NDArray[np.uint8] | None], frames: int) -> Seen | None:
    """Of so many frames, whose images [h, w, 3] are asked for one after the other; None where no image can be read."""
    shapes: dict[int, tuple[int, int]] = {}
    found: dict[int, Features] = {}
    for number in range(frames):
        grey = grey_of(image(number))
        found[number] = features_of(grey)
        if grey is not None:
            shapes[number] = grey.shape[1], grey.shape[0]
    if not shapes:
        return None
    sizes = list(shapes.values())
    size = max(dict.fromkeys(sizes), key=sizes.count)
    nothing = features_of(None)
    found = {number: each if shapes.get(number) == size else nothing for number, each in found.items()}
    pairs = [(later - gap, later) for later in range(frames) for gap in GAPS if later >= gap]
    return Seen(size, found, {pair: matches(found[pair[0]], found[pair[1]]) for pair in pairs})
