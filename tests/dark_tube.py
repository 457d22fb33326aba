"""A tunnel: a dark tube without texture around the camera, whose lamps all look the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RADIUS, _HEIGHT, _NOISE = 4.5, 1.6, 2.5


def tube(k: NDArray[np.float64], size: tuple[int, int], driven: float, apart: float, seed: int) -> NDArray[np.uint8]:
    """The image [h, w, 3] of a camera that has ``driven`` so many metres along the tube, whose lamps hang so many
    metres ``apart`` on both sides: as far as it drives in a frame, and they seem to stand."""
    v, u = np.mgrid[: size[1], : size[0]]
    x, y = (u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1]
    wall, road = _RADIUS / (np.hypot(x, y) + 1e-6), _HEIGHT / np.maximum(y, 1e-6)
    far, around = np.minimum(wall, road), np.arctan2(x, -y)
    lamp = (far + driven) / apart
    along = (lamp - np.round(lamp)) * apart
    shade = 4 + 14 * np.exp(-far / 40)
    for side in (-0.9, 0.9):
        aside = around - side
        glow = 230 * np.exp(-((aside / 0.06) ** 2) - (along / 0.3) ** 2)
        glow += 30 * np.exp(-((aside / 0.5) ** 2) - (along / 1.5) ** 2)
        shade += np.where(wall < road, glow * np.exp(-far / 60), 0)
    shade = shade + np.random.default_rng(seed).normal(0, _NOISE, shade.shape)
    return np.repeat(np.clip(shade, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
