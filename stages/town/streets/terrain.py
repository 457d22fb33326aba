"""The shape of the land: slopes and undulations, and banks beside the streets."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.streets.ground import Ground


def raise_terrain(ground: Ground, rng: np.random.Generator, steepest: float) -> None:
    """Fills ``ground.base`` with waves of 25 to 500 m length whose slopes add up to about ``steepest``; a quarter of
    all towns is flat."""
    corners = ground.block_corners()
    steepest *= 0.15 if rng.random() < 0.25 else float(rng.uniform(0.3, 1.0))
    height = np.zeros(ground.base.shape)
    for wavelength, share in ((500, 0.5), (300, 0.4), (160, 0.35), (90, 0.25), (45, 0.12), (25, 0.06)):
        direction, phase = rng.uniform(0, 2 * np.pi, 2)
        length = wavelength * rng.uniform(0.8, 1.25)
        wave = np.cos(direction) * corners[..., 0] + np.sin(direction) * corners[..., 1]
        height += steepest * share * length / (2 * np.pi) * np.sin(wave * 2 * np.pi / length + phase)
    ground.base[:] = height


def raise_banks(ground: Ground, rng: np.random.Generator) -> None:
    """Lets the land rise or fall with distance from the streets, by up to 2.5 m, more here and less there."""
    strength = float(rng.choice([0.0, 0.5, 1.2, 2.5], p=[0.4, 0.25, 0.2, 0.15]))
    corners = ground.block_corners()
    edge = np.full(ground.base.shape, 50.0)
    edge[:-1, :-1] = ground.edge[::8, ::8]
    away = np.clip((edge - 4.0) / 9.0, 0, 1)
    place = np.zeros(ground.base.shape)
    for length in (140.0, 60.0):
        direction, phase = rng.uniform(0, 2 * np.pi, 2)
        wave = np.cos(direction) * corners[..., 0] + np.sin(direction) * corners[..., 1]
        place += 0.6 * np.sin(wave * 2 * np.pi / length + phase)
    ground.base += strength * place * away * away * (3 - 2 * away)
    ground.base -= np.where(edge < -0.5, 0.05 * np.clip(-edge / 4, 0, 1) * -1, 0.0)  # roads are crowned
