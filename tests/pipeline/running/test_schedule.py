from occlabel.pipeline.running.schedule import Schedule
from occlabel.schemas.stage import Clip

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
    many = [(0, Clip("b", i, i + 1)) for i in range(20)]
    votes = [(1, Clip("a", i, i + 1)) for i in range(2)]
    todo = {A: (), votes[0]: (A,), votes[1]: (A,), B: (), C: (B,)}
    schedule = Schedule({**todo, **dict.fromkeys(many, (C,))}, hands=2)
    assert [schedule.next(0), schedule.next(0)] == [A, B]
    schedule.done(A)
    schedule.done(B)
    assert [schedule.next(0), schedule.next(0), schedule.next(0)] == [votes[0], C, votes[1]]


def test_logs_are_finished_one_after_the_other_and_the_end_is_shared_evenly() -> None:
    completions, votes = ([(stage, Clip(f"{i}", 0, 1)) for i in range(6)] for stage in (0, 1))
    todo = {}
    for completion, vote in zip(completions, votes, strict=True):
        todo |= {completion: (), vote: (completion,)}
    schedule, order = Schedule(todo), []
    while (key := schedule.next(0)) is not None:
        order.append(key)
        schedule.done(key)
    whole = [unit for pair in zip(completions[:3], votes[:3], strict=True) for unit in pair]
    assert order == [*whole, *completions[3:], *votes[3:]]
