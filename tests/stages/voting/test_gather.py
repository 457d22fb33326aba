"""The gather against its definition written out, and what must not change a result."""

import numpy as np
import pytest

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.gather import Gather, voxel_from_cell
from occlabel.stages.voting.methods import Ballots, Outcome, Voters, cell_from_voxel
from occlabel.stages.voting.splat import Splat

SHAPE = (40, 36, 10)
CLASSES = 6


def scene(free: int, tilt: float = 0.05, frames: int = 9) -> tuple[Ballots, Voters]:
    """Random labels, mostly ``free``, two weight volumes, and poses that turn, pitch and roll."""
    draw = np.random.default_rng(7)
    labels = draw.integers(0, CLASSES, (frames, *SHAPE)).astype(np.uint8)
    labels[draw.random(labels.shape) < 0.6] = free
    labels[draw.random(labels.shape) < 0.05] = UNKNOWN
    weights = draw.integers(0, 50, (2, *SHAPE)).astype(np.uint16)
    matrices = []
    for n in range(frames):
        yaw, pitch = 0.2 * (n - 4), tilt * np.sin(n)
        rotation = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]) @ np.array(
            [[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]]
        )
        move = np.eye(4)
        move[:3, :3], move[:3, 3] = rotation, [1.7 * (n - 4), 0.3 * n, 0.05 * n]
        matrices.append(cell_from_voxel(move, (-8, -7, -1), 0.4, (-8, -7, -1), 0.4))
    multipliers = draw.integers(0, 4, (frames, CLASSES)).astype(np.int32)
    ballots = Ballots(labels, weights, np.arange(frames) % 2, CLASSES, free)
    return ballots, Voters(np.arange(frames), np.stack(matrices), multipliers)


def written_out(ballots: Ballots, voters: Voters) -> tuple[np.ndarray, np.ndarray]:
    """Votes [X, Y, Z, class] and support [X, Y, Z] by looking up each cell's centre in each frame."""
    votes, support = np.zeros((*SHAPE, CLASSES), np.int64), np.zeros(SHAPE, np.int64)
    centres = np.indices(SHAPE).reshape(3, -1) + 0.5
    for n, matrix in enumerate(voxel_from_cell(voters.cell_from_voxel)):
        source = np.floor(matrix[:, :3] @ centres + matrix[:, 3:]).astype(int)
        inside = np.flatnonzero(((source >= 0) & (source < np.array(SHAPE)[:, None])).all(axis=0))
        voxel = tuple(source[:, inside])
        frame = voters.frames[n]
        label = ballots.labels[frame][voxel]
        factor = np.append(voters.multipliers[n], 0)[np.minimum(label, CLASSES)]
        weight = ballots.weights[ballots.volumes[frame]][voxel] * factor
        cells = np.stack(np.unravel_index(inside, SHAPE))
        says = factor > 0
        votes[(*cells[:, says], label[says])] += weight[says]
        support[tuple(cells[:, says])] += 1
    return votes, support


@pytest.mark.parametrize("free", [0, 5], ids=["free first", "free last"])
@pytest.mark.parametrize("tilt", [0.0, 0.05, 1.2])
def test_equals_its_definition(free: int, tilt: float) -> None:
    ballots, voters = scene(free, tilt)
    votes, support = written_out(ballots, voters)
    outcome = Gather(ballots).vote(voters, SHAPE)
    np.testing.assert_array_equal(outcome.winner, votes.argmax(axis=-1))
    np.testing.assert_array_equal(outcome.support, support)
    first, second = np.sort(votes, axis=-1)[..., :-3:-1].transpose(3, 0, 1, 2)
    np.testing.assert_array_equal(outcome.margin, (first - second) * 255 // np.maximum(votes.sum(axis=-1), 1))
    assert len(np.unique(outcome.winner)) == CLASSES


def test_a_frame_votes_for_itself_as_in_the_splat() -> None:
    ballots, voters = scene(0)
    alone = Voters(voters.frames[4:5], cell_from_voxel(np.eye(4), 0, 1, 0, 1)[None], np.ones((1, CLASSES), np.int32))
    gathered, splatted = (
        Gather(ballots).vote(alone, SHAPE),
        Splat(ballots).vote(alone, SHAPE),
    )
    assert equal(gathered, splatted)


def equal(a: Outcome, b: Outcome) -> bool:
    return all(np.array_equal(getattr(a, field), getattr(b, field)) for field in ("winner", "margin", "support"))


def test_order_of_frames_and_threads_change_nothing() -> None:
    ballots, voters = scene(0)
    frames, moves, multipliers = voters.frames, voters.cell_from_voxel, voters.multipliers
    back = Voters(frames[::-1].copy(), moves[::-1].copy(), multipliers[::-1].copy())
    outcomes = [Gather(ballots, threads).vote(order, SHAPE) for threads, order in ((1, voters), (2, voters), (1, back))]
    assert equal(outcomes[1], outcomes[0]) and equal(outcomes[2], outcomes[0])


def test_a_second_target_finds_a_clean_slate() -> None:
    ballots, voters = scene(0)
    gather = Gather(ballots)
    assert equal(gather.vote(voters, SHAPE), gather.vote(voters, SHAPE))
