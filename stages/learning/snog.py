"""Where to look while a density field is trained: patches of an image, most of them on objects, none on another.

The semantic-guided non-overlapping Gaussian mixture sampler of ViPOcc (Feng et al. 2025), equations 4 to 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from occlabel.schemas.errors import OcclabelError

BACKGROUND = 0.5
"""Share of the patches that are drawn from the whole image (gamma)."""
PATCHES, PATCH = 64, 8
"""How many are drawn of an image, and how many pixels wide and high they are."""

Shape = tuple[int, int]
"""Height and width [pixels]."""


@dataclass(frozen=True, slots=True)
class SeenInstance:
    """An object as one image shows it. Lengths are (down, across) [pixels], from the upper left corner of the image."""

    centre: tuple[float, float]
    """Of its bounding box (l)."""
    half: tuple[float, float]
    """Half of the height and the width of its bounding box (b)."""
    area: float
    """Pixels that are of it (s), not those of the box."""


def seen_instances(numbers: NDArray[np.integer[Any]], stride: int = 1) -> tuple[SeenInstance, ...]:
    """The objects in ``numbers`` [v, u], which say of every ``stride``-th pixel whose it is (0: nobody's), in order."""
    result = []
    for number in np.unique(numbers[numbers > 0]):
        v, u = np.nonzero(numbers == number)
        low, high = np.array([v.min(), u.min()]) * stride, np.array([v.max() + 1, u.max() + 1]) * stride
        centre, half = (low + high) / 2, (high - low) / 2
        area = float(len(v) * stride**2)
        result.append(SeenInstance((centre[0], centre[1]), (half[0], half[1]), area))
    return tuple(result)


def shares(areas: Sequence[float], background: float = BACKGROUND) -> NDArray[np.float64]:
    """[instances + 1]: of equation 4 the weights (1 - gamma) pi of the instances, and gamma of the background, last.

    pi = log s / sum log s (equation 5), so that small instances are not passed over. One of a single pixel gets 0.
    Without an instance of more than that, all is background.
    """
    logarithms = np.log(np.maximum(np.asarray(areas, np.float64), 1.0))
    total = float(logarithms.sum())
    if total == 0:
        return np.append(np.zeros(len(areas)), 1.0)
    return np.append((1 - background) * logarithms / total, background)


def gaussian(instance: SeenInstance, shape: Shape) -> NDArray[np.float64]:
    """[h, w]: density of the instance's normal distribution at the indices of the pixels, of mean l and covariance
    diag(b * b / 4) (equation 5): 95.45% lie within its box in either direction."""
    parts = []
    for size, mean, half in zip(shape, instance.centre, instance.half, strict=True):
        deviation = half / 2
        away = (np.arange(size) - mean) / deviation
        parts.append(np.exp(-(away**2) / 2) / (deviation * math.sqrt(2 * math.pi)))
    return np.outer(*parts)


def mixture(instances: Sequence[SeenInstance], shape: Shape, background: float = BACKGROUND) -> NDArray[np.float64]:
    """[h, w]: the density p of equation 4 at the indices of the pixels; the background is uniform over the image."""
    *weights, uniform = shares([instance.area for instance in instances], background)
    result = np.full(shape, uniform / (shape[0] * shape[1]))
    for weight, instance in zip(weights, instances, strict=True):
        result += weight * gaussian(instance, shape)
    return result


def patch_centres(
    instances: Sequence[SeenInstance],
    shape: Shape,
    draw: np.random.Generator,
    *,
    patches: int = PATCHES,
    patch: int = PATCH,
    background: float = BACKGROUND,
) -> NDArray[np.int64]:
    """Centres [n, 2] (row, column) of patches, the pixels from ``centre - patch // 2`` on, drawn one after the other by
    equation 6: from ``mixture``, but nowhere nearer than ``sqrt(2) * patch`` to one before.

    Patches lie in the image: one that a normal distribution puts beyond an edge is moved inside, so that an instance
    smaller than a patch, at an edge, is seen as often as any. Fewer than ``patches`` come back where no more have room.
    Raises OcclabelError for an image smaller than a patch.
    """
    if min(shape) < patch:
        raise OcclabelError(f"an image of {shape[1]}x{shape[0]} pixels has no room for a patch of {patch}x{patch}")
    mass = _mass(instances, (shape[0] - patch + 1, shape[1] - patch + 1), patch // 2, background)
    rows, columns = (np.arange(size) for size in mass.shape)
    open_ = np.ones(mass.shape, bool)
    result: list[tuple[int, int]] = []
    while len(result) < patches and open_.any():
        left = np.cumsum(mass.ravel())
        if left[-1] <= 0:  # the instances are used up, and nothing was to be background
            mass = open_.astype(np.float64)
            continue
        at = int(np.searchsorted(left, draw.random() * left[-1], side="right"))
        row, column = divmod(min(at, mass.size - 1), mass.shape[1])
        result.append((row + patch // 2, column + patch // 2))
        near = ((rows - row) ** 2)[:, None] + (columns - column) ** 2 < 2 * patch**2
        mass[near], open_[near] = 0, False
    return np.array(result, np.int64).reshape(-1, 2)


def _mass(instances: Sequence[SeenInstance], places: Shape, first: int, background: float) -> NDArray[np.float64]:
    """How likely each pixel is, of those that may be centres: ``places`` of them from ``first`` on, in both directions.

    Integrated over pixels, since a distribution narrower than one has any value at its middle; the tails go to the
    outermost places.
    """
    *weights, uniform = shares([instance.area for instance in instances], background)
    result = np.full(places, uniform / (places[0] * places[1]))
    for weight, instance in zip(weights, instances, strict=True):
        parts = []
        for size, mean, half in zip(places, instance.centre, instance.half, strict=True):
            edges = (np.arange(first, first + size + 1) - mean) / (half / 2)
            edges[0], edges[-1] = -np.inf, np.inf
            parts.append(np.diff(ndtr(edges)))
        result += weight * np.outer(*parts)
    return result
