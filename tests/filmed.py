"""Films for tests: written by OpenCV, each frame telling its own number."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_BITS = 6


def film(path: Path, images: Iterable[NDArray[np.uint8]], rate: float = 10.0) -> Path:
    """An mp4 of images [h, w, 3], RGB, all of one size."""
    writer = None
    for image in images:
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, image.shape[1::-1])
            assert writer.isOpened()
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    assert writer is not None
    writer.release()
    return path


def telling(number: int, size: tuple[int, int] = (96, 48)) -> NDArray[np.uint8]:
    """An image whose bars are the bits of its ``number``; red is more than blue."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    for bit in range(_BITS):
        bar = slice(width * bit // _BITS, width * (bit + 1) // _BITS)
        image[:, bar] = (200, 180, 120) if number >> bit & 1 else (40, 20, 10)
    return image


def told(image: NDArray[np.uint8]) -> int:
    """The number that an image tells."""
    height, width = image.shape[:2]
    middles = [image[height // 2, width * (2 * bit + 1) // (2 * _BITS)] for bit in range(_BITS)]
    return sum(int(bar[0] > 120) << bit for bit, bar in enumerate(middles))
