"""Cameras that are known come out of their rays, and of what a decoder would say of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.stages.geometry.views_network.cameras import by_rays, decoded

SIZE = (56, 98)
K = np.array([[80.0, 0, 48.5], [0, 76, 27.5], [0, 0, 1]])
TURN = Rotation.from_euler("yxz", [70, -20, 5], degrees=True).as_matrix()
PLACE = np.array([3.0, -0.5, 12.0])


def rays_of(k: NDArray[np.float64], rows: int = 32, columns: int = 56) -> NDArray[np.float64]:
    """[1, rows, columns, 6] in the middles of cells that lie over the image."""
    v, u = np.mgrid[0:rows, 0:columns] + 0.5
    pixels = np.stack([u * SIZE[1] / columns - 0.5, v * SIZE[0] / rows - 0.5, np.ones_like(u)], axis=-1)
    directions = pixels @ np.linalg.inv(k).T @ TURN.T
    return np.concatenate([directions, np.broadcast_to(PLACE, directions.shape)], axis=-1)[None]


@pytest.mark.parametrize("middle", [(48.5, 27.5), (40.0, 33.0)])
@pytest.mark.parametrize("cells", [(32, 56), (8, 14)])
def test_exact_rays_tell_the_camera(middle: tuple[float, float], cells: tuple[int, int]) -> None:
    """Also one whose middle is not that of the image, which the QL decomposition of the official code gets wrong."""
    k = K.copy()
    k[:2, 2] = middle
    poses, intrinsics = by_rays(rays_of(k, *cells), np.ones((1, *cells)), SIZE)
    np.testing.assert_allclose(intrinsics[0], k, atol=1e-8)
    np.testing.assert_allclose(poses[0, :3, :3], TURN, atol=1e-10)
    np.testing.assert_allclose(poses[0, :3, 3], PLACE, atol=1e-12)


def test_rays_of_which_some_are_wrong_tell_it_nearly() -> None:
    draw = np.random.default_rng(0)
    rays = rays_of(K) + draw.normal(0, 0.01, (1, 32, 56, 6))
    rays[:, :6, :, :3] += draw.normal(0, 1.0, (1, 6, 56, 3))  # the sky
    poses, intrinsics = by_rays(rays, np.ones((1, 32, 56)), SIZE)
    assert np.degrees(Rotation.from_matrix(poses[0, :3, :3] @ TURN.T).magnitude()) < 0.3
    np.testing.assert_allclose(np.diag(intrinsics[0])[:2], [80, 76], rtol=0.02)
    np.testing.assert_allclose(poses[0, :3, 3], PLACE, atol=0.002)


def test_rays_that_are_not_believed_do_not_count() -> None:
    rays, weights = rays_of(K), np.ones((1, 32, 56))
    rays[:, :16], weights[:, :16] = 7.0, 0.0
    poses, intrinsics = by_rays(rays, weights, SIZE)
    np.testing.assert_allclose(intrinsics[0], K, atol=1e-8)
    np.testing.assert_allclose(poses[0, :3, 3], PLACE, atol=1e-12)


@pytest.mark.parametrize("rays", [np.zeros((1, 8, 14, 6)), np.ones((1, 8, 14, 6)), -rays_of(K, 8, 14)])
def test_rays_that_no_camera_has_tell_none(rays: NDArray[np.float64]) -> None:
    poses, intrinsics = by_rays(rays, np.ones((1, 8, 14)), SIZE)
    assert np.isnan(poses).all() and np.isnan(intrinsics).all()
    poses, intrinsics = by_rays(rays_of(K, 8, 14), np.zeros((1, 8, 14)), SIZE)
    assert np.isnan(poses).all() and np.isnan(intrinsics).all()


def test_a_decoder_says_place_quaternion_and_angles() -> None:
    angles = 2 * np.arctan(np.array(SIZE) / 2 / [76, 80])
    quaternion = 3 * Rotation.from_matrix(TURN).as_quat()
    poses, intrinsics = decoded(np.array([[*PLACE, *quaternion, *angles], [0.0] * 9]), SIZE)
    np.testing.assert_allclose(intrinsics[0], K, atol=1e-9)
    np.testing.assert_allclose(poses[0, :3, :3], TURN, atol=1e-12)
    np.testing.assert_allclose(poses[0, :3, 3], PLACE)
    assert np.isnan(poses[1]).all(), "a quaternion without a length turns nowhere"
