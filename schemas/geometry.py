"""Rigid transforms and pinhole projection.

Transforms are float64 [4, 4] and named ``target_from_source``: ``p_target = target_from_source @ p_source``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog

Matrix = NDArray[np.float64]

FURTHEST = 1e8
"""[m]: more than twice round the Earth, where nothing is."""
_SKEW = 1e-3
"""By how much a rotation may be off an orthonormal matrix."""
_SAME_FORM = 0.01
"""By how much the ratio of width to height may differ between two sizes of one picture."""


def rigid(matrix: object, what: str) -> Matrix:
    """``matrix`` as a float64 [4, 4] rigid transform; [3, 4] is completed with the last row.

    ``what`` names the transform in the error, e.g. ``"log 00, frame 000003: pose"``.
    Raises BadLog when it holds NaN, is of another shape, or its rotation is not orthonormal to 1e-3.
    """
    result = np.asarray(matrix, dtype=np.float64)
    if result.shape == (3, 4):
        result = np.vstack([result, [0.0, 0.0, 0.0, 1.0]])
    if result.shape != (4, 4):
        raise BadLog(f"{what} has shape {result.shape}, expected [4, 4] or [3, 4]")
    if not np.isfinite(result).all():
        raise BadLog(f"{what} holds NaN or infinity; repair or remove this frame")
    rotation = result[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _SKEW or np.linalg.det(rotation) < 0:
        raise BadLog(f"{what} is not a rigid transform (its rotation is not orthonormal); check the calibration")
    if np.abs(result[3] - [0.0, 0.0, 0.0, 1.0]).max() > 1e-9:
        raise BadLog(f"{what} has the last row {result[3].tolist()}, expected 0 0 0 1")
    return result


def are_rigid(matrices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of [n, 4, 4] are rigid as ``rigid`` has it, and lie somewhere on Earth."""
    rotation = matrices[:, :3, :3]
    with np.errstate(invalid="ignore", over="ignore"):
        skew = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0)
        good = np.isfinite(matrices).all(axis=(1, 2)) & (skew < _SKEW) & (np.linalg.det(rotation) > 0)
        good &= (np.abs(matrices[:, :3, 3]) < FURTHEST).all(axis=1)
        return np.asarray(good & (np.abs(matrices[:, 3] - [0.0, 0.0, 0.0, 1.0]) < 1e-9).all(axis=1))


def inverse(transform: Matrix) -> Matrix:
    """The inverse of a rigid transform, ``source_from_target`` of ``target_from_source``."""
    result = np.eye(4)
    result[:3, :3] = transform[:3, :3].T
    result[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return result


def transform_points(target_from_source: Matrix, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """``points`` [n, 3] metres in the source frame, moved into the target frame."""
    return np.asarray(points[:, :3] @ target_from_source[:3, :3].T + target_from_source[:3, 3], dtype=np.float64)


def yaw_rotation(yaw: float) -> Matrix:
    """Rotation by ``yaw`` radians about z (counter-clockwise seen from above) as [4, 4]."""
    c, s = np.cos(yaw), np.sin(yaw)
    result = np.eye(4)
    result[:2, :2] = [[c, -s], [s, c]]
    return result


def rotation_from_quaternion(wxyz: object) -> NDArray[np.float64]:
    """Rotation [3, 3] of a quaternion (w, x, y, z); it need not be normalised."""
    w, x, y, z = np.asarray(wxyz, dtype=np.float64) / np.linalg.norm(np.asarray(wxyz, dtype=np.float64))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def project(points: NDArray[np.floating[Any]], intrinsics: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pinhole projection of ``points`` [n, 3] in the camera frame (x right, y down, z forward).

    Returns pixels [n, 2] (u, v) and depth [n] in metres; a pixel is only meaningful where depth > 0.
    """
    depth = points[:, 2].astype(np.float64)
    safe = np.where(depth > 1e-6, depth, 1.0)
    pixels = points[:, :3] @ intrinsics[:3, :3].T
    return pixels[:, :2] / safe[:, None], depth


def of_same_form(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether images of two sizes (width, height) may be of one picture that was scaled."""
    return abs(other[0] * one[1] / (other[1] * one[0]) - 1) <= _SAME_FORM


def rescaled(intrinsics: Matrix, of: tuple[int, int], size: tuple[int, int]) -> Matrix:
    """K [3, 3] for images of ``size`` (width, height), from that for images of the size ``of``. The middle of the first
    pixel is at 0, so that u + 1/2 scales."""
    grown = np.array(size) / np.array(of)
    result = intrinsics.copy()
    result[:2] *= grown[:, None]
    result[:2, 2] = (intrinsics[:2, 2] + 0.5) * grown - 0.5
    return result
