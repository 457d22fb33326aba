"""Which frames of a film see the same things, and whether poses explain how what both see has moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.from_images.pairs import FEWEST, OFF, Pair, enough, pair_of
from occlabel.stages.geometry.from_images.seen import Seen


@dataclass(frozen=True, slots=True)
class Link:
    """Pixels [n, 2] of an earlier and of a later image that one motion explains."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]


def linked_in(seen: Seen) -> tuple[dict[tuple[int, int], Link], dict[tuple[int, int], Pair]]:
    """Of pairs of frames whose matches obey one epipolar geometry, which needs no K."""
    links, pairs = {}, {}
    for both, (rows, columns) in seen.links.items():
        if len(rows) < FEWEST:
            continue
        first, second = seen.features[both[0]].pixels[rows], seen.features[both[1]].pixels[columns]
        obeys = _obeying(first, second, OFF / seen.shrunk)
        if enough(int(obeys.sum()), len(rows)):
            links[both] = Link(first[obeys], second[obeys])
            pairs[both] = pair_of(first, second, int(obeys.sum()), seen.shrunk)
    return links, pairs


def angle_off(link: Link, poses: Mapping[int, Matrix], both: tuple[int, int], intrinsics: Matrix) -> float:
    """By what angle [radians], in the middle of all, points of a link are off the epipolar lines that ``poses``
    (world_from_camera) of ``both`` frames and K draw (Sampson's distance)."""
    motion = inverse(poses[both[1]]) @ poses[both[0]]
    x, y, z = motion[:3, 3] / max(float(np.linalg.norm(motion[:3, 3])), 1e-12)
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ motion[:3, :3]
    back = np.linalg.inv(intrinsics)
    one, other = (np.column_stack([each, np.ones(len(each))]) @ back.T for each in (link.first, link.second))
    there, here = one @ essential.T, other @ essential
    slope = np.sqrt((there[:, :2] ** 2).sum(axis=1) + (here[:, :2] ** 2).sum(axis=1))
    return float(np.median(np.abs((other * there).sum(axis=1)) / np.maximum(slope, 1e-12)))


def _obeying(first: NDArray[np.float64], second: NDArray[np.float64], off: float) -> NDArray[np.bool_]:
    """Which points [n] one motion explains: one of a camera that moves, or of one that stands or turns, for which there
    are many epipolar geometries and OpenCV finds none."""
    found = []
    for motion in (_moving, _turning):
        cv2.setRNGSeed(0)
        inside = motion(first, second, off)
        found.append(np.zeros(len(first), bool) if inside is None else inside.ravel() > 0)
    moving, turning = found
    return turning if turning.sum() > moving.sum() else moving


def _moving(first: NDArray[np.float64], second: NDArray[np.float64], off: float) -> NDArray[np.uint8] | None:
    try:
        return cv2.findFundamentalMat(first, second, cv2.USAC_MAGSAC, off, 0.9999, 1000)[1]
    except cv2.error:
        return None


def _turning(first: NDArray[np.float64], second: NDArray[np.float64], off: float) -> NDArray[np.uint8] | None:
    return cv2.findHomography(first, second, cv2.RANSAC, off)[1]
