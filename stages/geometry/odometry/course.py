"""The course of a camera through a few seconds of images, in a length of its own: two images that lie far enough apart,
then one after the other, then all of them at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.odometry.bundle import Bundle
from occlabel.stages.geometry.odometry.two_views import FEWEST, motion_of, turned

_FAR = 20.0
"""Pixels of parallax of two images to begin with: enough that what drives ahead obeys no motion of what stands."""
STANDS = 1.5
"""Pixels of parallax below which a camera stands, or only turns."""
_SHARED = 60
"""Points that the two images to begin with must share."""
_APART = 3.0
"""Pixels by which a point may be off in the middle of the images that see it."""
_SHARE = 0.4
"""Of the known points that an image sees must lie where it sees them, or it is not placed."""
_ROUNDS = 12
_FAR_AWAY = 0.75


def course_of(seen: NDArray[np.float64], focal: float) -> Course | None:
    """From tracks [image, track, 2]. None where no two images show a parallax: a camera that stands, or only turns."""
    begun = _begin(seen, focal)
    if begun is None:
        return None
    bundle, first, second = begun
    images = len(seen)
    _lay(bundle)
    waiting = {image for image in range(images) if image not in (first, second)}
    while waiting:
        # Nearest in time to one that is placed; of two the earlier.
        placed = np.flatnonzero(bundle.placed)
        image = min(waiting, key=lambda one: (int(np.abs(placed - one).min()), one))
        waiting.remove(image)
        if _placed(bundle, image, int(placed[np.abs(placed - image).argmin()])):
            _lay(bundle)
    for rounds in (_ROUNDS, _ROUNDS):
        bundle.adjust(rounds, first)
        _forget(bundle)
        _lay(bundle)
    poses = np.full((images, 4, 4), np.nan)
    poses[bundle.placed] = np.eye(4)
    back = bundle.turn.transpose(0, 2, 1)
    poses[bundle.placed, :3, :3] = back[bundle.placed]
    poses[bundle.placed, :3, 3] = -np.einsum("nij,nj->ni", back, bundle.way)[bundle.placed]
    seeing, point = bundle.pairs()
    good = np.linalg.norm(bundle.off(seeing, point), axis=1) < _APART
    inverse = bundle.inverse[bundle.anchor >= 0]
    return Course(poses, np.bincount(seeing[good], minlength=images), float(np.quantile(inverse, _FAR_AWAY)))


def _begin(seen: NDArray[np.float64], focal: float) -> tuple[Bundle, int, int] | None:
    """Two images that lie far enough apart, the earlier the better; of images that are all near to each other, those
    with most parallax."""
    there = ~np.isnan(seen[..., 0])
    best: tuple[float, int, int, tuple[Matrix, NDArray[np.float64]]] | None = None
    for first in range(len(seen)):
        for second in range(first + 1, len(seen)):
            both = np.flatnonzero(there[first] & there[second])
            if len(both) < _SHARED and second > first + 1:
                break
            if len(both) < FEWEST:
                continue
            parallax = turned(seen[first, both], seen[second, both], focal)[1]
            if parallax < STANDS or (best is not None and parallax < 1.2 * best[0]):
                continue
            motion = motion_of(seen[first, both], seen[second, both], focal)
            if motion is None:
                continue
            best = parallax, first, second, motion
            if parallax > _FAR:
                break
        if best is not None and best[0] > _FAR:
            break
    if best is None:
        return None
    _, first, second, (turn, way) = best
    images, points = seen.shape[:2]
    turns, ways, placed = np.tile(np.eye(3), (images, 1, 1)), np.zeros((images, 3)), np.zeros(images, bool)
    turns[second], ways[second], placed[[first, second]] = turn, way, True
    return Bundle(seen, focal, turns, ways, placed, np.full(points, -1), np.zeros(points)), first, second


def _placed(bundle: Bundle, image: int, near: int) -> bool:
    """Places an image, beginning at the place of the one ``near`` it and turned as what both see. Whether it could
    be."""
    both = np.flatnonzero(~np.isnan(bundle.seen[[image, near], :, 0]).any(axis=0))
    if len(both) < FEWEST:
        return False
    turn, _ = turned(bundle.seen[near, both], bundle.seen[image, both], bundle.focal)
    bundle.turn[image], bundle.way[image] = turn @ bundle.turn[near], turn @ bundle.way[near]
    fits = bundle.place(image)
    bundle.placed[image] = fits.sum() >= max(FEWEST, _SHARE * len(fits))
    return bool(bundle.placed[image])


def _lay(bundle: Bundle) -> None:
    """Points that two placed images see and that are not known yet: the inverse depth that is off least."""
    there = ~np.isnan(bundle.seen[..., 0]) & bundle.placed[:, None]
    fresh = np.flatnonzero((bundle.anchor < 0) & (there.sum(axis=0) >= 2))
    bundle.anchor[fresh] = there[:, fresh].argmax(axis=0)
    there[:, bundle.anchor >= 0] &= False
    there[:, fresh] = (~np.isnan(bundle.seen[:, fresh, 0])) & bundle.placed[:, None]
    there[bundle.anchor[fresh], fresh] = False
    image, point = np.nonzero(there)
    anchor = bundle.anchor[point]
    between = bundle.turn[image] @ bundle.turn[anchor].transpose(0, 2, 1)
    way = bundle.way[image] - np.einsum("nij,nj->ni", between, bundle.way[anchor])
    rays = np.column_stack([bundle.seen[anchor, point], np.ones(len(point))])
    ahead, shown = np.einsum("nij,nj->ni", between, rays), bundle.seen[image, point]
    # (a + r w)_xy = s (a + r w)_z is linear in the inverse depth r.
    slope = way[:, :2] - shown * way[:, 2:]
    value = shown * ahead[:, 2:] - ahead[:, :2]
    size = len(bundle.anchor)
    top = np.bincount(point, (slope * value).sum(axis=1), size)
    bottom = np.bincount(point, (slope * slope).sum(axis=1), size)
    bundle.inverse[fresh] = (top / np.maximum(bottom, 1e-12))[fresh]
    _forget(bundle)


def _forget(bundle: Bundle) -> None:
    """Points that are not where most of the images see them, or behind their anchor: they moved, or were mistaken."""
    image, point = bundle.pairs()
    off = np.linalg.norm(bundle.off(image, point), axis=1)
    size = len(bundle.anchor)
    good, all_ = np.bincount(point[off < _APART], minlength=size), np.bincount(point, minlength=size)
    bad = (bundle.anchor >= 0) & ((2 * good <= all_) | (bundle.inverse < -_APART / bundle.focal / _reach(bundle)))
    bundle.anchor[bad] = -1


def _reach(bundle: Bundle) -> float:
    """How far the cameras lie apart."""
    middles = -np.einsum("nji,nj->ni", bundle.turn, bundle.way)[bundle.placed]
    return float(max(np.ptp(middles, axis=0).max(), 1e-6))
