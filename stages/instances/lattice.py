"""Where the K points of an object rest: one in each voxel that an object of any heading may fill around its centre.

OffsetOcc has 13 x 13 x 13 points whatever the voxels are. At 0.4 m that is 5.2 m, less than a lorry; at 0.2 m, 2.6 m,
less than a car. Here K follows from the size of the voxels and of the largest object of the taxonomy: a disc of its
length, so that it fits whichever way it is turned, as high as the highest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy

_SIZES = {
    "person": (1.2, 2.2), "pedestrian": (1.2, 2.2), "bicycle": (2.4, 2.2), "bicyclist": (2.4, 2.2),
    "motorcycle": (2.8, 2.2), "motorcyclist": (2.8, 2.2), "car": (6.0, 2.6),
}  # fmt: skip
"""Largest length and height [m] of classes whose objects are small."""

_LARGEST = (12.8, 4.4)
"""Of all other classes: a city bus, a lorry. What is longer is found by the vote around its middle."""


def largest_object(taxonomy: Taxonomy) -> tuple[float, float]:
    """Length and height [m] of the largest thing of ``taxonomy``."""
    sizes = [_SIZES.get(entry.name, _LARGEST) for entry in taxonomy.classes if entry.thing]
    length, height = (max((size[i] for size in sizes), default=_LARGEST[i]) for i in (0, 1))
    return length, height


@dataclass(frozen=True)
class Lattice:
    """Points of rest at the pitch of the voxels, one of them in the centre of the object."""

    pitch: float
    """[m]."""
    length: float
    """[m]: the diameter of the disc."""
    height: float
    """[m]."""

    @property
    def around(self) -> int:
        """Points from the centre to the rim."""
        return int(self.length / 2 / self.pitch + 1e-6)

    @property
    def above(self) -> int:
        """Points from the centre to the top, and to the bottom."""
        return int(self.height / 2 / self.pitch + 1e-6)

    @cached_property
    def disc(self) -> NDArray[np.int64]:
        """Steps [n, 2] along x and y of the points of one layer."""
        steps = np.arange(-self.around, self.around + 1)
        pairs = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        return pairs[(pairs**2).sum(axis=1) <= self.around**2]

    @property
    def layers(self) -> int:
        return 2 * self.above + 1

    @property
    def points(self) -> int:
        """K."""
        return len(self.disc) * self.layers

    @cached_property
    def rest(self) -> NDArray[np.float32]:
        """[K, 3] metres from the centre; the points of a column follow each other from the bottom up."""
        heights = np.arange(-self.above, self.above + 1)
        steps = np.empty((len(self.disc), self.layers, 3))
        steps[..., :2], steps[..., 2] = self.disc[:, None], heights
        return (steps.reshape(-1, 3) * self.pitch).astype(np.float32)

    @cached_property
    def _column(self) -> NDArray[np.int64]:
        """Row of ``disc`` by step along x and y, -1 outside; the last row and column are outside."""
        side = 2 * self.around + 2
        table = np.full((side, side), -1, np.int64)
        table[tuple((self.disc + self.around).T)] = np.arange(len(self.disc))
        return table

    def at(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """The point [n] so many ``steps`` [n, 3] from the centre; -1 beyond the rim."""
        flat = np.clip(steps[:, :2] + self.around, -1, 2 * self.around + 1)
        column = self._column[flat[:, 0], flat[:, 1]]
        within = (column >= 0) & (np.abs(steps[:, 2]) <= self.above)
        return np.where(within, column * self.layers + steps[:, 2] + self.above, -1)


def nearest_points(voxels: NDArray[np.int64], lattice: Lattice) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The point at rest nearest to each of an object's ``voxels`` [n, 3] (indices), seen from their mean: int64 [n], -1
    beyond the rim; and the way [3] from point to voxel in metres, the same for all.

    No two voxels have the same point: they are as far apart as the points, and are moved by the same way.
    """
    centre = voxels.mean(axis=0)
    middle = np.floor(centre + 0.5).astype(np.int64)
    return lattice.at(voxels - middle), (middle - centre) * lattice.pitch
