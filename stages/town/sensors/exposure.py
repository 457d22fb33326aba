"""From light to a picture: exposure, colour, rain on the lens, noise, and the camera's own JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.sensors.weather import Optics

_GREY = 0.125
"""Where the geometric mean of the light lands before the curve."""
_BLOOM = 0.06
"""Share of what is brighter than white that spreads over its surroundings."""


def expose(light: NDArray[np.float32], optics: Optics, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture [h, w, 3] of linear ``light`` [h, w, 3]."""
    height, width = light.shape[:2]
    bright = light @ np.array([0.25, 0.6, 0.15], np.float32)
    middle = np.exp(np.log(np.maximum(bright[height // 4 :], 1e-4)).mean())
    picture = light * np.float32(_GREY / middle * 2.0**optics.exposure) * np.array(optics.balance, np.float32)
    over = np.minimum(np.maximum(picture - 1.0, 0.0), 20.0)
    for spread in (0.006, 0.03):
        picture = picture + _BLOOM * cv2.GaussianBlur(over, (0, 0), spread * width)
    if optics.rain > 0:
        picture = _rained(picture, optics.rain, rng)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    picture = picture * (1 - optics.vignette * (x**2 + y**2) / 2).astype(np.float32)[..., None]
    sigma = np.sqrt(optics.read**2 + optics.shot * np.clip(picture, 0, 2))
    picture = np.maximum(picture + sigma * rng.standard_normal(picture.shape, np.float32), 0)
    picture = picture * (2.51 * picture + 0.03) / (picture * (2.43 * picture + 0.59) + 0.14)
    grey = picture.mean(axis=2, keepdims=True)
    picture = np.clip(grey + optics.saturation * (picture - grey), 0, 1) ** (1 / 2.2)
    pixels = np.rint(255 * picture).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, optics.quality])
    return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])


def _rained(picture: NDArray[np.float32], amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """With streaks of falling drops, and drops on the lens through which all is blurred."""
    height, width = picture.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    slant = rng.normal(0, 0.08)
    for x, y, length in rng.random((int(250 * amount), 3)) * (width, height, 0.09 * height):
        end = (round(x + slant * length), round(y + length + 2))
        cv2.line(streaks, (round(x), round(y)), end, float(rng.uniform(0.05, 0.2)), 1, cv2.LINE_AA)
    drops = np.zeros((height, width), np.float32)
    for x, y, radius in rng.random((int(rng.poisson(10 * amount)), 3)) * (width, height, 0.02 * width):
        cv2.circle(drops, (round(x), round(y)), round(radius + 2), 1.0, -1, cv2.LINE_AA)
    drops = cv2.GaussianBlur(drops, (0, 0), max(0.002 * width, 0.5))[..., None]
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.015 * width) * np.float32(1.05)
    wet = picture + drops * (blurred - picture)
    return np.asarray(wet + streaks[..., None] * np.float32(max(float(picture.mean()), 0.05)), np.float32)
