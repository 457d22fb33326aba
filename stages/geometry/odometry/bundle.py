"""Bundle adjustment: cameras and points that fit best what images see (Triggs et al. 2000). A point lies on the ray of
the camera that saw it first, its anchor, at an inverse depth (Montiel et al. 2006): what is far away is at 0, and tells
rotations without harm to anything else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

_SOFT = 1.0
"""Pixels beyond which what is off counts less and less (Cauchy's weights): things move by themselves."""
_DAMPED = (1e-4, 1e6)
_DONE = 1e-5
"""Share of the cost below which a step is the last."""

Array = NDArray[np.float64]


@dataclass
class Bundle:
    """``seen`` [image, point, 2] are rays, NaN where there is none; ``turn`` [image, 3, 3] and ``way`` [image, 3] are
    camera_from_world, of images in ``placed`` [image]; ``anchor`` [point] is the image on whose ray a point lies at
    ``inverse`` [point] depth, -1 of one that is not known. ``focal`` in pixels."""

    seen: Array
    focal: float
    turn: Array
    way: Array
    placed: NDArray[np.bool_]
    anchor: NDArray[np.int64]
    inverse: Array

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Images and points [m] of which one sees the other, both known, anchors with their own points left out."""
        there = ~np.isnan(self.seen[..., 0]) & self.placed[:, None] & (self.anchor >= 0)
        known = np.flatnonzero(self.anchor >= 0)
        there[self.anchor[known], known] = False
        image, point = np.nonzero(there)
        return image, point

    def points(self, point: NDArray[np.int64]) -> Array:
        """Where points lie in the world, times their inverse depth [m, 3]."""
        anchor, inverse = self.anchor[point], self.inverse[point, None]
        return _apply(self.turn[anchor].transpose(0, 2, 1), self._rays(point) - inverse * self.way[anchor])

    def off(self, image: NDArray[np.int64], point: NDArray[np.int64]) -> Array:
        """Pixels [m, 2] by which points are off where images see them; infinite behind the camera."""
        placed = _apply(self.turn[image], self.points(point)) + self.inverse[point, None] * self.way[image]
        before = placed[:, 2] > 1e-6
        shown = placed[:, :2] / np.where(before, placed[:, 2], 1.0)[:, None]
        return np.where(before[:, None], (shown - self.seen[image, point]) * self.focal, np.inf)

    def adjust(self, rounds: int, fixed: int) -> None:
        """Levenberg and Marquardt's steps for all cameras but ``fixed``, and all points."""
        image, point = self.pairs()
        free = np.flatnonzero(self.placed & (np.arange(len(self.placed)) != fixed))
        damp, cost = _DAMPED[0], self._cost(image, point)
        for _ in range(rounds):
            before = self.turn.copy(), self.way.copy(), self.inverse.copy()
            self._step(image, point, free, damp)
            now = self._cost(image, point)
            if now > cost:
                self.turn, self.way, self.inverse = before
                damp *= 10
                if damp > _DAMPED[1]:
                    return
            else:
                damp, gain, cost = max(damp / 10, 1e-8), (cost - now) / max(cost, 1e-12), now
                if gain < _DONE:
                    return

    def place(self, image: int, rounds: int = 10) -> NDArray[np.bool_]:
        """Turns and moves one camera alone to where it sees the points that are known; says which of these [m] it then
        sees within three pixels."""
        points = np.flatnonzero((self.anchor >= 0) & ~np.isnan(self.seen[image, :, 0]) & (self.anchor != image))
        images = np.full(len(points), image)
        for _ in range(rounds):
            off, slope, _, _ = self._slopes(images, points)
            weight = np.repeat(_weight(off), 2)
            slope = slope.reshape(-1, 6)
            normal = (slope * weight[:, None]).T @ slope
            normal += np.diag(1e-6 * np.diag(normal) + 1e-9)
            self._moved(np.array([image]), np.linalg.solve(normal, -(slope * weight[:, None]).T @ off.ravel())[None])
        return np.asarray(np.linalg.norm(self.off(images, points), axis=1) < 3 * _SOFT)

    def _cost(self, image: NDArray[np.int64], point: NDArray[np.int64]) -> float:
        square = (self.off(image, point) ** 2).sum(axis=1)
        return float(np.log1p(np.minimum(square, 1e6) / _SOFT**2).sum())

    def _step(self, image: NDArray[np.int64], point: NDArray[np.int64], free: NDArray[np.int64], damp: float) -> None:
        """Solves for the cameras by what is left when points are eliminated (Schur), then for the points."""
        off, by_camera, by_anchor, by_point = self._slopes(image, point)
        root = np.sqrt(_weight(off))[:, None]
        column = np.full(len(self.placed), -1)
        column[free] = np.arange(len(free))
        cameras = _sparse(
            [(by_camera * root[..., None], column[image]), (by_anchor * root[..., None], column[self.anchor[point]])],
            6 * len(free),
        )
        along = (by_point * root).ravel()
        rows = np.arange(len(along))
        points = csr_matrix((along, (rows, np.repeat(point, 2))), (len(along), len(self.inverse)))
        off = (off * root).ravel()
        own = np.asarray(np.bincount(np.repeat(point, 2), along**2, len(self.inverse)), np.float64)
        own = own * (1 + damp) + 1e-9
        both = (cameras.T @ points).toarray()
        right, right_points = -cameras.T @ off, -points.T @ off
        normal = (cameras.T @ cameras).toarray()
        normal[np.diag_indices_from(normal)] *= 1 + damp
        normal[np.diag_indices_from(normal)] += 1e-9
        left = normal - (both / own) @ both.T
        moved = np.linalg.solve(left, right - both @ (right_points / own))
        self._moved(free, moved.reshape(-1, 6))
        self.inverse = self.inverse + (right_points - both.T @ moved) / own

    def _moved(self, images: NDArray[np.int64], steps: Array) -> None:
        turn = Rotation.from_rotvec(steps[:, :3]).as_matrix()
        self.turn[images] = turn @ self.turn[images]
        self.way[images] = _apply(turn, self.way[images]) + steps[:, 3:]

    def _slopes(self, image: NDArray[np.int64], point: NDArray[np.int64]) -> tuple[Array, Array, Array, Array]:
        """What is off [m, 2], and how it changes with the camera and the anchor [m, 2, 6] (rotation, then way, from the
        left) and with inverse depth [m, 2]."""
        anchor, inverse = self.anchor[point], self.inverse[point]
        between = self.turn[image] @ self.turn[anchor].transpose(0, 2, 1)
        way = self.way[image] - _apply(between, self.way[anchor])
        rays = self._rays(point)
        placed = _apply(between, rays) + inverse[:, None] * way
        z = np.maximum(placed[:, 2], 1e-6)
        shown = placed[:, :2] / z[:, None]
        off = (shown - self.seen[image, point]) * self.focal
        project = np.zeros((len(z), 2, 3))
        project[:, 0, 0] = project[:, 1, 1] = self.focal / z
        project[:, :, 2] = -shown * (self.focal / z)[:, None]
        project[placed[:, 2] <= 1e-6] = 0
        off[placed[:, 2] <= 1e-6] = 100.0
        scaled = inverse[:, None, None] * np.eye(3)
        by_camera = project @ np.concatenate([-_crossing(placed), scaled], axis=2)
        by_anchor = project @ between @ np.concatenate([_crossing(rays), -scaled], axis=2)
        return off, by_camera, by_anchor, _apply(project, way)

    def _rays(self, point: NDArray[np.int64]) -> Array:
        return np.column_stack([self.seen[self.anchor[point], point], np.ones(len(point))])


def _weight(off: Array) -> Array:
    return np.asarray(1 / (1 + (off**2).sum(axis=1) / _SOFT**2), np.float64)


def _apply(matrices: Array, vectors: Array) -> Array:
    return np.einsum("nij,nj->ni", matrices, vectors)


def _crossing(vectors: Array) -> Array:
    result = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    result[:, 0, 1], result[:, 0, 2], result[:, 1, 2] = -z, y, -x
    return result - result.transpose(0, 2, 1)


def _sparse(parts: list[tuple[Array, NDArray[np.int64]]], width: int) -> csr_matrix:
    """Rows of what is off, columns of cameras: each part [m, 2, 6] belongs to the camera in its column, -1 for none."""
    total: csr_matrix | None = None
    for values, column in parts:
        there = np.flatnonzero(column >= 0)
        rows = np.broadcast_to((2 * there[:, None] + [0, 1])[..., None], (len(there), 2, 6))
        columns = np.broadcast_to((6 * column[there, None] + np.arange(6))[:, None], (len(there), 2, 6))
        one = csr_matrix((values[there].ravel(), (rows.ravel(), columns.ravel())), (2 * len(values), width))
        total = one if total is None else total + one
    assert total is not None
    return total
