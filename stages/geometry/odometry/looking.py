"""What is looked at in the frames of a log: each image once, each pair of images once, while they are asked for
again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.features import LONGEST, Features, features_of, matches
from occlabel.stages.geometry.odometry.tracks import Link
from occlabel.stages.geometry.odometry.two_views import obeying

GAPS = (1, 2, 4, 8)
"""Frames back to those that a frame is compared with: a point that one image lacks is found in another, and a car that
creeps before a fast camera moves by no pixel from frame to frame."""
Grey = NDArray[np.uint8]


class Looked:
    """Frames are named by their number in the log. ``look`` says where images and K come from."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Grey, Matrix] | None] = {}
        self._features: dict[int, tuple[Features, NDArray[np.float64]]] = {}
        self._links: dict[tuple[int, int], Link] = {}
        self._image: Callable[[int], NDArray[np.uint8] | None] = lambda number: None
        self._intrinsics: Callable[[int], Matrix | None] = lambda number: None

    def look(
        self,
        image: Callable[[int], NDArray[np.uint8] | None],
        intrinsics: Callable[[int], Matrix | None],
        since: int,
    ) -> None:
        """Takes images [h, w, 3] and K from somewhere else from now on, and forgets what lies before frame
        ``since``."""
        self._image, self._intrinsics = image, intrinsics
        self._seen = {n: known for n, known in self._seen.items() if n >= since}
        self._features = {n: known for n, known in self._features.items() if n >= since}
        self._links = {pair: known for pair, known in self._links.items() if pair[0] >= since}

    def grey(self, number: int) -> tuple[Grey, Matrix] | None:
        """The image [h, w] and K; None where either is not known."""
        if number not in self._seen:
            k = self._intrinsics(number)
            image = None if k is None else self._image(number)
            both = None if k is None or image is None else (np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)), k)
            self._seen[number] = both
        return self._seen[number]

    def focal(self, number: int) -> float | None:
        """In pixels of the image as points are looked for in it."""
        seen = self.grey(number)
        if seen is None:
            return None
        image, k = seen
        return float(np.sqrt(k[0, 0] * k[1, 1])) * min(1.0, LONGEST / max(image.shape))

    def points(self, number: int) -> int:
        """How many points the image of a frame has."""
        return len(self._of(number)[1])

    def rays(self, number: int) -> NDArray[np.float64]:
        """Of the points of a frame [n, 2]."""
        return self._of(number)[1]

    def link(self, earlier: int, later: int) -> Link:
        """The points that both frames see and that obey one motion."""
        if (earlier, later) not in self._links:
            (one, first), (other, second) = self._of(earlier), self._of(later)
            rows, columns = matches(one, other)
            focal = self.focal(later)
            obeys = np.zeros(0, bool) if focal is None else obeying(first[rows], second[columns], focal)
            self._links[earlier, later] = (rows[obeys], columns[obeys]) if len(obeys) else (rows[:0], columns[:0])
        return self._links[earlier, later]

    def _of(self, number: int) -> tuple[Features, NDArray[np.float64]]:
        if number not in self._features:
            seen = self.grey(number)
            found = features_of(None if seen is None else seen[0])
            rays = np.zeros((0, 2))
            if seen is not None:
                k = seen[1]
                rays = (found.pixels - k[:2, 2]) / np.diag(k)[:2]
            self._features[number] = found, rays
        return self._features[number]
