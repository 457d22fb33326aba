from occlabel.pipeline.planning.plan import Key
from occlabel.pipeline.running.schedule import Schedule
from occlabel.schemas.stage import Clip
from occlabel.workers.executor import Pool

CPU, GPU = Pool(), Pool(1, 1.0)


def schedule_of(todo: dict[Key, tuple[Key, ...]], *pools: Pool) -> Schedule[Key]:
    """``pools`` of the steps, all the same by default."""
    return Schedule(todo, lambda key: key[0], dict(enumerate(pools or (CPU, CPU))))


def take(schedule: Schedule[Key], now: float = 0.0, pool: Pool = CPU, hands: int = 1) -> Key | None:
    return schedule.next(pool, hands) if schedule.ready(pool, now) else None


A, B, C, D = ((0, Clip("a", i, i + 1)) for i in range(4))


def test_units_wait_for_what_they_need() -> None:
    schedule = schedule_of({A: (), B: (), C: (A, B), D: (C,)})
    assert [take(schedule, 0), take(schedule, 0), take(schedule, 0)] == [A, B, None]
    schedule.done(A)
    assert take(schedule, 0) is None
    schedule.done(B)
    assert take(schedule, 0) == C


def test_a_failure_takes_its_dependents_along_and_nothing_else() -> None:
    schedule = schedule_of({A: (), B: (), C: (A,), D: (C,)})
    take(schedule, 0)
    assert schedule.failed(A) == [C, D]
    assert take(schedule, 0) == B
    schedule.done(B)
    assert take(schedule, 0) is None
    assert not schedule.postponed


def test_a_postponed_unit_comes_back_when_its_time_has_come() -> None:
    schedule = schedule_of({A: ()})
    assert take(schedule, 0) == A
    schedule.postpone(A, until=5)
    assert take(schedule, 4.9) is None
    assert schedule.postponed
    assert take(schedule, 5) == A
    assert not schedule.postponed


def test_when_work_gets_scarce_what_others_wait_for_goes_first() -> None:
    """Two hands: the plan's order while more is ready than they can do, then completion before voting."""
    many = [(0, Clip("b", i, i + 1)) for i in range(20)]
    votes = [(1, Clip("a", i, i + 1)) for i in range(2)]
    todo = {A: (), votes[0]: (A,), votes[1]: (A,), B: (), C: (B,)}
    schedule = schedule_of({**todo, **dict.fromkeys(many, (C,))})
    assert [take(schedule, hands=2), take(schedule, hands=2)] == [A, B]
    schedule.done(A)
    schedule.done(B)
    assert [take(schedule, hands=2), take(schedule, hands=2), take(schedule, hands=2)] == [votes[0], C, votes[1]]


def test_logs_are_finished_one_after_the_other_and_the_end_is_shared_evenly() -> None:
    completions, votes = ([(stage, Clip(f"{i}", 0, 1)) for i in range(6)] for stage in (0, 1))
    todo: dict[Key, tuple[Key, ...]] = {}
    for completion, vote in zip(completions, votes, strict=True):
        todo |= {completion: (), vote: (completion,)}
    schedule, order = schedule_of(todo), []
    while (key := take(schedule, 0)) is not None:
        order.append(key)
        schedule.done(key)
    whole = [unit for pair in zip(completions[:3], votes[:3], strict=True) for unit in pair]
    assert order == [*whole, *completions[3:], *votes[3:]]


def test_each_pool_is_given_its_own_units() -> None:
    votes = [(1, Clip("a", i, i + 1)) for i in range(2)]
    schedule = schedule_of({A: (), votes[0]: (A,), B: (), votes[1]: (B,)}, GPU, CPU)
    assert take(schedule, pool=CPU) is None
    assert take(schedule, pool=GPU) == A
    schedule.done(A)
    assert [take(schedule, pool=CPU), take(schedule, pool=GPU)] == [votes[0], B]
    assert (schedule.left(GPU), schedule.left(CPU), schedule.left()) == (0, 1, 1)
    schedule.failed(B)
    assert schedule.left() == 0


def test_a_hundred_thousand_units_are_handed_out_in_order() -> None:
    todo: dict[Key, tuple[Key, ...]] = {}
    for i in range(50_000):
        clip = Clip(f"{i // 100:04d}", i % 100, i % 100 + 1)
        todo |= {(0, clip): (), (1, clip): ((0, clip),)}
    schedule, handed = schedule_of(todo), []
    while (key := take(schedule, hands=4)) is not None:
        handed.append(key)
        schedule.done(key)
    assert handed[:90_000] == list(todo)[:90_000]
    assert len(handed) == 100_000
