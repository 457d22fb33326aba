"""The voxel grid: where a label volume lies and how fine it is."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.words import meant

_SAMPLES = 32  # along x and y: overlap in steps of a thousandth
_FARTHEST = 1000.0
_MOST_VOXELS = 100_000_000


class Grid(BaseModel):
    """An axis-aligned grid of cubic voxels, fixed to the car.

    Arrays over it are indexed [x, y, z], C order, x forward, y left, z up. Voxel (i, j, k) covers
    ``origin + (i, j, k) * voxel_size`` up to the next voxel; its point is its centre.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    origin: tuple[float, float, float]
    """Lower corner [m] in ``frame``."""
    voxel_size: float
    """Edge of a voxel [m]."""
    shape: tuple[int, int, int]
    """Voxels along x, y and z."""
    frame: Literal["lidar", "ego"]
    """The sensor frame that the grid is fixed to."""
    ranges: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {}
    """The boxes that evaluation scores, ``{name: ((x0, x1), (y0, y1))}`` in voxels; no label depends on them."""

    @model_validator(mode="after")
    def _check(self) -> Grid:
        if not np.isfinite([*self.origin, self.voxel_size]).all():
            raise ValueError(
                f"a grid needs numbers that are finite; origin is {list(self.origin)}, voxel_size {self.voxel_size}"
            )
        if not self.voxel_size > 0 or min(self.shape) < 1:
            raise ValueError(
                "a grid needs a positive voxel_size and a shape of at least 1 voxel along each axis; voxel_size is "
                f"{self.voxel_size}, shape {list(self.shape)}"
            )
        for name, box in self.ranges.items():
            if not all(0 <= low < high for low, high in box):
                raise ValueError(f"ranges.{name}: expected [[x0, x1], [y0, y1]] in voxels, each first below the second")
        return self

    def refuse(self) -> str | None:
        """Why no labels are made over this grid, None where they can be: it must lie around the car."""
        if math.prod(self.shape) > _MOST_VOXELS:
            return (
                f"shape {list(self.shape)} is {math.prod(self.shape):,} voxels, and a frame may have "
                f"{_MOST_VOXELS:,}; take fewer or larger ones"
            )
        farthest = max(map(abs, (*self.origin, *self.upper)))
        if farthest > _FARTHEST:
            return (
                f"the grid reaches {farthest:g} m from the car (origin {list(self.origin)}, {list(self.shape)} voxels "
                f"of {self.voxel_size} m); origin is its lower corner in metres in the frame of the sensor, and it "
                f"must lie within {_FARTHEST:g} m"
            )
        return None

    @cached_property
    def voxels(self) -> int:
        return int(np.prod(self.shape))

    @cached_property
    def upper(self) -> tuple[float, float, float]:
        """Upper corner [m]."""
        x, y, z = (o + n * self.voxel_size for o, n in zip(self.origin, self.shape, strict=True))
        return (x, y, z)

    def box(self, origin: tuple[float, float, float], shape: tuple[int, int, int]) -> Grid:
        """Another box of such voxels, fixed to the same frame, without ranges."""
        # Not model_copy: it would take along what this grid has cached.
        return Grid(origin=origin, voxel_size=self.voxel_size, shape=shape, frame=self.frame)

    def centres(self) -> NDArray[np.float64]:
        """Voxel centres [X, Y, Z, 3] in metres, in ``frame``."""
        index = np.moveaxis(np.indices(self.shape), 0, -1)
        centres: NDArray[np.float64] = (index + 0.5) * self.voxel_size + np.array(self.origin)
        return centres

    def cells(self, points: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Voxel indices [n, 3] of ``points`` [n, 3] (metres, in ``frame``), and which lie inside the grid."""
        cells = np.floor((points[:, :3] - np.array(self.origin)) / self.voxel_size).astype(np.int64)
        inside = ((cells >= 0) & (cells < np.array(self.shape))).all(axis=1)
        return cells, inside


def _semantickitti() -> Grid:
    # Ranges as NVlabs/VoxFormer crops them: x from the car, y centred, all heights.
    return Grid(
        origin=(0.0, -25.6, -2.0),
        voxel_size=0.2,
        shape=(256, 256, 32),
        frame="lidar",
        ranges={"12.8": ((0, 64), (96, 160)), "25.6": ((0, 128), (64, 192)), "51.2": ((0, 256), (0, 256))},
    )


def _occ3d() -> Grid:
    return Grid(
        origin=(-40.0, -40.0, -1.0),
        voxel_size=0.4,
        shape=(200, 200, 16),
        frame="ego",
        ranges={"full": ((0, 200), (0, 200))},
    )


GRIDS = {"semantickitti": _semantickitti(), "occ3d": _occ3d()}


def grid_preset(name: str) -> Grid:
    """The preset ``name``. Raises BadRecipe with the known names."""
    if not isinstance(name, str) or name not in GRIDS:
        raise BadRecipe(
            f"unknown grid preset {name!r}{meant(str(name), GRIDS)}; known: {', '.join(GRIDS)}, or give origin, "
            "voxel_size, shape and frame"
        )
    return GRIDS[name]


def overlap(target_from_source: Matrix, grid: Grid) -> float:
    """Share of the target grid, seen from above, that the source grid covers."""
    lower, upper = np.array(grid.origin[:2]), np.array(grid.upper[:2])
    steps = (np.indices((_SAMPLES, _SAMPLES)).reshape(2, -1).T + 0.5) / _SAMPLES
    points = np.zeros((len(steps), 3))
    points[:, :2] = lower + steps * (upper - lower)
    seen = transform_points(inverse(target_from_source), points)[:, :2]
    return float(((seen >= lower) & (seen < upper)).all(axis=1).mean())
