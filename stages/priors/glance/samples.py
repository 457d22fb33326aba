"""What a step learns from: crops of pictures, as another camera at another hour might have taken them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.stages.learning.trunk import FINEST
from occlabel.stages.priors.glance.looking import input_size, resized_row, scaled, with_rows
from occlabel.stages.priors.glance.pictures import NOT_LEARNED, Meanings, Picture, Shown
from occlabel.stages.priors.segments.lattice import Size

_SCALES = (0.75, 1.5)
_GREY = 127.5


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a picture that was resized: ``size`` rows and columns of it from ``start`` on, which may lie outside."""

    resized: Size
    start: Size
    size: Size

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """[*size, 3] of 0..255; grey outside."""
        result = np.full((*self.size, 3), _GREY, np.float32)
        spans = [self._inside(axis) for axis in (0, 1)]
        (top, bottom), (left, right) = spans
        if top >= bottom or left >= right:
            return result
        scales = [image.shape[axis] / self.resized[axis] for axis in (0, 1)]
        (y0, y1), (x0, x1) = (
            ((first + start) * scale, (last + start) * scale)
            for (first, last), start, scale in zip(spans, self.start, scales, strict=True)
        )
        edges = (x0, y0, min(x1, image.shape[1]), min(y1, image.shape[0]))
        part = Image.fromarray(image).resize((right - left, bottom - top), Image.Resampling.BILINEAR, box=edges)
        result[top:bottom, left:right] = np.asarray(part)
        return result

    def truth(self, shown: Shown) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Logarithm of focal length / depth, NaN where there is none, and rows of classes, at the cells of the
        network's output [rows, columns] / FINEST."""
        at, inside = [], []
        for axis in (0, 1):
            centres = np.arange(self.size[axis] // FINEST) * FINEST + FINEST / 2 + self.start[axis]
            pixels = np.floor(centres * shown.depth.shape[axis] / self.resized[axis]).astype(int)
            inside.append((pixels >= 0) & (pixels < shown.depth.shape[axis]))
            at.append(np.clip(pixels, 0, shown.depth.shape[axis] - 1))
        known = inside[0][:, None] & inside[1]
        focal = float(shown.intrinsics[0, 0]) * self.resized[1] / shown.depth.shape[1]
        depth, classes = shown.depth[np.ix_(*at)], shown.classes[np.ix_(*at)]
        inverse = np.log(np.float32(focal) / depth)
        return np.where(known, inverse, np.float32(np.nan)), np.where(known, classes, NOT_LEARNED)

    def principal(self, shown: Shown) -> float:
        """The row of the principal point within the window."""
        row = resized_row(float(shown.intrinsics[1, 2]), shown.depth.shape[0], self.resized[0])
        return row - self.start[0]

    def _inside(self, axis: int) -> tuple[int, int]:
        """First and last row or column of the window, and one, that the picture has."""
        start = self.start[axis]
        return max(0, -start), min(self.size[axis], self.resized[axis] - start)


class Crops(Dataset[dict[str, Tensor]]):
    """Sample number n, for every n: some crop of some picture, at some scale, light and noise, and half of them
    mirrored. The same number gives the same sample."""

    def __init__(self, pictures: Sequence[Picture], meanings: Meanings, size: Size, seed: int) -> None:
        self.pictures, self.meanings, self.size, self.seed = pictures, meanings, size, seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([self.seed, number])
        shown = self.pictures[draw.integers(len(self.pictures))].read(self.meanings)
        window = drawn_window(shown.depth.shape, self.size, draw)
        image = relit(window.image(shown.image), draw)
        mirrored = bool(draw.random() < 0.5)
        return _sample(image, window, shown, mirrored)


class Whole(Dataset[dict[str, Tensor]]):
    """Pictures as they are looked at when labels are made."""

    def __init__(self, pictures: Sequence[Picture], meanings: Meanings) -> None:
        self.pictures, self.meanings = pictures, meanings

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        shown = self.pictures[number].read(self.meanings)
        size = input_size(*shown.depth.shape)
        window = Window(size, (0, 0), size)
        return _sample(window.image(shown.image), window, shown, mirrored=False)


def drawn_window(image: tuple[int, ...], size: Size, draw: Generator) -> Window:
    """A window of ``size`` of an ``image`` [h, w] at a scale around the usual one; within the image where it can be."""
    usual = input_size(image[0], image[1])
    factor = float(np.exp(draw.uniform(*np.log(_SCALES))))
    resized = (max(1, round(usual[0] * factor)), max(1, round(usual[1] * factor)))
    room = [resized[axis] - size[axis] for axis in (0, 1)]
    start = [int(draw.integers(min(0, left), max(0, left) + 1)) for left in room]
    return Window(resized, (start[0], start[1]), size)


def relit(pixels: NDArray[np.float32], draw: Generator) -> NDArray[np.float32]:
    """``pixels`` 0..255 [h, w, 3] in another light, with another exposure, contrast, white, colour, blur and noise."""
    if draw.random() < 0.2:
        blurred = Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 1.5)))
        pixels = np.asarray(blurred, np.float32)
    light = pixels / 255
    light = light ** np.float32(np.exp(draw.uniform(-0.4, 0.4)))
    light = light * np.exp(draw.uniform(-0.5, 0.4) + draw.uniform(-0.12, 0.12, 3)).astype(np.float32)
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * np.float32(draw.uniform(0.2, 1.3))
    light = (light - 0.5) * np.float32(draw.uniform(0.7, 1.2)) + np.float32(0.5 + draw.uniform(-0.08, 0.08))
    noise = np.float32(draw.uniform(0, 0.04)) * draw.standard_normal(light.shape, np.float32)
    result: NDArray[np.float32] = np.clip(light + noise, 0, 1) * np.float32(255)
    return result


def _sample(image: NDArray[np.float32], window: Window, shown: Shown, mirrored: bool) -> dict[str, Tensor]:
    inverse, classes = window.truth(shown)
    whole = with_rows(scaled(image), window.principal(shown))
    parts: dict[str, NDArray[Any]] = {"image": whole, "inverse": inverse, "classes": classes}
    return {
        name: torch.from_numpy(np.ascontiguousarray(part[..., ::-1] if mirrored else part))
        for name, part in parts.items()
    }
