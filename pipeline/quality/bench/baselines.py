"""What a reader of the paper writes first (OccFiner, section III-C, equations 7 to 12), in plain NumPy.

Both take the labels [n, X, Y, Z] of the source frames, uint8 and each a class; their weights, integers [X, Y, Z] or
[n, X, Y, Z]; target_from_source, float64 [n, 4, 4]; the grid's origin [3] and voxel_size [m], and the number of
classes. Both return the class with the most votes in each voxel of the target, uint8 [X, Y, Z]; ties, and voxels
without a vote, go to the lowest id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def paper_faithful(
    labels: NDArray[np.uint8],
    weights: NDArray[Any],
    target_from_source: NDArray[np.float64],
    origin: NDArray[np.float64],
    voxel_size: float,
    classes: int,
) -> NDArray[np.uint8]:
    """Step by step as the equations stand there, in double precision."""
    shape = labels.shape[1:]
    votes = np.zeros((*shape, classes), np.float32)
    # Devoxelise: the centres of the voxels, homogeneous, [voxels, 4].
    points = np.ones((labels[0].size, 4))
    points[:, :3] = (np.indices(shape).reshape(3, -1).T + 0.5) * voxel_size + origin
    for volume, weight, transform in zip(
        labels, np.broadcast_to(weights, labels.shape), target_from_source, strict=True
    ):
        moved = (points @ transform.T)[:, :3]
        cells = np.floor((moved - origin) / voxel_size).astype(np.int64)  # voxelise
        inside = np.logical_and(cells >= 0, cells < shape).all(axis=1)
        x, y, z = cells[inside].T
        # Not votes[...] += : where two voxels fall into one cell, that keeps only one of them.
        np.add.at(votes, (x, y, z, volume.ravel()[inside]), weight.ravel()[inside].astype(np.float32))
    return votes.argmax(axis=-1).astype(np.uint8)


def numpy_tuned(
    labels: NDArray[np.uint8],
    weights: NDArray[Any],
    target_from_source: NDArray[np.float64],
    origin: NDArray[np.float64],
    voxel_size: float,
    classes: int,
) -> NDArray[np.uint8]:
    """The same with one grid of centres for all frames, geometry in single precision, and flat indices."""
    shape = labels.shape[1:]
    votes = np.zeros(labels[0].size * classes, np.float32)
    steps = np.indices(shape, np.float32).reshape(3, -1)
    centres = ((steps + np.float32(0.5)) * np.float32(voxel_size) + origin[:, None]).astype(np.float32)
    per_metre, corner = np.float32(1.0 / voxel_size), origin.astype(np.float32)
    for volume, weight, transform in zip(
        labels, np.broadcast_to(weights, labels.shape), target_from_source, strict=True
    ):
        move = transform.astype(np.float32)
        place = move[:3, :3] @ centres
        place += (move[:3, 3] - corner)[:, None]
        place *= per_metre
        x, y, z = np.floor(place, out=place).astype(np.int32)
        inside = (x >= 0) & (x < shape[0]) & (y >= 0) & (y < shape[1]) & (z >= 0) & (z < shape[2])
        cell = (x[inside] * shape[1] + y[inside]) * shape[2] + z[inside]
        np.add.at(
            votes, cell.astype(np.int64) * classes + volume.ravel()[inside], weight.ravel()[inside].astype(np.float32)
        )
    return votes.reshape(*shape, classes).argmax(axis=-1).astype(np.uint8)
