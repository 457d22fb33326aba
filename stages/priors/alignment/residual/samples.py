"""Training samples: windows of images with aligned depth, what a sweep measures in them, and the images beside them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.priors.alignment.residual.asking import given, inverse_of
from occlabel.stages.priors.alignment.residual.network import STRIDE

_FINE = 2
"""Pixels between those that are compared."""
MARGIN = 24
"""Of them on each side of a window that a neighbour shows besides."""
_KEPT_BYTES = 1 << 30
"""What has been read stays in memory up to so much."""
_GAIN = 0.2
"""Brightness of an image is changed by up to this share, as the network is given it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read of one image."""

    image: NDArray[np.uint8] | None
    """[h, w, 3] RGB; None where it cannot be read."""
    depth: NDArray[np.float16]
    """[v, u] metres as they were aligned; NaN unknown."""
    deviation: NDArray[np.float16]
    """[v, u]."""
    measured: NDArray[np.float16]
    """[v, u] metres by points that the alignment has not seen; NaN unknown."""


@dataclass(frozen=True, slots=True)
class View:
    """One image of a camera."""

    read: Callable[[], Seen]
    intrinsics: Matrix
    world_from_camera: Matrix | None


@dataclass
class Views:
    """Images of some cameras, each camera's ``track`` in the order of time; read when they are asked for."""

    tracks: Sequence[Sequence[View]]
    views: list[View] = field(init=False)
    beside: list[tuple[int, ...]] = field(init=False)
    """Of each view the places of those before and after it, from which is known how the camera moved in between."""

    def __post_init__(self) -> None:
        self.views, self.beside = [], []
        for track in self.tracks:
            first = len(self.views)
            self.views += track
            for n, view in enumerate(track):
                near = [m for m in (n - 1, n + 1) if 0 <= m < len(track) and track[m].world_from_camera is not None]
                self.beside.append(tuple(first + m for m in near) if view.world_from_camera is not None else ())
        self._kept: OrderedDict[int, Seen] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, place: int) -> Seen:
        if place not in self._kept:
            self._kept[place] = self.views[place].read()
            self._bytes += _bytes(self._kept[place])
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= _bytes(self._kept.popitem(last=False)[1])
        return self._kept[place]


class Crops(Dataset[dict[str, Tensor]]):
    """Sample number n is a window of an image, both drawn by ``seed`` and n."""

    def __init__(self, views: Views, height: int, width: int, seed: int) -> None:
        """``height`` and ``width`` of a window in pixels, multiples of ``STRIDE``."""
        self.views = views
        self.size = (height // STRIDE, width // STRIDE)
        self.seed = seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([self.seed, number])
        place = int(draw.integers(len(self.views)))
        seen, view = self.views[place], self.views.views[place]
        image, depth = seen.image, seen.depth
        if image is None:
            image, depth = (
                np.zeros((STRIDE * depth.shape[0], STRIDE * depth.shape[1], 3), np.uint8),
                np.full_like(depth, np.nan),
            )
        corner = tuple(
            int(draw.integers(max(0, whole - part) + 1)) for whole, part in zip(depth.shape, self.size, strict=True)
        )
        pixels, known, deviation, rays = given(image, depth, seen.deviation, view.intrinsics, corner, self.size)  # type: ignore[arg-type]
        measured = np.zeros(self.size, np.float32)
        part = inverse_of(seen.measured[corner[0] : corner[0] + self.size[0], corner[1] : corner[1] + self.size[1]])
        measured[: part.shape[0], : part.shape[1]] = part
        gain = 1 + float(draw.uniform(-_GAIN, _GAIN))
        return {
            "image": (pixels * gain).clamp(0, 1), "inverse": known, "deviation": deviation, "rays": rays,
            "measured": torch.from_numpy(measured)[None],
        } | self._around(place, image, view, corner)  # type: ignore[arg-type]  # fmt: skip

    def _around(self, place: int, image: NDArray[np.uint8], view: View, corner: tuple[int, int]) -> dict[str, Tensor]:
        """The window at every second pixel, and the same of the images beside, with a margin."""
        rows, columns = (2 * side - 1 for side in self.size)
        start = (STRIDE * corner[0] // _FINE, STRIDE * corner[1] // _FINE)
        wide = (rows + 2 * MARGIN, columns + 2 * MARGIN)
        images, inside = np.zeros((2, *wide, 3), np.float32), np.zeros((2, *wide), np.float32)
        moved = np.tile(np.eye(4), (2, 1, 1))
        for n, other in enumerate(self.views.beside[place]):
            there, pose = self.views[other].image, self.views.views[other].world_from_camera
            if there is None or there.shape != image.shape:
                continue
            assert pose is not None and view.world_from_camera is not None  # else it were not beside
            images[n], inside[n] = _window(there, (start[0] - MARGIN, start[1] - MARGIN), wide)
            moved[n] = inverse(pose) @ view.world_from_camera
        k = np.diag([1 / _FINE, 1 / _FINE, 1.0]) @ view.intrinsics
        k[:2, 2] -= start[1], start[0]
        return {
            "target": torch.from_numpy(_window(image, start, (rows, columns))[0]).permute(2, 0, 1).contiguous(),
            "beside": torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
            "inside": torch.from_numpy(inside)[:, None],
            "moved": torch.from_numpy(moved.astype(np.float32)),
            "intrinsics": torch.from_numpy(k.astype(np.float32)),
        }


def _window(
    image: NDArray[np.uint8], start: tuple[int, int], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Every second pixel of ``image``, blurred so far, from ``start`` on [*size, 3], 0..1; and 1 within the image
    [*size]. ``start`` counts every second pixel and may lie before the first."""
    result, inside = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    fine = cv2.GaussianBlur(image, (3, 3), 0)[::_FINE, ::_FINE]
    low = [max(0, one) for one in start]
    high = [min(whole, one + side) for whole, one, side in zip(fine.shape, start, size, strict=False)]
    if high[0] > low[0] and high[1] > low[1]:
        to = np.s_[low[0] - start[0] : high[0] - start[0], low[1] - start[1] : high[1] - start[1]]
        result[to], inside[to] = fine[low[0] : high[0], low[1] : high[1]].astype(np.float32) / 255, 1
    return result, inside


def _bytes(seen: Seen) -> int:
    return 3 * seen.depth.nbytes + (0 if seen.image is None else seen.image.nbytes)
