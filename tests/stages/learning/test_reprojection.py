"""Images of a wall that is seen twice agree where depth is right, and nowhere else."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.stages.learning.reprojection import Neighbours, difference, photometric, places_in

K = np.array([[60.0, 0, 31.5], [0, 60.0, 15.5], [0, 0, 1]])
SIZE, MARGIN, FAR = (32, 64), 8, 10.0


def moved(x: float, z: float, yaw: float = 0.0) -> np.ndarray:
    """world_from_camera."""
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    pose[:3, 3] = x, 0, z
    return pose


def wall(pose: np.ndarray, margin: int = 0) -> Tensor:
    """[1, 3, h, w] of a wall at z = ``FAR`` with a soft pattern, seen from ``pose``."""
    v, u = np.mgrid[-margin : SIZE[0] + margin, -margin : SIZE[1] + margin].astype(float)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T @ pose[:3, :3].T
    places = pose[:3, 3] + rays * ((FAR - pose[2, 3]) / rays[..., 2:])
    x, y = places[..., 0], places[..., 1]
    soft = [0.5 + 0.2 * np.sin(2.1 * x + n) + 0.2 * np.cos(1.7 * y - 0.6 * x + 2 * n) for n in range(3)]
    return torch.from_numpy(np.stack(soft)[None]).float()


def seen_from(*poses: np.ndarray) -> Neighbours:
    images = torch.stack([wall(pose, MARGIN)[0] for pose in poses])[None]
    there = np.stack([inverse(pose) for pose in poses])[None]
    inside = torch.ones(1, len(poses), 1, *images.shape[-2:])
    return Neighbours(images, inside, torch.from_numpy(there).float(), torch.from_numpy(K).float()[None])


AROUND = seen_from(moved(-0.5, -0.8, 0.01), moved(0.5, 0.8, -0.01))
HERE, KNOWN = wall(np.eye(4)), torch.ones(1, 1, *SIZE, dtype=torch.bool)


def slope(depth: float) -> float:
    """Of the loss, by the logarithm of the depth of all pixels."""
    change = torch.zeros((), requires_grad=True)
    photometric(HERE, torch.full((1, 1, *SIZE), 1 / depth) * torch.exp(-change), KNOWN, AROUND).backward()
    assert change.grad is not None
    return float(change.grad)


def test_pixels_are_where_geometry_has_them() -> None:
    there = moved(0.4, 0.7, 0.05)
    depth = 4 + 10 * np.random.default_rng(0).random(SIZE)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    points = (np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(K).T * depth[..., None]).reshape(-1, 3)
    expected, _ = project(transform_points(inverse(there), points), K)
    found, before = places_in(
        torch.from_numpy(1 / depth)[None, None], torch.from_numpy(inverse(there))[None], torch.from_numpy(K)[None]
    )
    assert bool(before.all())
    np.testing.assert_allclose(found.reshape(-1, 2).numpy(), expected, atol=1e-6)


def test_the_loss_is_least_at_the_true_depth_and_flat_there() -> None:
    assert abs(slope(FAR)) < 0.1 * min(-slope(0.85 * FAR), slope(1.15 * FAR))


def test_what_does_not_move_in_the_image_says_nothing() -> None:
    stands = seen_from(np.eye(4), np.eye(4))
    assert float(photometric(HERE, torch.full((1, 1, *SIZE), 0.2), KNOWN, stands)) == 0
    assert float(photometric(HERE, torch.full((1, 1, *SIZE), 0.2), ~KNOWN, AROUND)) == 0
    gone = Neighbours(AROUND.images, torch.zeros_like(AROUND.inside), AROUND.there_from_here, AROUND.intrinsics)
    assert float(photometric(HERE, torch.full((1, 1, *SIZE), 0.2), KNOWN, gone)) == 0


def test_images_differ_by_structure_more_than_by_brightness() -> None:
    brighter, other = HERE + 0.05, wall(moved(1.5, 0))
    assert float(difference(HERE, HERE).abs().max()) < 1e-5
    assert float(difference(HERE, brighter).mean()) < 0.5 * float(difference(HERE, other).mean())
