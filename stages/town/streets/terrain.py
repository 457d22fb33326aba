"""The shape of the land: slopes and undulations, banks, cuttings and ditches beside the streets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from occlabel.stages.town.streets.ground import BLOCK, Ground
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.style import Style
from occlabel.stages.town.things.kinds import KIND_ID


def raise_terrain(ground: Ground, rng: np.random.Generator, steepest: float) -> None:
    """Fills ``ground.base`` with waves of 25 to 500 m length whose slopes add up to about ``steepest``; a quarter of
    all towns is flat."""
    corners = ground.block_corners()
    steepest *= 0.15 if rng.random() < 0.25 else float(rng.uniform(0.3, 1.0))
    height = np.zeros(ground.base.shape)
    for wavelength, share in ((500, 0.5), (300, 0.4), (160, 0.35), (90, 0.25), (45, 0.12), (25, 0.06)):
        height += steepest * share * _wave(corners, rng, wavelength * rng.uniform(0.8, 1.25))
    ground.base[:] = height


def _wave(corners: NDArray[np.float64], rng: np.random.Generator, length: float) -> NDArray[np.float64]:
    """A wave of that length and a slope of 1, of drawn direction."""
    direction, phase = rng.uniform(0, 2 * np.pi, 2)
    along = np.cos(direction) * corners[..., 0] + np.sin(direction) * corners[..., 1]
    return np.asarray(length / (2 * np.pi) * np.sin(along * 2 * np.pi / length + phase))


def raise_banks(ground: Ground, rng: np.random.Generator, main: Street, style: Style) -> None:
    """Lets the land rise or fall with distance from the streets, more here and less there: by up to 2.5 m in towns,
    6 m beside motorways. Country roads and motorways have ditches in places."""
    corners = ground.block_corners()
    edge = np.full(ground.base.shape, 50.0)
    edge[:-1, :-1] = ground.edge[::BLOCK, ::BLOCK]
    bands = max(main.setback(0), main.setback(1)) - main.half
    level = any(main.beside(side) for side in (0, 1))  # another carriageway is not laid across a slope
    if style.road == "street":
        strength = float(rng.choice([0.0, 0.5, 1.2, 2.5], p=[0.3, 0.3, 0.25, 0.15]))
        start, reach = bands if level else float(rng.uniform(min(bands, 4.0), 5.0)), 9.0
    else:
        strength = float(rng.choice([0.3, 1.5, 3.0, 5.0], p=[0.3, 0.3, 0.25, 0.15]))
        start, reach = bands if level else float(rng.uniform(0.8, bands)), float(rng.uniform(7.0, 14.0))
    away = np.clip((edge - start) / reach, 0, 1)
    place = np.full(ground.base.shape, float(rng.uniform(-0.5, 0.7)))
    for length in (140.0, 60.0):
        place += 0.6 * 2 * np.pi / length * _wave(corners, rng, length)
    ground.base += strength * place * away * away * (3 - 2 * away)
    if style.road != "street" and not level and rng.random() < 0.6:
        middle, half = float(rng.uniform(2.2, 2.0 + bands / 2)), float(rng.uniform(1.6, 2.4))
        across = np.clip(1 - np.abs(edge - middle) / half, 0, 1)
        ground.base -= float(rng.uniform(0.3, 0.8)) * across * np.clip(0.5 + place, 0, 1)


def roughen(ground: Ground, rng: np.random.Generator) -> None:
    """Bumps of some centimetres where only grass, soil or gravel is around, of some millimetres elsewhere."""
    soft = (ground.kind == KIND_ID["terrain"]) | (ground.kind == KIND_ID["other-ground"])
    blocks = soft.reshape(soft.shape[0] // BLOCK, BLOCK, soft.shape[1] // BLOCK, BLOCK).all(axis=(1, 3))
    around = np.zeros(ground.base.shape, np.bool_)
    around[1:-1, 1:-1] = minimum_filter(blocks, 2)[1:, 1:]
    height, paved = float(rng.uniform(0.003, 0.03)), float(rng.uniform(0.001, 0.004))
    ground.base += np.where(around, height, paved) * (np.clip(rng.standard_normal(ground.base.shape), -2, 2))
