"""The made-up street: deterministic, nested in its radius, and of the shape of a real problem."""

from dataclasses import fields

import numpy as np

from occlabel.pipeline.quality.bench.scene import Scene
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.schemas.geometry import rigid
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import taxonomy_preset

GRID = Grid(origin=(0.0, -25.6, -2.0), voxel_size=0.8, shape=(64, 64, 8), frame="lidar")


def equal(one: Scene, other: Scene) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Scene))


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    assert equal(street_scene(2, GRID), street_scene(2, GRID))
    assert not np.array_equal(street_scene(2, GRID, seed=1).truth, street_scene(2, GRID).truth)


def test_a_smaller_radius_is_the_middle_of_a_larger_one() -> None:
    small, large = street_scene(1, GRID), street_scene(4, GRID)
    np.testing.assert_array_equal(small.labels, large.within(1).labels)
    np.testing.assert_array_equal(small.truth, large.truth)


def test_the_target_is_the_middle_and_the_frames_are_a_metre_apart() -> None:
    scene = street_scene(3, GRID)
    assert (scene.frames, scene.target) == (7, 3)
    np.testing.assert_allclose(scene.target_from_source[3], np.eye(4), atol=1e-12)
    steps = np.linalg.norm(np.diff(scene.poses[:, :3, 3], axis=0), axis=1)
    np.testing.assert_allclose(steps, 1.0, atol=0.02)
    for pose in scene.poses:
        rigid(pose, "pose")


def test_what_is_seen_is_a_street_and_what_is_labelled_has_noise() -> None:
    scene = street_scene(2, GRID)
    names = taxonomy_preset("semantickitti").names
    assert {"free", "road", "sidewalk", "terrain", "building"} <= {names[i] for i in np.unique(scene.truth)}
    noisy, truth = scene.labels[scene.target], scene.truth
    missed = (noisy[truth > 0] == 0).mean()
    ghosts = (noisy[truth == 0] > 0).mean()
    assert 0.1 < missed < 0.45
    assert 0.005 < ghosts < 0.02


def test_neighbours_see_the_same_street() -> None:
    """Voxels of the target, moved into the next frame, mostly find there what they are."""
    scene = street_scene(1, GRID)
    index = np.argwhere(scene.truth >= 0)
    points = (index + 0.5) * scene.voxel_size + scene.origin
    inverse = np.linalg.inv(scene.target_from_source[2])
    cells = np.floor((points @ inverse[:3, :3].T + inverse[:3, 3] - scene.origin) / scene.voxel_size).astype(int)
    inside = ((cells >= 0) & (cells < scene.shape)).all(axis=1)
    there, here = scene.labels[2][tuple(cells[inside].T)], scene.truth[tuple(index[inside].T)]
    assert (there == here).mean() > 0.85


def test_weights_are_the_cameras() -> None:
    scene = street_scene(1, GRID)
    assert scene.weights.shape == (1, *GRID.shape)
    assert set(np.unique(scene.weights)) == {1, 10, 100}
    near, beside, far = scene.weights[0][10, 32, 3], scene.weights[0][1, 63, 3], scene.weights[0][60, 32, 3]
    assert (near, beside, far) == (100, 1, 10)
    behind = street_scene(0, GRID.model_copy(update={"origin": (-51.2, -25.6, -2.0)}))
    assert behind.weights.max() == 1
