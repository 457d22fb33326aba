"""What one camera saw at one moment, as panels: the image, its depth, its segments, and the labels seen from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.pipeline.delivery.pictures.labels_in_image import seen_labels
from occlabel.pipeline.delivery.pictures.legend import hatched
from occlabel.pipeline.delivery.pictures.overlay import depth_colours
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.schemas.words import counted

RGB = NDArray[np.uint8]

_TINT = 0.6
"""How much of a colour lies over the image."""
_OUTLINED = 4
"""Pixels that a voxel must be wide or high for its edges to be drawn: farther off there would be nothing but edges."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture, and a few words on it. Without a picture the words say why."""

    said: str
    pixels: RGB | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of one camera in one frame. Arrays over the image are as a version holds them."""

    camera: str
    size: tuple[int, int]
    """Width and height of the image as it was taken [px]."""
    image: RGB | None
    """[h, w, 3] in any size; None where it cannot be read."""
    depth: NDArray[np.float16] | None
    """``DEPTH``; None where the version has none."""
    classes: NDArray[np.uint8] | None
    """``SEGMENT_CLASS``."""
    objects: NDArray[np.uint16] | None
    """``SEGMENT_INSTANCE``."""
    semantics: NDArray[np.uint8]
    """[x, y, z] of the frame."""
    intrinsics: Matrix | None
    """K in pixels of the image as it was taken."""
    grid_from_camera: Matrix | None
    """[4, 4]"""
    stride: int
    """Pixels of the image per element of the arrays."""


Draw = Callable[[Looked, LabelSpace, tuple[int, int]], Panel]
"""Draws a panel of a size, width and height."""


def image_panel(looked: Looked, space: LabelSpace, size: tuple[int, int]) -> Panel:
    """The image itself."""
    if looked.image is None:
        return Panel(f"{looked.camera}: the image cannot be read")
    return Panel(looked.camera, _resized(looked.image, size))


def depth_panel(looked: Looked, space: LabelSpace, size: tuple[int, int]) -> Panel:
    """Depth on the scale of ``depth_colours``, striped where it is not known."""
    if looked.depth is None:
        return Panel("the version has no depth of this camera")
    known = np.isfinite(looked.depth)
    if not known.any():
        return Panel("depth: not known of any pixel", hatched(size[::-1]))
    depth = _at_pixels(looked.depth.astype(np.float64), looked, size)
    pixels, there = hatched(size[::-1]), np.isfinite(depth)
    pixels[there] = depth_colours(depth[there])
    median = np.median(looked.depth[known].astype(np.float64))
    return Panel(f"depth: known of {_share(known)}, median {median:.1f} m", pixels)


def segments_panel(looked: Looked, space: LabelSpace, size: tuple[int, int]) -> Panel:
    """Classes over a grey image, objects with a white outline; what no segment says stays dark."""
    if looked.classes is None:
        return Panel("the version has no segments of this camera")
    classes = _at_pixels(looked.classes, looked, size)
    grey = np.repeat(_ground(looked, size).mean(axis=2, keepdims=True), 3, axis=2)
    pixels = _tinted(grey, classes, space.taxonomy, 0.35 * grey)
    said = f"segments: a class for {_share(looked.classes != UNKNOWN)}"
    if looked.objects is not None and looked.objects.any():
        objects = _at_pixels(looked.objects, looked, size)
        pixels[_edges(objects)] = 255
        said += f", {counted(len(np.unique(looked.objects[looked.objects > 0])), 'object')}"
    return Panel(said, pixels)


def labels_panel(looked: Looked, space: LabelSpace, size: tuple[int, int]) -> Panel:
    """The published labels over the image: of each pixel the nearest occupied voxel, near by with its edges."""
    if looked.intrinsics is None or looked.grid_from_camera is None:
        return Panel("labels: not drawn, the calibration of this camera is not known")
    scale = np.array(size) / looked.size
    k = looked.intrinsics.copy()
    k[:2, 2] += 0.5  # whole numbers are centres of pixels, and corners are what keeps its place
    k = np.diag([*scale, 1.0]) @ k
    k[:2, 2] -= 0.5
    seen = seen_labels(looked.semantics, space, k, looked.grid_from_camera, size)
    ground = _ground(looked, size)
    pixels = _tinted(ground, seen.classes, space.taxonomy, ground)
    edges = _edges(seen.voxels, _OUTLINED)
    pixels[edges] = (0.7 * pixels[edges]).astype(np.uint8)
    return Panel(f"labels: meet {_share(seen.classes != UNKNOWN)} of the rays", pixels)


def _ground(looked: Looked, size: tuple[int, int]) -> NDArray[np.float64]:
    """The image, or grey where there is none, as RGB to be painted on."""
    if looked.image is None:
        return np.full((size[1], size[0], 3), 96.0)
    return _resized(looked.image, size).astype(np.float64)


def _resized(image: RGB, size: tuple[int, int]) -> RGB:
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _at_pixels(array: NDArray[Any], looked: Looked, size: tuple[int, int]) -> NDArray[Any]:
    """Of ``array``, whose element [v, u] is of the pixel [stride * v, stride * u], the nearest one at each pixel of a
    panel."""
    rows, columns = (
        np.clip(np.rint(((np.arange(n) + 0.5) * whole / n - 0.5) / looked.stride).astype(int), 0, there - 1)
        for n, whole, there in zip(size[::-1], looked.size[::-1], array.shape, strict=True)
    )
    return array[np.ix_(rows, columns)]


def _tinted(
    ground: NDArray[np.float64], classes: NDArray[np.uint8], taxonomy: Taxonomy, otherwise: NDArray[np.float64]
) -> RGB:
    """Colours of classes over the image; ``otherwise`` where there is none."""
    known = classes < len(taxonomy.classes)
    colours = taxonomy.colours[np.where(known, classes, 0)]
    mixed = (1 - _TINT) * ground + _TINT * colours
    return np.where(known[:, :, None], mixed, otherwise).clip(0, 255).astype(np.uint8)


def _edges(ids: NDArray[Any], least: int = 1) -> NDArray[np.bool_]:
    """Pixels whose neighbour to the right or below has another id, which holds for ``least`` pixels on from there."""
    result = np.zeros(ids.shape, np.bool_)
    for there, along in ((result, ids), (result.T, ids.T)):
        differs = along[:-1] != along[1:]
        for n in range(1, least):
            differs[:-n] &= along[1:-n] == along[1 + n :]
        there[:-1] |= differs
    return result


def _share(mask: NDArray[np.bool_]) -> str:
    return f"{100 * mask.mean():.0f}%"
