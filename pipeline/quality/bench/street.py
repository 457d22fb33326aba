"""A made-up scene for the voting benchmark: a street of boxes, seen along a drive by a model that errs.

What stands in a stretch of the street depends on the seed and the stretch alone, and the noise of a frame on the seed
and how far it is from the target: a scene of a smaller radius is the middle of one of a larger radius.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench.scene import FREE, Scene
from occlabel.schemas.geometry import Matrix, inverse, yaw_rotation
from occlabel.schemas.grid import Grid, grid_preset
from occlabel.schemas.taxonomy import taxonomy_preset
from occlabel.stages.voting.methods import cell_from_voxel
from occlabel.stages.voting.weights import View, camera_weights, default_near_box

RADIUS = 25
"""Frames before and after the target, unless told otherwise: the paper's."""

_STEP = 1.0  # metres between two frames
_GROUND = -1.73  # metres: the sensor is the world's height 0
_STRETCH = 12.0  # metres of street that are furnished at a time
_MARGIN = 6.0  # metres of world around what the grids reach: the car turns and sways by less
_MISSED_NEAR, _MISSED_FAR, _CONFUSED, _GHOSTS = 0.08, 0.45, 0.05, 0.012

_TAXONOMY = taxonomy_preset("semantickitti")
_ID = {name: index for index, name in enumerate(_TAXONOMY.names)}
_GHOST_IDS = np.array([_ID["vegetation"], _ID["building"], _ID["terrain"]], np.uint8)


def street_scene(radius: int = RADIUS, grid: Grid | None = None, seed: int = 0) -> Scene:
    """A scene of 2 ``radius`` + 1 frames, 1 m apart, whose middle one is the target; SemanticKITTI's grid and classes.

    The labels miss 8% of the occupied voxels at the sensor and 45% at the grid's end, take 5% of them for another
    class, and see something in 1.2% of the empty ones. The weights are the paper's for a camera that looks ahead.
    """
    grid = grid_preset("semantickitti") if grid is None else grid
    offsets = range(-radius, radius + 1)
    poses = np.stack([_pose(offset * _STEP) for offset in offsets])
    world, corner = _street(grid, radius * _STEP, seed)
    truth = np.empty(0, np.uint8)
    labels = np.empty((len(offsets), *grid.shape), np.uint8)
    missed = _miss_rate(grid)
    for row, offset in enumerate(offsets):
        clean = _seen(world, corner, poses[row], grid)
        labels[row] = _noisy(clean, missed, np.random.default_rng((seed, 1_000_000 + offset)))
        if offset == 0:
            truth = clean
    return Scene(
        labels=labels,
        weights=camera_weights(
            grid.centres(), (_camera(),), np.eye(4), default_near_box(grid, (25.6, 25.6, 6.4))
        )[None],
        truth=truth,
        poses=poses,
        target_from_source=np.stack([inverse(poses[radius]) @ pose for pose in poses]),
        target=radius,
        origin=np.array(grid.origin),
        voxel_size=grid.voxel_size,
        classes=len(_TAXONOMY.classes),
    )  # fmt: skip


def _pose(travelled: float) -> Matrix:
    """World_from_grid after ``travelled`` metres: a car that wanders in its lane, pitches, rolls and heaves."""
    phase = travelled + 3.3  # nothing is at its middle in the target frame
    pose = yaw_rotation(0.04 * np.sin(phase / 11)) @ _pitch_and_roll(
        0.006 * np.sin(phase / 4), 0.004 * np.cos(phase / 6)
    )
    pose[:3, 3] = travelled, 0.5 * np.sin(phase / 9), 0.03 * np.sin(phase / 5)
    return pose


def _pitch_and_roll(pitch: float, roll: float) -> Matrix:
    """About y, then about x; radians."""
    cp, sp, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    return np.array([[cp, sp * sr, sp * cr, 0], [0, cr, -sr, 0], [-sp, cp * sr, cp * cr, 0], [0, 0, 0, 1.0]])


def _camera() -> View:
    """Looks ahead along x from the grid's zero, 82 degrees wide and 40 high."""
    ego_from_camera = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    half = np.tan(np.deg2rad([82, 40]) / 2)
    intrinsics = np.array([[500 / half[0], 0, 500], [0, 200 / half[1], 200], [0, 0, 1.0]])
    return View(intrinsics, ego_from_camera, (1000, 400))


def _street(grid: Grid, reach: float, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Class ids [X, Y, Z] of the world around a drive of +-``reach`` metres, and the world's lower corner [m]."""
    around = np.array([reach + _MARGIN, _MARGIN, 2.0])
    # Whole voxels from the world's zero, so that the street is cut into the same voxels whatever the reach.
    first = np.floor((np.array(grid.origin) - around) / grid.voxel_size).astype(int)
    last = np.ceil((np.array(grid.upper) + around) / grid.voxel_size).astype(int)
    lower, upper = first * grid.voxel_size, last * grid.voxel_size
    world = np.full(last - first, FREE, np.uint8)

    def box(name: str, x: float, y: float, z: float, size: tuple[float, float, float]) -> None:
        """Fills the box of ``size`` around (x, y) that stands on z, at least one voxel of it."""
        corner = np.array([x - size[0] / 2, y - size[1] / 2, z])
        low = np.floor(corner / grid.voxel_size).astype(int)
        high = np.maximum(np.ceil((corner + size) / grid.voxel_size - 1e-6).astype(int), low + 1)
        world[tuple(slice(max(a, 0), max(b, 0)) for a, b in zip(low - first, high - first, strict=True))] = _ID[name]

    length = 2 * float(np.abs([lower[0], upper[0]]).max())
    for name, width in (("terrain", 200.0), ("sidewalk", 16.0), ("road", 10.0)):
        box(name, 0.0, 0.0, _GROUND - grid.voxel_size, (length, width, grid.voxel_size))
    for stretch in range(int(lower[0] // _STRETCH), int(upper[0] // _STRETCH) + 1):
        for side in (-1, 1):
            random = np.random.default_rng((seed, 10_000 + stretch, 1 + side))
            start = stretch * _STRETCH
            x, chance = start + random.uniform(2, 10, 5), random.random(6)
            if chance[0] < 0.65:
                wide, high, y = random.uniform(7, 11), random.uniform(4, 9), side * random.uniform(16, 19)
                box("building", start + 6, y, _GROUND, (wide, 8.0, high))
                box("free", start + 6, y, _GROUND, (wide - 1.0, 7.0, high - 0.5))
            if chance[1] < 0.4:
                box("fence", start + 6, side * 10.5, _GROUND, (random.uniform(5, 12), 0.1, 1.2))
            if chance[2] < 0.6:
                box("trunk", x[0], side * 9.0, _GROUND, (0.4, 0.4, 2.4))
                for size, height in ((1.8, 2.0), (3.2, 2.6), (1.8, 4.0)):
                    box("vegetation", x[0], side * 9.0, _GROUND + height, (size, size, 1.4))
            if chance[3] < 0.5:
                box("car", x[1], side * 4.0, _GROUND, (4.2, 1.8, 0.9))
                box("car", x[1], side * 4.0, _GROUND + 0.9, (2.2, 1.6, 0.6))
            if chance[4] < 0.5:
                box("pole", x[2], side * 7.0, _GROUND, (0.2, 0.2, 5.0))
                if chance[5] < 0.5:
                    box("traffic-sign", x[2] - 0.2, side * 7.0, _GROUND + 2.2, (0.2, 0.8, 0.8))
    return world, lower


def _seen(world: NDArray[np.uint8], corner: NDArray[np.float64], pose: Matrix, grid: Grid) -> NDArray[np.uint8]:
    """What stands at the grid's voxel centres, [X, Y, Z]; free outside the world."""
    matrix = cell_from_voxel(pose, grid.origin, grid.voxel_size, corner, grid.voxel_size).astype(np.float32)
    steps = np.ogrid[tuple(slice(n) for n in grid.shape)]
    bordered = np.pad(world, 1, constant_values=FREE)
    cells = []
    for axis, size in enumerate(world.shape):
        cell = sum((matrix[axis, n] * step.astype(np.float32) for n, step in enumerate(steps)), matrix[axis, 3])
        cells.append(np.clip(np.floor(cell).astype(np.int32) + 1, 0, size + 1))
    return bordered[tuple(cells)]


def _miss_rate(grid: Grid) -> NDArray[np.float32]:
    """[X, Y, Z]: by the distance from the sensor, seen from above."""
    distance = np.linalg.norm(grid.centres()[..., :2], axis=-1)
    return (_MISSED_NEAR + (_MISSED_FAR - _MISSED_NEAR) * distance / distance.max()).astype(np.float32)


def _noisy(clean: NDArray[np.uint8], missed: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.uint8]:
    """What the model says of ``clean``."""
    labels, draw, occupied = clean.copy(), random.random(clean.shape, np.float32), clean != FREE
    labels[occupied & (draw < missed)] = FREE
    confused = occupied & (draw >= 1 - _CONFUSED)
    labels[confused] = random.choice(np.array(_TAXONOMY.occupied_ids, np.uint8), int(confused.sum()))
    ghosts = ~occupied & (draw < _GHOSTS)
    labels[ghosts] = random.choice(_GHOST_IDS, int(ghosts.sum()))
    return labels
