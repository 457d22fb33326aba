"""Scene files: what is read from them, and the sentence for each thing that can be wrong with one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occlabel.pipeline.quality.bench.scene import Scene, read_scene
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN

GRID = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.8, shape=(12, 16, 8), frame="lidar")
Arrays = dict[str, Any]


@pytest.fixture()
def arrays() -> Arrays:
    """The arrays of a good file, as the reference baselines write one."""
    scene = street_scene(2, GRID)
    return {
        "labels": scene.labels.copy(),
        "clean": scene.labels.copy(),
        "weights": scene.weights[0].astype(np.int32),
        "poses": scene.poses.copy(),
        "target_from_source": scene.target_from_source.copy(),
        "target": np.array(2),
        "origin": scene.origin,
        "voxel_size": np.array(0.8),
        "n_classes": np.array(20),
    }


def written(tmp_path: Path, arrays: Arrays) -> Path:
    path = tmp_path / "scene.npz"
    np.savez_compressed(path, **arrays)
    return path


def test_what_is_read(tmp_path: Path, arrays: Arrays) -> None:
    scene = read_scene(written(tmp_path, arrays))
    np.testing.assert_array_equal(scene.labels, arrays["labels"])
    np.testing.assert_array_equal(scene.truth, arrays["clean"][2])
    assert scene.weights.dtype == np.uint16
    np.testing.assert_array_equal(scene.weights[0], arrays["weights"])
    assert (scene.frames, scene.shape, scene.target, scene.voxel_size, scene.classes) == (5, GRID.shape, 2, 0.8, 20)
    assert scene.rigs.tolist() == [0] * 5


def test_a_saved_scene_is_read_as_it_was(tmp_path: Path) -> None:
    scene = street_scene(1, GRID)
    scene.save(tmp_path / "scene.npz")
    again = read_scene(tmp_path / "scene.npz")
    for name in ("labels", "weights", "truth", "poses", "target_from_source", "origin"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scene, name))
    assert (again.target, again.voxel_size, again.classes) == (scene.target, scene.voxel_size, scene.classes)


def test_weights_of_each_frame_and_unknown_labels(tmp_path: Path, arrays: Arrays) -> None:
    arrays["weights"] = np.arange(5)[:, None, None, None] + np.broadcast_to(arrays["weights"], (5, *GRID.shape))
    arrays["labels"][0, 0, 0, 0] = UNKNOWN
    scene = read_scene(written(tmp_path, arrays))
    np.testing.assert_array_equal(scene.weights, arrays["weights"])
    assert scene.rigs.tolist() == [0, 1, 2, 3, 4]
    assert scene.labels[0, 0, 0, 0] == UNKNOWN


def test_without_target_from_source_the_poses_say_it(tmp_path: Path, arrays: Arrays) -> None:
    expected = arrays.pop("target_from_source")
    np.testing.assert_allclose(read_scene(written(tmp_path, arrays)).target_from_source, expected, atol=1e-9)


def rolled(matrix: np.ndarray) -> np.ndarray:
    matrix[1, :3, :3] *= 1.1
    return matrix


def with_nan(matrix: np.ndarray) -> np.ndarray:
    matrix[3, 0, 3] = np.nan
    return matrix


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("labels", lambda a: a.astype(np.float32), r"labels must be uint8 \[n, X, Y, Z\]; it is float32"),
        ("labels", lambda a: a[0], r"labels must be uint8 \[n, X, Y, Z\]; it is uint8 \[12, 16, 8\]"),
        ("labels", lambda a: a[:0], "no voxel of a source frame"),
        ("labels", lambda a: np.maximum(a, 40), "labels holds the id 40, but n_classes is 20"),
        ("labels", lambda a: a[:3], r"numbers \[3, 4, 4\]"),
        ("clean", lambda a: a[:, :5], r"clean must be uint8, shaped like labels \[5, 12, 16, 8\]"),
        ("clean", lambda a: np.maximum(a, 99), "clean holds the id 99"),
        ("weights", lambda a: a[:-1], r"weights must have the shape of labels .* it is int32 \[11, 16, 8\]"),
        ("weights", lambda a: a.astype(np.float64), "weights must be integers"),
        ("weights", lambda a: a * 70_000, "scale them to 0..65535"),
        ("weights", lambda a: -a, "scale them to 0..65535"),
        ("poses", rolled, r"poses\[1\] is not a rigid transform"),
        ("poses", with_nan, r"poses\[3\] holds NaN"),
        ("poses", lambda a: a[:4], r"poses must be numbers \[5, 4, 4\].* it is float64 \[4, 4, 4\]"),
        ("target_from_source", rolled, r"target_from_source\[1\] is not a rigid transform"),
        ("target_from_source", lambda a: a[::-1], "not what poses and target 2 say"),
        ("target", lambda a: a + 3, "target is 5, but the rows of labels are 0 to 4"),
        ("target", lambda a: np.array("middle"), "target must be one finite number"),
        ("origin", lambda a: a[:2], "origin must be three finite numbers"),
        ("voxel_size", lambda a: -a, "voxel_size is -0.8"),
        ("voxel_size", lambda a: np.array([0.8, 0.8, 0.4]), "voxel_size must be one finite number"),
        ("n_classes", lambda a: np.array(65), "n_classes is 65; voting takes 1 to 64 classes"),
        ("n_classes", lambda a: np.array(0), "n_classes is 0"),
    ],
)
def test_contradictions(
    tmp_path: Path, arrays: Arrays, name: str, change: Callable[[np.ndarray], np.ndarray], sentence: str
) -> None:
    arrays[name] = change(arrays[name])
    with pytest.raises(BadLog, match=sentence) as raised:
        read_scene(written(tmp_path, arrays))
    assert "scene.npz" in str(raised.value)


def test_files_that_are_no_scene(tmp_path: Path, arrays: Arrays) -> None:
    with pytest.raises(BadLog, match="there is no scene file"):
        read_scene(tmp_path / "missing.npz")
    with pytest.raises(BadLog, match="there is no scene file"):
        read_scene(tmp_path)
    text = tmp_path / "text.npz"
    text.write_text("frames: 3\n")
    with pytest.raises(BadLog, match="is not a scene"):
        read_scene(text)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(BadLog, match="a single array"):
        read_scene(tmp_path / "one.npy")
    whole = written(tmp_path, arrays).read_bytes()
    for kept in (len(whole) // 2, 0):
        (tmp_path / "cut.npz").write_bytes(whole[:kept])
        with pytest.raises(BadLog, match="is not a scene"):
            read_scene(tmp_path / "cut.npz")
    damaged = bytearray(whole)
    damaged[200:260] = bytes(60)
    (tmp_path / "damaged.npz").write_bytes(damaged)
    with pytest.raises(BadLog, match="is not a scene"):
        read_scene(tmp_path / "damaged.npz")
    del arrays["clean"], arrays["poses"]
    with pytest.raises(BadLog, match="it has no clean, poses; it needs labels"):
        read_scene(written(tmp_path, arrays))


def test_within_a_radius(tmp_path: Path, arrays: Arrays) -> None:
    arrays["target"], arrays["target_from_source"] = np.array(1), np.linalg.inv(arrays["poses"][1]) @ arrays["poses"]
    scene = read_scene(written(tmp_path, arrays))
    assert frames(scene.within(0)) == ([1], 0)
    assert frames(scene.within(2)) == ([0, 1, 2, 3], 1)
    assert frames(scene.within(99)) == ([0, 1, 2, 3, 4], 1)
    np.testing.assert_array_equal(scene.within(0).truth, scene.truth)
    with pytest.raises(BadRecipe, match="leaves no source frame"):
        scene.within(-1)


def frames(scene: Scene) -> tuple[list[int], int]:
    """Where along the drive the scene's frames are, a metre each, and the target's row."""
    return np.rint(scene.poses[:, 0, 3] + 2).astype(int).tolist(), scene.target
