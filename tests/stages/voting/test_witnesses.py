"""The witnesses against their definition written out, and what must not change what they say."""

import numpy as np
import pytest

from occlabel.schemas.arrays import HIT, PASSED
from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.gather import Gather
from occlabel.stages.voting.methods import Ballots, Voters, cell_from_voxel
from occlabel.stages.voting.witnesses import Heard, Witnesses, around, fused

FRAMES, TARGET = 9, 4
MOVABLE = np.zeros(256, bool)
MOVABLE[2] = True


def scene(shape: tuple[int, int, int], tilt: float) -> tuple[np.ndarray, np.ndarray, Voters]:
    """Observations and labels of frames that turn, climb and pitch, and who votes on the middle one."""
    draw = np.random.default_rng(7)
    seen = draw.choice(np.array([0, PASSED, HIT], np.uint8), (FRAMES, *shape), p=[0.6, 0.3, 0.1])
    labels = draw.integers(0, 5, (FRAMES, *shape)).astype(np.uint8)
    maps = []
    for n in range(FRAMES):
        pitch = tilt * np.sin(n)
        pose = yaw_rotation(0.1 * (n - TARGET))
        pose[:3, :3] = pose[:3, :3] @ np.array(
            [[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]]
        )
        pose[:3, 3] = (0.4 * (n - TARGET), 0.1 * n, 0.1 * (n - TARGET))
        maps.append(cell_from_voxel(pose, (-4, -3, -1), 0.4, (-4, -3, -1), 0.4))
    return seen, labels, Voters(np.arange(FRAMES), np.stack(maps), np.ones((FRAMES, 5), np.int32), TARGET)


def looked_up(volumes: np.ndarray, voters: Voters) -> np.ndarray:
    """[frame, X, Y, Z] what each frame has where the target's cells lie; 0 outside: by the vote of ``gather`` of that
    frame alone, which has a definition of its own."""
    result = []
    for frame in voters.frames:
        ballots = Ballots(volumes, np.ones((1, *volumes.shape[1:]), np.uint16), np.zeros(FRAMES, np.int64), 5, 0)
        alone = Voters(np.array([frame]), voters.cell_from_voxel[[frame]], np.ones((1, 5), np.int32))
        result.append(Gather(ballots).vote(alone, (volumes.shape[1], volumes.shape[2], volumes.shape[3])).winner)
    return np.stack(result)


@pytest.mark.parametrize("shape", [(24, 20, 10), (6, 5, 64), (5, 6, 150)], ids=["flat", "a word", "three words"])
@pytest.mark.parametrize("tilt", [0.0, 0.05, 0.6])
def test_equals_its_definition(shape: tuple[int, int, int], tilt: float) -> None:
    seen, labels, voters = scene(shape, tilt)
    told = Witnesses(seen, labels, MOVABLE).hear(voters, shape)
    there, what = looked_up(seen, voters), looked_up(labels, voters)
    others = (np.arange(FRAMES) != TARGET)[:, None, None, None]
    moving = (there == HIT) & MOVABLE[what] & others
    np.testing.assert_array_equal(told.seen, (there > 0).sum(axis=0))
    hits = ((there == HIT) & ~moving).sum(axis=0)
    np.testing.assert_array_equal(told.hit, hits > 0)
    own = there[TARGET] == HIT
    np.testing.assert_array_equal(told.solid, own | ((hits > 0) & (2 * hits >= told.seen)))
    np.testing.assert_array_equal(told.moved, moving.any(axis=0))
    assert told.seen.max() > 3 and (told.solid & ~own).any() and (told.hit & ~told.solid).any() and told.moved.any()


def equal(a: Heard, b: Heard) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("seen", "hit", "solid", "moved"))


def test_order_threads_and_what_was_asked_before_change_nothing() -> None:
    shape = (24, 20, 10)
    seen, labels, voters = scene(shape, 0.05)
    back = Voters(voters.frames[::-1].copy(), voters.cell_from_voxel[::-1].copy(), voters.multipliers, TARGET)
    witnesses = Witnesses(seen, labels, MOVABLE)
    first = witnesses.hear(voters, shape)
    assert equal(first, witnesses.hear(back, shape))
    assert equal(first, Witnesses(seen, labels, MOVABLE, threads=2).hear(voters, shape))


def test_what_another_frame_hit_is_a_hit_where_it_still_stands() -> None:
    told = Heard(
        seen=np.array([[[0, 3, 3, 3, 3]]], np.uint16),
        hit=np.array([[[False, False, True, False, False]]]),
        solid=np.zeros((1, 1, 5), bool),
        moved=np.array([[[False, False, False, True, True]]]),
    )
    labels = np.array([[[0, 0, 1, 2, 0]]], np.uint8)
    np.testing.assert_array_equal(fused(told, labels, MOVABLE), [[[0, PASSED, HIT, HIT, PASSED]]])


def test_what_lies_around() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0, 0, 0], labels[2, 2, 2] = 3, 1
    labels[3, 3, 3] = UNKNOWN
    cells = np.array([[1, 1, 1], [0, 1, 0], [0, 3, 0]])
    np.testing.assert_array_equal(around(labels, cells, 0), [1, 3, UNKNOWN])
