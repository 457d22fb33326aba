"""The kernel against volumes voted by the paper's equations, and what must not change a result."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.methods import Ballots, Voters, cell_from_voxel, on_threads
from occlabel.stages.voting.splat import Splat
from occlabel.stages.voting.weights import LIDAR_UNIT, View, camera_weights, lidar_weights

CASES = [
    "anisotropic_other_target_grid",
    "camera",
    "camera_start_clipped",
    "lidar",
    "lidar_clamped",
    "single_frame",
    "two_frames_many_ties",
    "vanilla",
]


def centres(case: dict[str, np.ndarray]) -> np.ndarray:
    index = np.moveaxis(np.indices(case["labels"].shape[1:]), 0, -1)
    return case["voxel_origin"] + (index + 0.5) * case["voxel_size"]


def weights_of(case: dict[str, np.ndarray]) -> np.ndarray:
    """The weight volume by our own code, from the case's sensor."""
    if "cam_from_sensor" in case:
        half = np.tan(np.array([case["fov_h_rad"], case["fov_v_rad"]]) / 2)
        intrinsics = np.array([[1 / half[0], 0, 1], [0, 1 / half[1], 1], [0, 0, 1]])  # an image of 2 x 2 pixels
        view = View(intrinsics, np.linalg.inv(case["cam_from_sensor"]), (2, 2))
        box = (tuple(case["box_min"]), tuple(case["box_max"]))
        return camera_weights(centres(case), (view,), np.eye(4), box)
    if "R_max" in case:
        return lidar_weights(centres(case), np.zeros(3), float(case["R_max"]))
    return np.ones(case["labels"].shape[1:], np.uint16)


def voters_of(case: dict[str, np.ndarray]) -> Voters:
    target, radius, poses = int(case["target"]), int(case["radius"]), case["poses_world_from_sensor"]
    frames = np.arange(max(0, target - radius), min(len(poses), target + radius + 1))
    move = [np.eye(4) if f == target else np.linalg.inv(poses[target]) @ poses[f] for f in frames]
    grids = (case["voxel_origin"], case["voxel_size"], case["target_origin"], case["target_voxel_size"])
    matrices = np.stack([cell_from_voxel(m, *grids) for m in move])
    once = np.ones((len(frames), int(case["n_classes"])), np.int32)
    return Voters(frames, matrices, once)


def some(voters: Voters, rows: slice | np.ndarray) -> Voters:
    """Some of the voters, or all in another order."""
    return Voters(voters.frames[rows].copy(), voters.cell_from_voxel[rows].copy(), voters.multipliers[rows].copy())


def shape_of(ballots: Ballots) -> tuple[int, int, int]:
    _, x, y, z = ballots.labels.shape
    return x, y, z


@pytest.mark.parametrize("name", CASES)
def test_golden(shared: Path, name: str) -> None:
    case = dict(np.load(shared / f"golden/occfiner_voting/case_{name}.npz"))
    weights, voters = weights_of(case), voters_of(case)
    if "weight_x100" in case:
        np.testing.assert_array_equal(weights, case["weight_x100"])
    shape = tuple(case["target_shape"].tolist())
    classes = int(case["n_classes"])
    every = np.zeros(len(case["labels"]), np.int64)
    method = Splat(Ballots(case["labels"], weights[None], every, classes, 0))
    votes = method.count(voters, shape)
    if "R_max" in case:
        np.testing.assert_allclose(votes / LIDAR_UNIT, case["votes"], atol=0.0005 * case["vote_counts"].max())
    else:
        np.testing.assert_array_equal(votes, case["votes"])
    ones = np.ones((1, *weights.shape), np.uint16)
    once = Splat(Ballots(case["labels"], ones, every, classes, 0))
    np.testing.assert_array_equal(once.count(voters, shape), case["vote_counts"])

    outcome = method.vote(voters, shape)
    np.testing.assert_array_equal(outcome.winner, case["final_labels"])
    first, second = np.sort(votes, axis=-1)[..., :-3:-1].transpose(3, 0, 1, 2).astype(np.int64)
    total = votes.sum(axis=-1, dtype=np.int64)
    np.testing.assert_array_equal(outcome.margin, (first - second) * 255 // np.maximum(total, 1))
    each = [some(voters, slice(n, n + 1)) for n in range(len(voters.frames))]
    alone = [method.vote(one, shape).support for one in each]
    np.testing.assert_array_equal(outcome.support, sum(volume.astype(np.int64) for volume in alone))
    assert max(volume.max() for volume in alone) == 1


def scene(frames: int = 9, shape: tuple[int, int, int] = (40, 36, 10)) -> tuple[Ballots, Voters]:
    """Random labels, weights and poses that turn, pitch and roll."""
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 7, (frames, *shape)).astype(np.uint8)
    labels[labels == 6] = UNKNOWN
    weights = generator.integers(1, 50, (2, *shape)).astype(np.uint16)
    matrices = []
    for n in range(frames):
        yaw, pitch = 0.2 * (n - 4), 0.05 * np.sin(n)
        rotation = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]) @ np.array(
            [[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]]
        )
        move = np.eye(4)
        move[:3, :3], move[:3, 3] = rotation, [1.7 * (n - 4), 0.3 * n, 0.05 * n]
        matrices.append(cell_from_voxel(move, (-8, -7, -1), 0.4, (-8, -7, -1), 0.4))
    multipliers = generator.integers(0, 4, (frames, 6)).astype(np.int32)
    ballots = Ballots(labels, weights, np.arange(frames) % 2, 6, 0)
    return ballots, Voters(np.arange(frames), np.stack(matrices), multipliers)


def test_agrees_with_the_equations_written_out() -> None:
    ballots, voters = scene()
    shape = shape_of(ballots)
    votes = np.zeros((*shape, 6), np.int64)
    index = np.concatenate([np.indices(shape).reshape(3, -1), np.ones((1, ballots.labels[0].size))])
    support = np.zeros(shape, np.int64)
    for n, (frame, matrix) in enumerate(zip(voters.frames, voters.cell_from_voxel, strict=True)):
        cell = np.floor(matrix @ index).astype(int)
        label = ballots.labels[frame].ravel()
        factor = np.append(voters.multipliers[n], 0)[np.minimum(label, 6)]
        keep = ((cell >= 0) & (cell < np.array(shape)[:, None])).all(axis=0) & (factor > 0)
        np.add.at(
            votes, (*cell[:, keep], label[keep]), (ballots.weights[ballots.volumes[frame]].ravel() * factor)[keep]
        )
        voted = np.zeros(shape, bool)
        voted[tuple(cell[:, keep])] = True
        support += voted
    np.testing.assert_array_equal(Splat(ballots).count(voters, shape), votes)
    outcome = Splat(ballots).vote(voters, shape)
    np.testing.assert_array_equal(outcome.winner, votes.argmax(axis=-1))
    np.testing.assert_array_equal(outcome.support, support)


def test_order_of_frames_and_threads_change_nothing() -> None:
    ballots, voters = scene()
    shape, back = shape_of(ballots), some(voters, slice(None, None, -1))
    outcomes = [Splat(ballots, threads).vote(order, shape) for threads, order in ((1, voters), (2, voters), (1, back))]
    for other in outcomes[1:]:
        for field in ("winner", "margin", "support"):
            np.testing.assert_array_equal(getattr(other, field), getattr(outcomes[0], field))


def test_votes_that_could_overflow_are_refused() -> None:
    ballots, voters = scene()
    ballots.weights[:] = 65535
    with pytest.raises(BadRecipe, match="radius"):
        Splat(ballots).vote(some(voters, np.repeat(np.arange(9), 300)), shape_of(ballots))


def test_votes_at_once_do_not_disturb_each_other() -> None:
    ballots, voters = scene(2, (8, 8, 4))
    alone = Splat(ballots).vote(voters, (8, 8, 4))
    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(lambda threads: Splat(ballots, threads).vote(voters, (8, 8, 4)), (2, 3, 1, 2)):
            for field in ("winner", "margin", "support"):
                np.testing.assert_array_equal(getattr(outcome, field), getattr(alone, field))


def test_what_a_thread_raises_is_raised() -> None:
    def part(thread: int, threads: int, rest: int) -> None:
        assert 1 // (threads - 1 - thread) >= rest

    with pytest.raises(ZeroDivisionError):
        on_threads(part, 2, 0)
