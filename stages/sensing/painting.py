"""What images say of the points of a sweep: each point is of the class of the pixel that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import SEGMENT_CLASS
from occlabel.schemas.geometry import Matrix, inverse, project, transform_points
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.sensing.occlusion import NEARER, between_beams

_NEAREST = 0.3
"""[m] before the camera, within which nothing is seen."""
_GAP = 1.5
"""Degrees between two beams that a surface is taken to close."""
_CELL = 2
"""Pixels, in both directions, in which two points of unlike depth hide each other."""
_STRIDE = SEGMENT_CLASS.stride

NOTHING = np.array([UNKNOWN, 0], np.uint8)
"""Class and score of a point of which no image says anything."""


@dataclass(frozen=True, slots=True)
class SegmentImage:
    """The segments of one image, and whence it was taken."""

    classes: NDArray[np.uint8]
    """[v, u] class ids of every ``SEGMENT_CLASS.stride``-th pixel; UNKNOWN where no segment says."""
    scores: NDArray[np.uint8]
    """[v, u], 0..255: how sure the class is."""
    intrinsics: Matrix
    """K in pixels."""
    ego_from_camera: Matrix
    """[4, 4] from the camera as it stood when it took the image to the ego frame of the points: so what the car drove
    between sweep and image is in it, as in the extrinsics of logs."""


def painted(points: NDArray[np.floating[Any]], images: Sequence[SegmentImage]) -> NDArray[np.uint8]:
    """Class id and score [n, 2] of ``points`` [n, 3 or more] of one sweep in its ego frame; UNKNOWN and 0 of those that
    no image shows, or whose pixel no segment claims. (Vora et al., PointPainting, CVPR 2020, section 3.1; one class and
    its score for the vector of scores.)

    Of several images that show a point the surest one is believed, of equally sure ones the first. A point is not shown
    where another surface hides it, at least a tenth nearer to the camera: in its own pixels, or both above and below
    it, as far as beams lie apart.
    """
    result = np.tile(NOTHING, (len(points), 1))
    for image in images:
        pixels, depth = project(transform_points(inverse(image.ego_from_camera), points), image.intrinsics)
        rows, columns = (size * _STRIDE for size in image.classes.shape)
        near = np.full((-(-rows // _CELL), -(-columns // _CELL)), np.inf, np.float32)
        _put(pixels, depth, near)
        reach = max(int(np.ceil(np.tan(np.radians(_GAP)) * image.intrinsics[1, 1] / _CELL)), 1)
        _paint(pixels, depth, near, reach, image.classes, image.scores, result)
    return result


@numba.njit(cache=True, nogil=True)
def _cell(pixel, size):  # type: ignore[no-untyped-def]
    """Row and column of a pixel (u, v) in an array whose elements are ``size`` pixels; the row is -1 where the pixel
    has no place in any."""
    u, v = np.floor((pixel[0] + 0.5) / size), np.floor((pixel[1] + 0.5) / size)
    if -1 < u < 1 << 20 and -1 < v < 1 << 20:
        return int(v), int(u)
    return -1, -1


@numba.njit(cache=True, nogil=True)
def _put(pixels, depth, near):  # type: ignore[no-untyped-def]
    """The least depth of the points in each cell."""
    for n in range(len(depth)):
        if depth[n] > _NEAREST:
            v, u = _cell(pixels[n], _CELL)
            if 0 <= v < near.shape[0] and 0 <= u < near.shape[1]:
                near[v, u] = min(near[v, u], np.float32(depth[n]))


@numba.njit(cache=True, nogil=True)
def _paint(pixels, depth, near, reach, classes, scores, result):  # type: ignore[no-untyped-def]
    stride, aside = _STRIDE, max(reach // 3, 1)
    for n in range(len(depth)):
        if not depth[n] > _NEAREST:
            continue
        v, u = _cell(pixels[n], _CELL)
        if not (0 <= v < near.shape[0] and 0 <= u < near.shape[1]):
            continue
        # Elements hold pixel stride * v, so the nearest one is read.
        row, column = int(np.floor(pixels[n, 1] / stride + 0.5)), int(np.floor(pixels[n, 0] / stride + 0.5))
        if not (0 <= row < classes.shape[0] and 0 <= column < classes.shape[1]):
            continue
        if classes[row, column] == UNKNOWN or scores[row, column] <= result[n, 1]:
            continue
        limit = np.float32(depth[n]) * np.float32(NEARER)
        if near[v, u] < limit or between_beams(near, v, u, limit, reach, aside):
            continue
        result[n, 0], result[n, 1] = classes[row, column], scores[row, column]
