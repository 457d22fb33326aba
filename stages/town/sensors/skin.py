"""What the surfaces of one town reflect at 905 nm."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.things.kinds import KIND_ID, KINDS
from occlabel.stages.town.things.mesh import MATERIALS, Material


class Skin(NamedTuple):
    """The reflectances of one town. A named tuple, because compiled code takes it whole."""

    table: NDArray[np.float32]
    """[kind ids, materials] of the perpendicular surface; white is 1, retro-reflectors are above."""
    salt: int
    """Seeds the variation over places."""
    stretch: float
    """Metres of street that were paved at once."""
    patches: float
    """Share of the carriageway that was repaired."""
    worn: float
    """Relative change of wheel tracks."""
    oil: float
    """Relative darkening between them."""
    relief: NDArray[np.float32]
    """[kind ids, materials] metres, one sigma across the surface: grain, joints and slabs of the ground, stubble of
    lawns."""


_GRAIN = {
    Material.ASPHALT: (0.003, 0.008), Material.WET_ASPHALT: (0.003, 0.008), Material.CONCRETE: (0.002, 0.006),
    Material.PAVING: (0.003, 0.009), Material.GRAVEL: (0.006, 0.014), Material.SOIL: (0.007, 0.016),
    Material.GRASS: (0.006, 0.016),
}  # fmt: skip
"""Relief of the ground from .. to [m]."""
_COBBLES = 1.5
"""A paved road is of cobbles, so much rougher than slabs."""


def _reliefs(share: NDArray[np.float64]) -> NDArray[np.float32]:
    """[kind ids, materials]; ``share`` of the same shape says where between the ends of its range each is."""
    relief = np.zeros(share.shape)
    for material, (low, high) in _GRAIN.items():
        relief[:, material] = low + share[:, material] * (high - low)
    relief[KIND_ID["road"], Material.PAVING] *= _COBBLES
    return relief.astype(np.float32)


def draw_skin(rng: np.random.Generator) -> Skin:
    """Each kind draws its own reflectance of each material within the material's range, now and then beyond it: the
    asphalt of car parks is not that of the road, and no value is a class."""
    low, high = np.log(MATERIALS[:, 0]), np.log(MATERIALS[:, 1])
    shape = (len(KINDS) + 1, len(MATERIALS))
    beyond = np.where(rng.random(shape) < 0.15, 0.35, 0.0)
    share = rng.uniform(-beyond, 1 + beyond)
    return Skin(
        np.exp(low + share * (high - low)).astype(np.float32), int(rng.integers(1 << 31)),
        float(rng.uniform(25.0, 150.0)), float(rng.uniform(0.0, 0.2)), float(rng.uniform(-0.12, 0.2)),
        float(rng.uniform(0.0, 0.25)), _reliefs(rng.random(shape)),
    )  # fmt: skip


def middling_skin() -> Skin:
    """Every material in the middle of its range, no place unlike another on the carriageway."""
    middle = np.sqrt(MATERIALS[:, 0] * MATERIALS[:, 1])
    shape = (len(KINDS) + 1, len(MATERIALS))
    return Skin(np.tile(middle, (shape[0], 1)), 0, 100.0, 0.0, 0.0, 0.0, _reliefs(np.full(shape, 0.5)))
