"""Fusion equals its definition, whatever the order of frames and logs and however memory is cut."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from map_scenes import CAR, FREE, GRID, SHAPE, TAXONOMY, by_definition, frames

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import yaw_rotation
from occlabel.stages.mapping.ballot import ballot
from occlabel.stages.mapping.blocks import tiles_of
from occlabel.stages.mapping.cast import Caster
from occlabel.stages.mapping.decide import MapBlocks, decide
from occlabel.stages.mapping.fuse import PlacedFrame, cast_frames, survey_frames
from occlabel.stages.mapping.votes import Votes, total
from occlabel.stages.mapping.window import window

ROWS = ballot(TAXONOMY)


def votes(log: list[PlacedFrame], budget: int = 1 << 30) -> list[Votes]:
    surveyed = survey_frames(log, GRID, ROWS)
    return [part for _, part in cast_frames(log, GRID, ROWS, surveyed, budget)]


def dense(found: MapBlocks) -> tuple[np.ndarray, ...]:
    """Like ``by_definition``."""
    result: tuple[np.ndarray, ...] = (np.full(SHAPE, 255), np.zeros(SHAPE, int), np.full(SHAPE, -1))
    parts: tuple[np.ndarray, ...] = (found.semantics, found.confidence, found.support)
    for n, block in enumerate(found.blocks):
        place = tuple(slice(low, low + 8) for low in 8 * block + np.array(SHAPE) // 2)
        for array, blocks in zip(result, parts, strict=True):
            array[place] = blocks[n]
    return result


def same(a: MapBlocks, b: MapBlocks) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("blocks", "semantics", "confidence", "support")
    )


def test_equals_the_definition() -> None:
    logs = [frames(seed) for seed in (1, 2, 3)]
    semantics, confidence, support = dense(decide(total([part for log in logs for part in votes(log)]), ROWS))
    expected = by_definition(logs)
    held = expected[2] >= 0
    np.testing.assert_array_equal(support, expected[2])
    np.testing.assert_array_equal(semantics[held], expected[0][held])
    np.testing.assert_array_equal(confidence[held], expected[1][held])
    assert np.isin(semantics, [0, 3]).sum() > 100
    # The rule for blocks that only another log has found occupied must have mattered.
    assert (dense(decide(total(votes(logs[0])), ROWS))[2] < support)[held].any()


def test_nothing_that_moves_is_in_the_map() -> None:
    found = decide(total(votes(frames(4))), ROWS)
    assert CAR not in np.unique(found.semantics)
    labels = np.full(GRID.shape, CAR, np.uint8)
    assert votes([PlacedFrame(lambda: labels, np.eye(4))]) == []


def test_order_of_frames_and_logs_changes_nothing() -> None:
    logs = [frames(seed) for seed in (5, 6, 7)]
    forth = decide(total([part for log in logs for part in votes(log)]), ROWS)
    back = decide(total([part for log in logs[::-1] for part in votes(log[::-1])]), ROWS)
    assert same(forth, back)


def test_two_threads_change_nothing() -> None:
    logs = [frames(seed, 12) for seed in (8, 9)]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(votes, logs))
    for parallel, log in zip(at_once, logs, strict=True):
        assert same(decide(total(parallel), ROWS), decide(total(votes(log)), ROWS))


def test_memory_is_cut_between_tiles_and_that_changes_nothing() -> None:
    log = frames(10, 8, reach=120.0)
    whole, parts = votes(log), votes(log, budget=1)
    assert len(whole) == 1
    assert len(parts) >= len(np.unique(tiles_of(whole[0].keys), axis=0)) > 4
    assert same(decide(total(whole), ROWS), decide(total(parts), ROWS))


def test_a_tile_of_the_sum_is_the_sum_of_its_parts() -> None:
    logs = [votes(frames(seed, reach=60.0))[0] for seed in (11, 12)]
    both = total(logs)
    for x, y in np.unique(tiles_of(both.keys), axis=0).tolist():
        assert same(decide(total([log.part((x, y)) for log in logs]), ROWS), decide(both.part((x, y)), ROWS))


def test_many_votes_stay_at_the_limit() -> None:
    labels = np.full(GRID.shape, FREE, np.uint8)
    labels[3:6, 4:9, 5] = 0
    (part,) = votes([PlacedFrame(lambda: labels, np.eye(4))])
    full = Votes(part.keys, part.plane_block, part.plane_row, part.counts, part.seen_keys, part.seen)
    full.counts[part.counts > 0] = 65535
    Caster(full, ROWS).cast(labels, window(GRID, np.eye(4)))
    assert set(np.unique(full.counts)) == {0, 65535}


def test_a_pose_far_away_keeps_its_voxels_and_one_beyond_the_world_is_refused() -> None:
    labels = np.full(GRID.shape, 255, np.uint8)
    labels[10, 9, 6] = 3
    pose = yaw_rotation(0.7)
    pose[:3, 3] = 455_000.0, 5_430_000.0, 120.0
    found = decide(total(votes([PlacedFrame(lambda: labels, pose)])), ROWS)
    n, *cell = (axis[0] for axis in np.nonzero(found.semantics == 3))
    centre = pose[:3, :3] @ GRID.centres()[10, 9, 6] + pose[:3, 3]
    assert (found.blocks[n].astype(np.int64) * 8 + cell == np.floor(centre / 0.2)).all()
    pose[0, 3] = 1e9
    with pytest.raises(BadLog, match="nowhere on Earth"):
        votes([PlacedFrame(lambda: labels, pose)])
