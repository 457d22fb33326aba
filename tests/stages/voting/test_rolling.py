"""The rolling vote: what is added can be removed, and where no rounding comes in, it is the vote of gather."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.geometry import yaw_rotation
from occlabel.stages.voting.gather import Gather
from occlabel.stages.voting.methods import Ballots, Voters, cell_from_voxel
from occlabel.stages.voting.rolling import Rolling

SHAPE = (16, 18, 10)
FRAMES = 9


def poses(turned: bool) -> np.ndarray:
    """world_from_grid in voxels of 1 m: a drive by whole voxels, or one that also turns and climbs."""
    result = []
    for n in range(FRAMES):
        pose = yaw_rotation(0.05 * n) if turned else np.eye(4)
        pose[:3, 3] = (1.3 * n, 0.4 * n, 0.17 * n) if turned else (2 * n, n % 2, n // 4)
        result.append(pose)
    return np.stack(result)


def ballots(poses: np.ndarray, free_id: int = 0) -> Ballots:
    draw = np.random.default_rng(2)
    labels = np.where(draw.random((FRAMES, *SHAPE)) < 0.5, free_id, draw.integers(0, 7, (FRAMES, *SHAPE)))
    labels[4, :4] = 255
    weights = draw.integers(1, 60_000, (FRAMES, *SHAPE)).astype(np.uint16)
    places = np.stack([cell_from_voxel(pose, 0.0, 1.0, 0.0, 1.0) for pose in poses])
    return Ballots(labels.astype(np.uint8), weights, np.arange(FRAMES), 7, free_id, places)


def voters(poses: np.ndarray, target: int, radius: int, boost: int = 1, boosted: int = 3) -> Voters:
    frames = np.arange(max(target - radius, 0), min(target + radius + 1, FRAMES))
    maps = [cell_from_voxel(np.linalg.inv(poses[target]) @ poses[n], 0.0, 1.0, 0.0, 1.0) for n in frames]
    multipliers = np.full((len(frames), 7), 16, np.int32)
    multipliers[frames == target, boosted] *= boost
    return Voters(frames, np.stack(maps), multipliers, target)


@pytest.mark.parametrize("free_id", [0, 6])
@pytest.mark.parametrize("boost", [1, 50])
@pytest.mark.parametrize("boosted", [0, 3, 6])
def test_without_rounding_it_is_the_vote_of_gather(free_id: int, boost: int, boosted: int) -> None:
    where = poses(turned=False)
    cast = ballots(where, free_id)
    rolling, gather = Rolling(cast), Gather(cast)
    for target in (0, 3, 4, 8):  # forwards
        vote = voters(where, target, 3, boost, boosted)
        found, expected = rolling.vote(vote, SHAPE), gather.vote(vote, SHAPE)
        for name in ("winner", "margin", "support"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)


def test_the_way_to_a_target_does_not_matter() -> None:
    where = poses(turned=True)
    cast = ballots(where)
    wandering = Rolling(cast)
    for target in (7, 0, 5, 2):
        found = wandering.vote(voters(where, target, 2), SHAPE)
        fresh = Rolling(cast).vote(voters(where, target, 2), SHAPE)
        for name in ("winner", "margin", "support"):
            np.testing.assert_array_equal(getattr(found, name), getattr(fresh, name))


def test_what_is_removed_leaves_nothing() -> None:
    rolling = Rolling(ballots(poses(turned=True)))
    rolling.vote(voters(poses(turned=True), 4, 4), SHAPE)
    for frame in range(FRAMES):
        rolling.remove(frame)
    assert not rolling._totals.any()
    assert not rolling._covered.any()
    assert not rolling._votes.any()


def test_threads_change_nothing() -> None:
    where = poses(turned=True)
    outcomes = [Rolling(ballots(where), threads).vote(voters(where, 4, 4, 9), SHAPE) for threads in (1, 2)]
    for name in ("winner", "margin", "support"):
        np.testing.assert_array_equal(getattr(outcomes[0], name), getattr(outcomes[1], name))


def test_a_frame_without_a_place_votes_on_itself() -> None:
    where = poses(turned=False)
    cast = ballots(where)
    assert cast.world_from_voxel is not None
    alone = Voters(np.array([5]), cell_from_voxel(np.eye(4), 0.0, 1.0, 0.0, 1.0)[None], np.full((1, 7), 16), 5)
    np.testing.assert_array_equal(
        Rolling(cast).vote(alone, SHAPE).winner, np.where(cast.labels[5] < 7, cast.labels[5], 0)
    )


def test_what_it_cannot_do() -> None:
    where = poses(turned=False)
    cast = ballots(where)
    vote = voters(where, 3, 2)
    vote.multipliers[0] = 5
    with pytest.raises(BadRecipe, match="alike"):
        Rolling(cast).vote(vote, SHAPE)
    assert cast.world_from_voxel is not None
    cast.world_from_voxel[8, :, 3] += 1e5
    with pytest.raises(BadRecipe, match="spread over"):
        Rolling(cast)
    with pytest.raises(BadRecipe, match="places in the world"):
        Rolling(Ballots(cast.labels, cast.weights, cast.volumes, 7, 0))


@pytest.mark.parametrize("altitude", [-500, 1600])
def test_how_high_the_world_lies_changes_nothing(altitude: int) -> None:
    slope = np.eye(4)
    slope[:3, :3] = Rotation.from_euler("y", -0.1).as_matrix()
    where = np.stack([slope] * FRAMES)
    where[:, 0, 3] = 1.3 * np.arange(FRAMES)
    raised = where.copy()
    raised[:, 2, 3] += altitude
    low, high = (Rolling(ballots(poses)).vote(voters(poses, 4, 3), SHAPE) for poses in (where, raised))
    np.testing.assert_array_equal(high.support, low.support)
    assert np.mean(high.winner != low.winner) < 0.01, "but for what is rounded"
