"""Small random scenes, and their map by the definition, cell by cell."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.geometry import transform_points, yaw_rotation
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN, LabelClass, Taxonomy
from occlabel.stages.mapping.fuse import PlacedFrame

GRID = Grid(origin=(-0.4, -2.0, -1.2), voxel_size=0.2, shape=(21, 18, 13), frame="lidar")
SHAPE = (128, 128, 64)
"""Cells that the definition counts in; the scenes lie in them."""
FREE, TREE, CAR, WALL = 2, 0, 1, 3
STATIC = [TREE, WALL]
TAXONOMY = Taxonomy(
    name="small",
    free_id=FREE,
    classes=tuple(
        LabelClass(id=i, name=name, colour=(10 * i, 200, 30), movable=name == "car")
        for i, name in enumerate(("tree", "car", "free", "wall"))
    ),
)


def frames(seed: int, count: int = 5, reach: float = 6.0) -> list[PlacedFrame]:
    """Random labels, occupied in some corners only, at poses that turn and tilt, on both sides of the origin."""
    draw = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        labels = np.full(GRID.shape, FREE, np.uint8)
        x, y, z = (draw.integers(0, n - 6) for n in GRID.shape)
        labels[x : x + 6, y : y + 6, z : z + 6] = draw.choice([TREE, WALL, FREE], (6, 6, 6))
        labels[draw.random(GRID.shape) < 0.02] = CAR
        labels[draw.random(GRID.shape) < 0.2] = UNKNOWN
        pose = yaw_rotation(draw.uniform(-3, 3))
        tilt = np.eye(4)
        tilt[0, 0] = tilt[2, 2] = np.cos(0.1)
        tilt[0, 2], tilt[2, 0] = np.sin(0.1), -np.sin(0.1)
        pose = pose @ tilt
        pose[:3, 3] = draw.uniform(-reach, reach, 3) * [1, 1, 0.2]
        result.append(PlacedFrame(labels.copy, pose))
    return result


def by_definition(logs: list[list[PlacedFrame]]) -> tuple[np.ndarray, ...]:
    """Semantics, confidence, support [128, 128, 64] of the cells from (-64, -64, -32) on, by dense counting.

    Cells of blocks in which no static class has a vote have support -1.
    """
    votes = np.zeros((*SHAPE, len(TAXONOMY.classes)), np.int64)
    occupied = np.zeros(tuple(n // 8 for n in SHAPE), bool)
    of_logs = [_count(log) for log in logs]
    for own in of_logs:
        occupied |= _per_block(own[..., STATIC].sum(axis=-1)).any(axis=-1)
    for own in of_logs:
        seen_only = ~_per_block(own[..., STATIC].sum(axis=-1)).any(axis=-1)
        share = _per_block(own[..., FREE]).sum(axis=-1) // 512
        apart = np.repeat(np.repeat(np.repeat(seen_only, 8, 0), 8, 1), 8, 2)
        own[apart] = 0
        own[apart, FREE] = np.repeat(np.repeat(np.repeat(share, 8, 0), 8, 1), 8, 2)[apart]
        votes += own
    ranked = votes[..., [FREE, TREE, WALL]]  # ties go to free, then to the lowest id
    total = ranked.sum(axis=-1)
    semantics = np.where(total > 0, np.array([FREE, TREE, WALL])[ranked.argmax(axis=-1)], UNKNOWN)
    second, first = np.moveaxis(np.sort(ranked, axis=-1)[..., 1:], -1, 0)
    held = np.repeat(np.repeat(np.repeat(occupied, 8, 0), 8, 1), 8, 2)
    return semantics, (first - second) * 255 // np.maximum(total, 1), np.where(held, total, -1)


def _count(log: list[PlacedFrame]) -> np.ndarray:
    votes = np.zeros((*SHAPE, len(TAXONOMY.classes)), np.int64)
    for frame in log:
        world = transform_points(frame.world_from_grid, GRID.centres().reshape(-1, 3))
        cell = np.floor(world / GRID.voxel_size).astype(int) + np.array(SHAPE) // 2
        label = frame.labels().ravel()
        says = np.isin(label, [FREE, *STATIC])
        np.add.at(votes, (*cell[says].T, label[says]), 1)
    return votes


def _per_block(cells: np.ndarray) -> np.ndarray:
    x, y, z = (n // 8 for n in SHAPE)
    return cells.reshape(x, 8, y, 8, z, 8).transpose(0, 2, 4, 1, 3, 5).reshape(x, y, z, 512)
