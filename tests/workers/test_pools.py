"""Where hands go, without a cluster."""

from occlabel.schemas.stage import Resources
from occlabel.workers.executor import Pool
from occlabel.workers.pools import KEEP_IDLE, Placement, Pools, Room

GIB = 1 << 30
CPU, GPU, WIDE = Pool(1, 0.0), Pool(1, 1.0), Pool(4, 0.0)
VOTE, NETWORK, SORT = Resources(1, 0.0, 2 * GIB), Resources(1, 1.0, 4 * GIB), Resources(4, 0.0, 2 * GIB)


def pools_of(nodes: dict[str, Room], *needs: Resources, most: int | None = None) -> Pools:
    pools = Pools(most)
    pools.follow(nodes)
    pools.prepare(needs)
    return pools


def fill(pools: Pools, pool: Pool) -> list[str]:
    """Places hands of the pool until there is no room; the nodes they went to."""
    nodes = []
    while (placement := pools.place(pool, 0.0)) is not None:
        pools.new_hand(pool, placement.node)
        nodes.append(placement.node)
    return nodes


def test_gpus_and_cpus_are_all_used_whoever_comes_first() -> None:
    for first, second in ((CPU, GPU), (GPU, CPU)):
        pools = pools_of({"a": Room(8, 2, 64 * GIB)}, VOTE, NETWORK)
        assert pools.workers == 8
        counts = {pool: len(fill(pools, pool)) for pool in (first, second)}
        assert counts == {CPU: 6, GPU: 2}


def test_hands_without_gpus_go_to_nodes_without_gpus_first() -> None:
    pools = pools_of({"gpu": Room(4, 1, 64 * GIB), "cpu": Room(2, 0, 64 * GIB)}, VOTE, NETWORK)
    assert fill(pools, CPU) == ["cpu", "cpu", "gpu", "gpu", "gpu"]
    assert fill(pools, GPU) == ["gpu"]


def test_where_there_are_no_gpus_all_work_on_cpus() -> None:
    pools = pools_of({"a": Room(4, 0, 64 * GIB)}, VOTE, NETWORK)
    assert list(pools.needs) == [CPU]
    assert len(fill(pools, CPU)) == 4


def test_memory_bounds_the_hands_by_the_most_that_any_unit_of_the_pool_needs() -> None:
    pools = pools_of({"a": Room(16, 0, 13 * GIB)}, VOTE, Resources(1, 0.0, 4 * GIB))
    assert pools.capacity(CPU) == 3
    assert len(fill(pools, CPU)) == 3


def test_one_core_beside_a_gpu_is_not_kept_from_the_rest() -> None:
    pools = pools_of({"a": Room(1, 1, 64 * GIB)}, VOTE, NETWORK)
    assert fill(pools, CPU) == ["a"]


def test_the_pools_follow_the_nodes() -> None:
    pools = pools_of({"a": Room(1, 0, 8 * GIB)}, VOTE)
    here = pools.new_hand(CPU, "a")
    assert pools.place(CPU, 0.0) is None
    assert pools.follow({"a": Room(1, 0, 8 * GIB), "b": Room(1, 0, 8 * GIB)}) == []
    there = pools.new_hand(CPU, "b")
    assert pools.follow({"b": Room(1, 0, 8 * GIB)}) == [here]
    assert pools.place(CPU, 0.0) is None
    pools.forget(there)
    assert pools.place(CPU, 0.0) == Placement("b")
    assert pools.capacity(CPU) == 1


def test_idle_hands_make_room_and_busy_ones_do_not() -> None:
    pools = pools_of({"a": Room(4, 0, 64 * GIB)}, VOTE, SORT)
    hands = [pools.new_hand(CPU, "a") for _ in range(4)]
    assert pools.place(WIDE, 100.0) is None
    for hand in hands[:3]:
        pools.rest(hand, 0.0)
    assert pools.place(WIDE, 100.0) is None
    pools.rest(hands[3], 50.0)
    assert pools.place(WIDE, 100.0) == Placement("a", tuple(hands))


def test_a_hand_keeps_its_place_for_a_moment() -> None:
    pools = pools_of({"a": Room(4, 0, 64 * GIB)}, VOTE, SORT)
    wide = pools.new_hand(WIDE, "a")
    pools.rest(wide, 10.0)
    assert pools.place(CPU, 10.0 + 0.9 * KEEP_IDLE) is None
    assert pools.place(CPU, 10.0 + KEEP_IDLE) == Placement("a", (wide,))
    assert pools.take(WIDE) == wide
    assert pools.place(CPU, 100.0) is None


def test_the_hands_of_a_pool_that_is_done_leave_their_place_to_the_others() -> None:
    pools = pools_of({"a": Room(2, 1, 64 * GIB)}, VOTE, NETWORK)
    network = pools.new_hand(GPU, "a")
    assert fill(pools, CPU) == ["a"]
    assert pools.close(GPU) == [network]
    assert fill(pools, CPU) == ["a"]
    assert pools.workers == 2


def test_no_more_hands_than_were_asked_for() -> None:
    pools = pools_of({"a": Room(8, 0, 64 * GIB)}, VOTE, SORT, most=2)
    assert (pools.workers, pools.capacity(CPU)) == (2, 2)
    first, second = pools.new_hand(CPU, "a"), pools.new_hand(CPU, "a")
    assert pools.place(WIDE, 100.0) is None
    pools.rest(second, 0.0)
    assert pools.place(WIDE, 100.0) == Placement("a", (second,))
    assert first != second


def test_a_node_on_which_hands_did_not_come_up_is_left_alone_for_a_while() -> None:
    pools = pools_of({"a": Room(8, 0, 64 * GIB), "b": Room(1, 0, 8 * GIB)}, VOTE)
    pools.avoided["a"] = 20.0
    assert pools.place(CPU, 10.0) == Placement("b")
    assert pools.place(CPU, 20.0) == Placement("a")
