import numpy as np
import pytest

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import inverse, project, rigid, rotation_from_quaternion, transform_points, yaw_rotation


def test_inverse_undoes_a_transform() -> None:
    transform = yaw_rotation(0.7)
    transform[:3, 3] = [1, 2, 3]
    points = np.random.default_rng(0).normal(size=(20, 3))
    back = transform_points(inverse(transform), transform_points(transform, points))
    np.testing.assert_allclose(back, points, atol=1e-12)


def test_yaw_turns_left() -> None:
    np.testing.assert_allclose(yaw_rotation(np.pi / 2)[:3, :3] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_quaternion_of_half_a_turn_about_z() -> None:
    np.testing.assert_allclose(rotation_from_quaternion([0, 0, 0, 2]), np.diag([-1, -1, 1]), atol=1e-12)


def test_project_puts_the_optical_axis_on_the_principal_point() -> None:
    intrinsics = np.array([[100.0, 0, 50], [0, 100, 40], [0, 0, 1]])
    pixels, depth = project(np.array([[0, 0, 5.0], [1, 0, 5.0]]), intrinsics)
    np.testing.assert_allclose(pixels, [[50, 40], [70, 40]])
    np.testing.assert_allclose(depth, 5)


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        (np.diag([1, 1, np.nan, 1]), "NaN"),
        (np.diag([2, 1, 1, 1]), "not a rigid"),
        (np.diag([-1, 1, 1, 1]), "not a rigid"),
        (np.eye(3), "shape"),
        (np.diag([1.0, 1, 1, 2]), "last row"),
    ],
)
def test_what_is_not_rigid_is_refused_by_name(matrix: np.ndarray, sentence: str) -> None:
    with pytest.raises(BadLog, match=f"pose of frame 7.*{sentence}"):
        rigid(matrix, "pose of frame 7")
