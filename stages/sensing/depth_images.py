"""Images of depth: the surfaces that they show, and the voxels through which they were seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.grid import Grid

_ONE = 0.05
"""Share of inverse depth by which neighbours on one surface may be off what the two of them, or a third, lead to
expect."""
_MOST = 64
"""Points between two elements at most: the far end of a road is not made up."""
SURE = 16
"""As what an image counts whose depth is off by far less than a voxel."""
MOST_IMAGES = (2**16 - 1) // SURE
"""Of a tally, which has 16 bits for each voxel."""
_DEEP = 4.0
"""[m] behind its surface that a thing may reach."""
_NEAREST = 0.3
"""[m] before the camera, within which nothing is seen."""


@dataclass(frozen=True, slots=True)
class DepthImage:
    """What one camera saw."""

    depth: NDArray[np.float32]
    """[v, u] metres along the optical axis; NaN unknown."""
    off: NDArray[np.float32] | None
    """[v, u] standard deviation as a share of depth, where somebody says."""
    intrinsics: Matrix
    """K in pixels; elements are every ``DEPTH.stride``-th."""
    ego_from_camera: Matrix

    @property
    def pinhole(self) -> NDArray[np.float64]:
        """fx, fy, cx, cy in elements."""
        k = self.intrinsics
        return np.array([k[0, 0], k[1, 1], k[0, 2], k[1, 2]]) / DEPTH.stride

    def surface(self, spacing: float, classes: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Points [n, 3] in the ego frame on what the image shows, and the element [n] that each is nearest to, counted
        through the image. (Dr.Occ, section 3.4.1, equations 1 and 2.)

        Four neighbours of one of ``classes`` [v, u] that lie on one surface are joined: points ``spacing`` metres apart
        lie between them, so that a road whose rows are metres apart has no holes. Inverse depth is linear in the image
        of a plane; neighbours lie on one where they differ by 5% of it at most, or the next beyond them leads there.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.where(self.depth > _NEAREST, 1 / self.depth, 0).astype(np.float32)
        number = _surface(near, classes, self.pinhole, spacing, np.empty((0, 3), np.float32), np.empty(0, np.int64))
        points, elements = np.empty((number, 3), np.float32), np.empty(number, np.int64)
        _surface(near, classes, self.pinhole, spacing, points, elements)
        place = self.ego_from_camera.astype(np.float32)
        return points @ place[:3, :3].T + place[:3, 3], elements

    def sureness(self, size: float) -> NDArray[np.uint8]:
        """How much each element [v, u] counts, 1..``SURE``: its one surface is shared among the voxels of ``size``
        metres in which it may be."""
        if self.off is None:
            return np.full(self.depth.shape, SURE, np.uint8)
        share = size / (size + np.nan_to_num(self.off * self.depth, nan=1e3))
        return np.maximum(np.rint(SURE * share), 1).astype(np.uint8)

    def clear(self, grid: Grid) -> NDArray[np.float32]:
        """Depth [v, u] up to which nothing can be between the element and its neighbours to the right and below: the
        least of the four, less its deviation and half the diagonal of a voxel; 0 where all are unknown."""
        sure = self.depth if self.off is None else self.depth * (1 - np.nan_to_num(self.off, nan=1.0))
        padded = np.pad(np.where(np.isfinite(sure), sure, np.inf), ((0, 1), (0, 1)), mode="edge")
        least = np.minimum.reduce([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]])
        return np.where(np.isfinite(least), least - grid.voxel_size * np.sqrt(0.75), 0).astype(np.float32)


class Tally:
    """How many images, ``MOST_IMAGES`` at most, hit each voxel of a grid and how many saw through it, each worth
    ``SURE``; one that hits it does not see through."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.hits = np.zeros(grid.shape, np.uint16)
        self.passed = np.zeros(grid.shape, np.uint16)
        self._last = np.zeros(grid.shape, np.uint16)
        self._surest = np.zeros(grid.shape, np.uint8)
        self._veiled = np.zeros(grid.shape, np.bool_)
        self._images = 0

    def forget(self) -> None:
        """All images, in the memory that it has: to get new memory for every frame would cost more than to look."""
        for counted in (self.hits, self.passed, self._last, self._surest, self._veiled):
            counted.fill(0)
        self._images = 0

    def add(
        self,
        image: DepthImage,
        points: NDArray[np.float32],
        sure: NDArray[np.uint8],
        grid_from_ego: Matrix,
        veils: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Counts an image whose ``surface`` is ``points`` [n, 3] in its ego frame, each as ``sure`` [n] as it is; a
        voxel that holds several is hit by the surest. Returns the voxel of each point, counted through the grid in C
        order; -1 outside of it.

        What lies up to 4 m behind elements that ``veils`` [v, u] picks may belong to what they show, and is not seen
        through by images that are added later."""
        self._images += 1
        cells = np.empty(len(points), np.int64)
        to_voxels = np.concatenate([grid_from_ego[:3, :3], grid_from_ego[:3, 3:] - np.array([self._grid.origin]).T], 1)
        hits = self.hits, self._last, self._surest
        _hit(points, sure, to_voxels / self._grid.voxel_size, *hits, self._images, cells)
        camera_from_grid = inverse(grid_from_ego @ image.ego_from_camera)
        axes = camera_from_grid[:3, :3] * self._grid.voxel_size
        first = camera_from_grid[:3, :3] @ (np.array(self._grid.origin) + self._grid.voxel_size / 2)
        first += camera_from_grid[:3, 3]
        veil = np.zeros_like(image.depth) if veils is None else np.where(veils, image.depth + _DEEP, 0)
        sight = image.clear(self._grid), np.nan_to_num(veil).astype(np.float32)
        _see_through(*sight, image.pinhole, axes, first, self.passed, self._last, self._veiled, self._images)
        return cells


@numba.njit(cache=True, nogil=True)
def _joined(near, classes, v, u, down, right):  # type: ignore[no-untyped-def]
    """Whether an element and the next one in a direction lie on one surface."""
    w, t = v + down, u + right
    if w >= near.shape[0] or t >= near.shape[1] or classes[v, u] != classes[w, t]:
        return False
    one, other = near[v, u], near[w, t]
    if one <= 0 or other <= 0:
        return False
    allowed = np.float32(_ONE) * min(one, other)
    if abs(one - other) <= allowed:
        return True
    if v - down >= 0 and u - right >= 0:
        before = near[v - down, u - right]
        if before > 0 and abs(2 * one - before - other) <= allowed:
            return True
    if w + down < near.shape[0] and t + right < near.shape[1]:
        after = near[w + down, t + right]
        if after > 0 and abs(2 * other - after - one) <= allowed:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _steps(near, pinhole, v, u, down, right, spacing):  # type: ignore[no-untyped-def]
    """Into how many parts of ``spacing`` metres the way from an element to the next is cut."""
    a, b = 1 / near[v, u], 1 / near[v + down, u + right]
    x = (u + right - pinhole[2]) / pinhole[0] * b - (u - pinhole[2]) / pinhole[0] * a
    y = (v + down - pinhole[3]) / pinhole[1] * b - (v - pinhole[3]) / pinhole[1] * a
    return min(max(int(np.ceil(np.sqrt(x * x + y * y + (b - a) * (b - a)) / spacing)), 1), _MOST)


@numba.njit(cache=True, nogil=True)
def _surface(near, classes, pinhole, spacing, points, elements):  # type: ignore[no-untyped-def]
    """Fills ``points`` and ``elements`` where they have room; returns how many there are."""
    height, width = near.shape
    n = 0
    for v in range(height):
        for u in range(width):
            if near[v, u] <= 0:
                continue
            across, along = 1, 1
            whole = (
                _joined(near, classes, v, u, 0, 1)
                and _joined(near, classes, v, u, 1, 0)
                and _joined(near, classes, v, u + 1, 1, 0)
                and _joined(near, classes, v + 1, u, 0, 1)
            )
            if whole:
                across = max(_steps(near, pinhole, v, u, 0, 1, spacing), _steps(near, pinhole, v + 1, u, 0, 1, spacing))
                along = max(_steps(near, pinhole, v, u, 1, 0, spacing), _steps(near, pinhole, v, u + 1, 1, 0, spacing))
            if len(points) == 0:
                n += across * along
                continue
            for i in range(along):
                t = i / along
                for k in range(across):
                    s = k / across
                    value = near[v, u]
                    if whole:
                        upper = near[v, u] * (1 - s) + near[v, u + 1] * s
                        value = upper * (1 - t) + (near[v + 1, u] * (1 - s) + near[v + 1, u + 1] * s) * t
                    points[n, 0] = (u + s - pinhole[2]) / pinhole[0] / value
                    points[n, 1] = (v + t - pinhole[3]) / pinhole[1] / value
                    points[n, 2] = 1 / value
                    elements[n] = (v + (t >= 0.5)) * width + u + (s >= 0.5)
                    n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _hit(points, sure, to_voxels, hits, last, surest, image, cells):  # type: ignore[no-untyped-def]
    """``to_voxels`` [3, 4] takes points to places in the grid, counted in voxels."""
    size_x, size_y, size_z = hits.shape
    for n in range(len(points)):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        x = int(np.floor(to_voxels[0, 0] * px + to_voxels[0, 1] * py + to_voxels[0, 2] * pz + to_voxels[0, 3]))
        y = int(np.floor(to_voxels[1, 0] * px + to_voxels[1, 1] * py + to_voxels[1, 2] * pz + to_voxels[1, 3]))
        z = int(np.floor(to_voxels[2, 0] * px + to_voxels[2, 1] * py + to_voxels[2, 2] * pz + to_voxels[2, 3]))
        cells[n] = -1
        if 0 <= x < size_x and 0 <= y < size_y and 0 <= z < size_z:
            cells[n] = (x * size_y + y) * size_z + z
            if last[x, y, z] != image:
                last[x, y, z] = image
                surest[x, y, z] = 0
            if sure[n] > surest[x, y, z]:
                hits[x, y, z] += sure[n] - surest[x, y, z]
                surest[x, y, z] = sure[n]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _see_through(clear, veil, pinhole, axes, first, passed, last, veiled, image):  # type: ignore[no-untyped-def]
    """Counts the voxels whose centre ``first + axes @ index`` [m], in the camera frame, lies before what is seen, and
    marks those that lie behind it and before its ``veil``."""
    height, width = clear.shape
    furthest = np.zeros(width, np.float32)
    for i in range(height):
        for j in range(width):
            furthest[j] = max(furthest[j], clear[i, j], veil[i, j])
    # One element more stands for all that lies outside of the image or behind it, where nothing is seen.
    clear_at = np.full(height * width + 1, -np.inf, np.float32)
    veil_at = clear_at.copy()
    clear_at[:-1], veil_at[:-1] = clear.ravel(), veil.ravel()
    size_x, size_y, size_z = passed.shape
    steps = np.arange(size_z).astype(np.float32)
    depths, at = np.empty(size_z, np.float32), np.empty(size_z, np.int32)
    for x in range(size_x):
        for y in range(size_y):
            px = first[0] + axes[0, 0] * x + axes[0, 1] * y
            py = first[1] + axes[1, 0] * x + axes[1, 1] * y
            pz = first[2] + axes[2, 0] * x + axes[2, 1] * y
            if _nothing_seen(px, pz, px + axes[0, 2] * (size_z - 1), pz + axes[2, 2] * (size_z - 1), pinhole, furthest):
                continue
            _project(np.float32(px), np.float32(py), np.float32(pz), axes, pinhole, (height, width), steps, depths, at)
            through, hit, behind = passed[x, y], last[x, y], veiled[x, y]
            for z in range(size_z):
                if depths[z] < clear_at[at[z]]:
                    if hit[z] != image and not behind[z]:
                        through[z] += SURE
                elif depths[z] < veil_at[at[z]]:
                    behind[z] = True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _nothing_seen(low_x, low_z, high_x, high_z, pinhole, furthest):  # type: ignore[no-untyped-def]
    """Whether no voxel of a column from ``low`` to ``high`` [m], in the camera frame, can be seen through: it lies
    behind the camera, beside the image, or behind all that is seen in those columns of the image, ``furthest``."""
    if low_z < _NEAREST and high_z < _NEAREST:
        return True
    if low_z < _NEAREST or high_z < _NEAREST:
        return False
    one, other = pinhole[0] * low_x / low_z + pinhole[2], pinhole[0] * high_x / high_z + pinhole[2]
    left, right = min(one, other), max(one, other)
    if right < 0 or left >= len(furthest):
        return True
    ends = np.float32(0)
    for n in range(max(int(left) - 1, 0), min(int(right) + 2, len(furthest))):
        ends = max(ends, furthest[n])
    return min(low_z, high_z) * (1 - 1e-5) > ends


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _project(px, py, pz, axes, pinhole, shape, steps, depths, at):  # type: ignore[no-untyped-def]
    """Of the voxels ``steps`` above (px, py, pz) [m] their ``depths``, and the element ``at`` which each is seen,
    counted through an image of ``shape``; one after the last for those outside of it. It has no branch and no double
    precision, so that it runs on vectors."""
    fx, fy, cx, cy = np.float32(pinhole[0]), np.float32(pinhole[1]), np.float32(pinhole[2]), np.float32(pinhole[3])
    dx, dy, dz = np.float32(axes[0, 2]), np.float32(axes[1, 2]), np.float32(axes[2, 2])
    height, width, none, nearest = np.float32(shape[0]), np.float32(shape[1]), np.float32(0), np.float32(_NEAREST)
    for z in range(len(steps)):
        depth = pz + dz * steps[z]
        per = np.float32(1) / depth
        u, v = fx * (px + dx * steps[z]) * per + cx, fy * (py + dy * steps[z]) * per + cy
        inside = (depth >= nearest) & (u >= none) & (v >= none) & (u < width) & (v < height)
        depths[z] = depth
        at[z] = np.int32(np.floor(v) * width + np.floor(u) if inside else height * width)


def on(
    depth: NDArray[np.floating[Any]],
    off: NDArray[np.floating[Any]] | None,
    intrinsics: Matrix | None,
    ego_from_camera: Matrix | None,
) -> DepthImage | None:
    """An image of which the arrays hold ``depth`` and perhaps ``off`` [v, u]; None for a camera without calibration or
    an image of which nothing is known."""
    if intrinsics is None or ego_from_camera is None or not np.isfinite(depth).any():
        return None
    return DepthImage(
        depth.astype(np.float32), None if off is None else off.astype(np.float32), intrinsics, ego_from_camera
    )
