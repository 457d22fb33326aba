"""A worker process: how it ended says whose fault it was."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from occlabel.schemas.receipt import JobReceipt
from occlabel.workers.hand import Hand
from occlabel.workers.unit import Failure, Outcome

sys.path.append(str(Path(__file__).parent))  # the worker process imports the units by their module
from small_units import SmallUnit


@pytest.fixture(scope="module")
def hand() -> Iterator[Hand]:
    made = Hand(threads=1)
    yield made
    made.close()


def outcome(hand: Hand, what: str, seconds: float = 60.0) -> Outcome:
    return pickle.loads(hand.work(pickle.dumps(SmallUnit(what)), seconds))


def test_a_process_serves_many_units_and_survives_bad_data(hand: Hand) -> None:
    first, bad, second = (outcome(hand, what) for what in ("work", "raise", "work"))
    assert isinstance(first, JobReceipt)
    assert isinstance(second, JobReceipt)
    assert first.node == second.node != str(os.getpid())
    assert isinstance(bad, Failure)
    assert (bad.cause, bad.error) == ("data", "ValueError: bad data")
    left = outcome(hand, "leave")
    assert isinstance(left, Failure)
    assert (left.cause, left.error) == ("data", "SystemExit: 0")


@pytest.mark.parametrize(
    ("what", "cause", "said"),
    [("exit", "crash", "exit code 9"), ("fault", "crash", "SIGSEGV"), ("killed", "node", "SIGKILL")],
)
def test_dying_by_itself_is_a_crash_and_being_killed_is_not(hand: Hand, what: str, cause: str, said: str) -> None:
    failure = outcome(hand, what)
    assert isinstance(failure, Failure)
    assert failure.cause == cause
    assert said in failure.error
    assert isinstance(outcome(hand, "work"), JobReceipt)


def test_a_unit_over_its_time_is_ended_and_the_next_one_gets_a_new_process(hand: Hand) -> None:
    failure = outcome(hand, "hang", seconds=0.2)
    assert isinstance(failure, Failure)
    assert failure.cause == "timeout"
    assert isinstance(outcome(hand, "work"), JobReceipt)


def test_a_unit_that_cannot_be_read_is_a_sentence(hand: Hand) -> None:
    failure = pickle.loads(hand.work(b"cno_such_module\nName\n.", 60.0))
    assert failure.cause == "data"
    assert "no_such_module" in failure.error
