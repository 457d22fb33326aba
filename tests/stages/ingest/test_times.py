"""Times that are right stay; the fewest are changed, and said."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.ingest.times import assumed, mended

NAN = float("nan")
NAMES = [f"{n:06d}" for n in range(8)]


@pytest.mark.parametrize(
    ("times", "expected", "changed", "words"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], range(8), None, ""),
        ([0, 1, NAN, NAN, 4, 5, 6, 7], range(8), "000002-000003", "a.txt has no time at frame"),
        ([NAN, NAN, 2, 3, 4, 5, NAN, NAN], range(8), "000000-000001, 000006-000007", "has no time"),
        ([0, 1, 2, 2, 4, 5, 6, 7], range(8), "000003", "time does not run forwards"),
        ([0, 1, 2, 2, 2, 5, 6, 7], range(8), "000003-000004", "time does not run forwards"),
        ([0, 1, 2, 3, 1.5, 5, 6, 7], range(8), "000004", "time does not run forwards"),
        ([0, 1, 2, 3, 4, 5, 6, -9.2e9], range(8), "000007", "time does not run forwards"),
        ([5e9, 1, 2, 3, 4, 5, 6, 7], range(8), "000000", "time does not run forwards"),
        ([0, 1, 2, 3, 4, 5, 6, 5e9], range(8), "000007", "600 s or more away from all others"),
        ([-5e9, 1, 2, 3, 4, 5, 6, 7], range(8), "000000", "600 s or more away from all others"),
        ([0, 1, 2, float("inf"), 4, 5, 6, 7], range(8), "000003", "has no time"),
    ],
)
def test_times_are_filled_in_from_their_neighbours(
    times: list[float], expected: range, changed: str | None, words: str
) -> None:
    result, sentences = mended(np.array(times, float), range(8), NAMES, "a.txt")
    np.testing.assert_allclose(result, list(expected), atol=1e-12)
    if changed is None:
        assert sentences == []
    else:
        (sentence,) = sentences
        assert words in sentence
        assert f"at frame {changed}; it is filled in from the frames around it" in sentence


def test_a_pause_is_none_of_our_business() -> None:
    times = np.array([0, 0.1, 0.2, 300.0, 300.1, 300.2, 300.3, 300.4])
    result, sentences = mended(times, range(8), NAMES, "a.txt")
    assert result is times and sentences == []


def test_frames_that_are_missing_take_their_time() -> None:
    numbers = [0, 1, 5, 6]
    result, _ = mended(np.array([0, 1, NAN, 6.0]), numbers, NAMES[:4], "a.txt")
    np.testing.assert_allclose(result, numbers)


def test_times_in_another_unit_or_none_at_all_are_taken_as_10_hz() -> None:
    for times, words in ((np.arange(8) * 1e8, "1e+08 s from frame to frame"), (np.full(8, NAN), "no time of any")):
        result, (sentence,) = mended(times, range(8), NAMES, "a.txt")
        np.testing.assert_allclose(result, np.arange(8) / 10)
        assert words in sentence and "taken as 10 Hz" in sentence


@pytest.mark.parametrize(
    ("times", "words"), [([7, 6, 5, 4, 3, 2, 1, 0], "time runs backwards"), ([3] * 8, "time never runs forwards")]
)
def test_times_of_which_none_follows_another_are_taken_as_10_hz(times: list[float], words: str) -> None:
    result, (sentence,) = mended(np.array(times, float), range(8), NAMES, "a.txt")
    np.testing.assert_allclose(result, np.arange(8) / 10)
    assert sentence == f"a.txt: {words}; times are taken as 10 Hz"


def test_one_time_is_enough() -> None:
    result, _ = mended(np.array([NAN, 7.0, NAN]), range(3), NAMES[:3], "a.txt")
    np.testing.assert_allclose(result, [6.9, 7.0, 7.1])


def test_numbers_that_do_not_count_frames_are_no_times() -> None:
    np.testing.assert_allclose(assumed([10, 11, 13]), [1.0, 1.1, 1.3])
    np.testing.assert_allclose(assumed([10**18, 10**18 + 10**8, 10**18 + 2 * 10**8]), [0, 0.1, 0.2])
