"""Colours that people tell apart who see red and green alike."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LMS = np.array(
    [[0.31399022, 0.63951294, 0.04649755], [0.15537241, 0.75789446, 0.08670142], [0.01775239, 0.10944209, 0.87256922]]
)
"""From linear sRGB to the responses of the three cones (Hunt, Pointer and Estevez, as Vienot et al. 1999 use them)."""
_STEPS = (0, 51, 102, 153, 204, 255)
_DARK, _BRIGHT = 32.0, 92.0
"""Lightness in CIELAB: darker ones are lost in a dark page, brighter ones in a bright one."""


@cache
def colour_blind_safe(colours: int) -> NDArray[np.uint8]:
    """RGB [colours, 3], each as far as can be from those before it, by the worst of three eyes: the usual ones, and
    those without the cones for red (protan) or green (deutan). The first differ most."""
    levels = np.array(_STEPS, np.float64)
    palette = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    light = _lab(palette)[:, 0]
    palette = palette[(light > _DARK) & (light < _BRIGHT)]
    seen = [_lab(palette), *(_lab(as_seen_by(palette, eye)) for eye in ("protan", "deutan"))]
    chosen = [int(np.argmin(np.abs(palette - (0, 102, 204)).sum(axis=1)))]
    nearest = np.full(len(palette), np.inf)
    while len(chosen) < colours:
        apart = np.min([np.linalg.norm(lab - lab[chosen[-1]], axis=1) for lab in seen], axis=0)
        nearest = np.minimum(nearest, apart)
        chosen.append(int(nearest.argmax()))
    return palette[chosen].astype(np.uint8)


def object_colours(ids: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """RGB [n, 3] of objects [n]: steps of the golden ratio around the wheel, so that neighbours in number are far apart
    in hue."""
    hues = ids.astype(np.float64) * 0.618034 % 1
    wheel = np.abs((hues[:, None] * 6 - np.array([3.0, 2.0, 4.0])) * np.array([1, -1, -1]) + 0.0)
    colours = np.clip(np.stack([wheel[:, 0] - 1, 2 - wheel[:, 1], 2 - wheel[:, 2]], axis=1), 0.15, 1) * 255
    return colours.astype(np.uint8)


def as_seen_by(colours: NDArray[np.float64], eye: str) -> NDArray[np.float64]:
    """sRGB [n, 3] 0..255 as a ``protan`` or ``deutan`` sees it (Vienot, Brettel and Mollon 1999): the missing cone
    answers as the two others make it answer to white and to blue."""
    cones = _linear(colours) @ _LMS.T
    white, blue = _LMS.sum(axis=1), _LMS[:, 2]
    lost = {"protan": 0, "deutan": 1}[eye]
    kept = [cone for cone in range(3) if cone != lost]
    weights = np.linalg.solve(np.array([white[kept], blue[kept]]), np.array([white[lost], blue[lost]]))
    cones[:, lost] = cones[:, kept] @ weights
    return _gamma(cones @ np.linalg.inv(_LMS).T)


def apart(colours: NDArray[np.float64], eye: str | None = None) -> NDArray[np.float64]:
    """[n, n] distances in CIELAB (CIE 1976) between sRGB colours [n, 3], as an ``eye`` sees them."""
    lab = _lab(colours if eye is None else as_seen_by(colours, eye))
    distances: NDArray[np.float64] = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    return distances


def _linear(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    part = srgb / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def _gamma(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    part = np.clip(linear, 0, 1)
    bent: NDArray[np.float64] = np.where(part <= 0.0031308, 12.92 * part, 1.055 * part ** (1 / 2.4) - 0.055)
    return 255 * bent


def _lab(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = _linear(srgb) @ to_xyz.T / to_xyz.sum(axis=1)
    bent = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * bent[:, 1] - 16, 500 * (bent[:, 0] - bent[:, 1]), 200 * (bent[:, 1] - bent[:, 2])], axis=1)
