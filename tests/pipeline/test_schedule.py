from pipeline.schedule import Schedule
from schemas.stage import Clip

A, B, C, D = ((0, Clip("a", i, i + 1)) for i in range(4))


def test_units_wait_for_what_they_need() -> None:
    schedule = Schedule({A: (), B: (), C: (A, B), D: (C,)})
    assert [schedule.next(0), schedule.next(0), schedule.next(0)] == [A, B, None]
    schedule.done(A)
    assert schedule.next(0) is None
    schedule.done(B)
    assert schedule.next(0) == C


def test_a_failure_takes_its_dependents_along_and_nothing_else() -> None:
    schedule = Schedule({A: (), B: (), C: (A,), D: (C,)})
    schedule.next(0)
    assert schedule.failed(A) == [C, D]
    assert schedule.next(0) == B
    schedule.done(B)
    assert schedule.next(0) is None
    assert not schedule.postponed


def test_a_postponed_unit_comes_back_when_its_time_has_come() -> None:
    schedule = Schedule({A: ()})
    assert schedule.next(0) == A
    schedule.postpone(A, until=5)
    assert schedule.next(4.9) is None
    assert schedule.postponed
    assert schedule.next(5) == A
    assert not schedule.postponed


def test_when_work_gets_scarce_what_others_wait_for_goes_first() -> None:
    """Two hands: the plan's order while more is ready than they can do, then completion before voting."""
    votes = [(1, Clip("a", i, i + 1)) for i in range(2)]
    schedule = Schedule({A: (), votes[0]: (A,), votes[1]: (A,), B: (), C: ()}, hands=2)
    assert [schedule.next(0), schedule.next(0)] == [A, B]
    schedule.done(A)
    assert [schedule.next(0), schedule.next(0), schedule.next(0), schedule.next(0)] == [votes[0], C, votes[1], None]
