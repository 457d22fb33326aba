"""Windows of a way that is known, each in a length of its own and a little off, are laid behind each other."""

from __future__ import annotations

import re

import numpy as np
import pytest
from made_views import FRAMES, SIZE, K, Way, true_poses

from occlabel.stages.geometry.views_network.chain import Chain
from occlabel.stages.geometry.views_network.checks import differ
from occlabel.stages.geometry.views_network.window import Views, windows


def chained(way: Way, views: int = 6, overlap: int = 2) -> Chain:
    chain = Chain(SIZE)
    for numbers in windows(range(FRAMES), views, overlap):
        assert chain.add(numbers, way.seen(numbers)) is None
    return chain


def errors(chain: Chain) -> tuple[float, float]:
    """Of places, as a share of the way, after the length of the first window is made metres; and of angles, in
    degrees."""
    true, found = true_poses(), np.array([chain.world_from_camera[n] for n in range(FRAMES)])
    true = np.linalg.inv(true[0]) @ true
    found = np.linalg.inv(found[0]) @ found
    scale = np.linalg.norm(true[5, :3, 3]) / np.linalg.norm(found[5, :3, 3])
    way = np.linalg.norm(np.diff(true[:, :3, 3], axis=0), axis=1).sum()
    off = np.linalg.norm(scale * found[:, :3, 3] - true[:, :3, 3], axis=1).max() / way
    cosines = (np.trace(np.linalg.inv(true)[:, :3, :3] @ found[:, :3, :3], axis1=1, axis2=2) - 1) / 2
    return float(off), float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())


def test_windows_that_are_exact_make_the_way() -> None:
    chain = chained(Way())
    off, turned = errors(chain)
    assert off < 1e-4 and turned < 1e-2
    assert len(chain.scales) == 6 and np.ptp(np.log(chain.scales)) > 0.5, "each has a length of its own"
    assert max(seam.depth for seam in chain.seams) < 1e-4 and all(differ(seam) is None for seam in chain.seams)


def test_windows_that_are_a_little_off_make_it_nearly() -> None:
    """Depth off by 5% from element to element and by 2% from view to view, cameras by 0.2 degrees and 2 cm."""
    off, turned = errors(chained(Way(depth=0.05, view=0.02, turn=0.2, place=0.02)))
    assert 1e-4 < off < 0.06 and 1e-2 < turned < 3


def test_points_that_are_not_believed_do_not_count() -> None:
    off, turned = errors(chained(Way(wrong=0.3)))
    assert off < 1e-3 and turned < 0.1


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (Way(depth=0.5), r"windows differ by \d\d% in depth"),
        (Way(turn=8.0), r"windows differ by \d+ degrees in where the camera looks"),
        (Way(place=3.0), r"windows differ in where the camera is, by \d+% of how far things are"),
    ],
)
def test_windows_that_contradict_each_other_are_told(way: Way, said: str) -> None:
    faults = [fault for seam in chained(way).seams if (fault := differ(seam)) is not None]
    assert faults
    assert re.search(said, faults[0])


def test_a_window_that_shares_nothing_that_is_known_is_not_laid() -> None:
    way, chain = Way(), Chain(SIZE)
    assert chain.add([0, 1, 2], way.seen([0, 1, 2])) is None
    assert chain.add([3, 4, 5], way.seen([3, 4, 5])) == 3
    seen = way.seen([2, 3, 4])
    lost = seen.first_from_camera.copy()
    lost[0] = np.nan
    assert chain.add([2, 3, 4], Views(lost, seen.intrinsics, seen.depth, seen.confidence)) == 2
    assert chain.add([2, 3, 4], Views(seen.first_from_camera, seen.intrinsics, 0 * seen.depth, seen.confidence)) == 2
    assert sorted(chain.world_from_camera) == [0, 1, 2]


def test_a_view_that_no_camera_sees_so_has_no_place() -> None:
    way, chain = Way(), Chain(SIZE)
    seen = way.seen([0, 1, 2])
    intrinsics = np.array([K, np.full((3, 3), np.nan), K])
    assert chain.add([0, 1, 2], Views(seen.first_from_camera, intrinsics, seen.depth, seen.confidence)) is None
    assert sorted(chain.world_from_camera) == [0, 2]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (3, [[0, 1, 2]]),
        (4, [[0, 1, 2, 3]]),
        (5, [[0, 1, 2, 3], [1, 2, 3, 4]]),
        (9, [[0, 1, 2, 3], [3, 4, 5, 6], [5, 6, 7, 8]]),
        (10, [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]),
    ],
)
def test_windows_share_what_they_should(frames: int, expected: list[list[int]]) -> None:
    assert windows(range(frames), 4, 1) == expected
