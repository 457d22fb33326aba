"""Objects keep their ids: parked, driving, crossing, hidden for a while, seen from a car that drives or stands."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from driving_boxes import CAR, FREE, GRID, PERSON, TRUCK, Driver, local_id, pose, straight, view

from occlabel.schemas.errors import BadLog
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.schemas.trajectories import Trajectories
from occlabel.stages.tracking.association import Tracker
from occlabel.stages.tracking.kinds import kinds_of
from occlabel.stages.tracking.logbook import Logbook

TAXONOMY = TAXONOMIES["occ3d"]
KINDS = kinds_of(TAXONOMY)
Ego = Callable[[float], np.ndarray]


def standing(_: float) -> np.ndarray:
    return pose()


def turning(time: float) -> np.ndarray:
    """Forward at 5 m/s and to the left, far from where the world begins."""
    return pose(5 * time - 2, 0.5 * time, 0.15 * time)


def follow(
    drivers: Sequence[Driver], times: Sequence[float], ego: Ego = standing, **options: Any
) -> tuple[list[set[int]], Trajectories]:
    """The track ids that each driver had, and the table."""
    tracker, logbook = Tracker(GRID, KINDS, **options), Logbook(GRID, TAXONOMY)
    ids: list[set[int]] = [set() for _ in drivers]
    for frame, time in enumerate(times):
        instance, semantics = view(drivers, time, ego(time))
        tracks = tracker.add(instance, semantics, time, ego(time))
        logbook.add(frame, tracks.applied(instance), semantics, time, ego(time))
        known = dict(zip(tracks.local.tolist(), tracks.tracks.tolist(), strict=True))
        assert len(set(known.values())) == len(known)
        for n, found in enumerate(ids):
            if (local := local_id(n, time, len(drivers))) in known:
                found.add(known[local])
    return ids, logbook.table()


def tenths(seconds: float, step: int = 1) -> list[float]:
    return [n / 10 for n in range(0, round(10 * seconds) + 1, step)]


def assert_one_id_each(ids: list[set[int]]) -> None:
    assert [len(found) for found in ids] == [1] * len(ids)
    assert len(set.union(*ids)) == len(ids)


@pytest.mark.parametrize("ego", [standing, turning])
@pytest.mark.parametrize("step", [1, 5], ids=["10 Hz", "2 Hz"])
def test_parked_and_moving_cars_keep_their_ids(ego: Ego, step: int) -> None:
    row = [Driver(straight(-8 + 4.8 * n, -5.0)) for n in range(5)]
    moving = [
        Driver(straight(-14, 0, 8.0)),
        Driver(straight(16, 3.5, -7.0)),
        Driver(straight(2, 8, 1.2), (0.8, 0.8, 1.7), lambda _: PERSON),
    ]
    ids, table = follow([*row, *moving], tenths(3, step), ego)
    assert_one_id_each(ids)
    for found, speed in zip(ids, [0] * 5 + [8, -7, 1.2], strict=True):
        mine = table.track == next(iter(found))
        assert (table.moving[mine] == (speed != 0)).all()
        np.testing.assert_allclose(table.velocity[mine], [[speed, 0, 0]] * int(mine.sum()), atol=0.6)


def test_trajectories_are_places_in_the_world() -> None:
    drivers = [Driver(straight(-3, 4, 0.0)), Driver(straight(-14, -4, 6.0, 1.0))]
    ids, table = follow(drivers, tenths(2), turning)
    for driver, found in zip(drivers, ids, strict=True):
        mine = (table.track == next(iter(found))) & ~table.cut
        assert mine.sum() > 15
        truth = np.array([driver.path(time)[:2] for time in table.time[mine]])
        assert np.abs(table.place[mine, :2] - truth).max() < GRID.voxel_size
        np.testing.assert_array_equal(table.frame[mine], np.round(table.time[mine] * 10))


@pytest.mark.parametrize("step", [1, 5], ids=["10 Hz", "2 Hz"])
def test_a_moving_car_keeps_its_id_over_a_gap(step: int) -> None:
    # Another car drives behind it, and is where the first one vanished when that comes back.
    first = Driver(straight(-16, 0, 8.0), hidden=lambda t: 1.2 < t < 2.4)
    second = Driver(straight(-26, 0.0, 8.0))
    ids, _ = follow([first, second], tenths(4, step))
    assert_one_id_each(ids)


def test_a_parked_car_that_is_back_after_too_long_is_another() -> None:
    hidden = Driver(straight(3, 3), hidden=lambda t: 0.5 < t < 2.0)
    assert len(follow([hidden], tenths(3), bridge=2.0)[0][0]) == 1
    assert len(follow([hidden], tenths(3), bridge=1.0)[0][0]) == 2


def test_two_crossing_cars_keep_their_ids() -> None:
    # They pass the crossing 0.7 s after each other; and two that meet in one lane's width.
    crossing = [Driver(straight(-15, 0, 10.0)), Driver(straight(0, -11, 0.0, 5.0))]
    assert_one_id_each(follow(crossing, tenths(3))[0])
    assert_one_id_each(follow(crossing, tenths(3, 5))[0])
    meeting = [Driver(straight(-15, -1.2, 9.0)), Driver(straight(15, 1.2, -9.0))]
    assert_one_id_each(follow(meeting, tenths(3, 5))[0])


def test_a_lane_that_flows_through_the_grid_keeps_its_ids_at_2_hz() -> None:
    # The first leaves as the last enters: paired one back, all of them would find a partner too.
    lane = [Driver(straight(18 - 14 * n, 0, 12.0)) for n in range(6)]
    assert_one_id_each(follow(lane, tenths(4, 5))[0])


def test_cars_go_on_along_their_length_at_2_hz() -> None:
    # Half a second later each stands nearest to where one of the other lane stood.
    lanes = [Driver(straight(-9 + 11 * n, -1.5, 9.0)) for n in range(2)]
    lanes += [Driver(straight(-5 + 11 * n, 1.5, -9.0)) for n in range(2)]
    assert_one_id_each(follow(lanes, [0.0, 0.5])[0])


def test_people_who_cross_keep_their_ids() -> None:
    size = (0.8, 0.8, 1.7)
    people = [Driver(straight(-2 + n, -3.0, 0.0, 1.4), size, lambda _: PERSON) for n in range(0, 4, 2)]
    people += [Driver(straight(-1 + n, 3.0, 0.0, -1.4), size, lambda _: PERSON) for n in range(0, 4, 2)]
    assert_one_id_each(follow(people, tenths(4))[0])


def test_the_class_is_that_of_most_voxels_over_the_life_and_groups_mix() -> None:
    van = Driver(straight(-5, 0, 2.0), label=lambda t: TRUCK if round(10 * t) % 3 == 0 else CAR)
    ids, table = follow([van], tenths(2))
    assert_one_id_each(ids)
    assert (table.class_id == CAR).all()
    changed = Driver(straight(0, 0), label=lambda t: CAR if t < 1 else PERSON)
    assert len(follow([changed], tenths(2))[0][0]) == 2


def test_ids_are_numbered_as_tracks_begin_and_stable() -> None:
    drivers = [Driver(straight(-8 + 5 * n, 2.0)) for n in range(3)] + [Driver(straight(-26, -4, 8.0))]
    runs = [follow(drivers, tenths(2), turning) for _ in range(2)]
    assert runs[0][0] == runs[1][0]
    assert set.union(*runs[0][0]) == {1, 2, 3, 4} and runs[0][0][3] == {4}
    for name in Trajectories.__slots__:
        np.testing.assert_array_equal(getattr(runs[0][1], name), getattr(runs[1][1], name))


def test_labels_that_shake_do_not_make_a_parked_car_move() -> None:
    draw = np.random.default_rng(0)
    shakes = draw.normal(0, 0.25, (31, 2))

    def path(time: float) -> tuple[float, float, float]:
        x, y = shakes[round(10 * time)]
        # What is seen of it goes from its tail to its nose.
        return 3 + x + 0.5 * time, 2 + y, 0.0

    ids, table = follow([Driver(path)], tenths(3), turning)
    assert_one_id_each(ids)
    assert not table.moving.any()


def test_what_stands_has_no_speed_and_of_what_was_seen_twice_it_is_not_known() -> None:
    jumping = Driver(lambda t: (5 + 0.3 * np.sin(40 * t), 4.0, 0.0))
    twice = Driver(straight(-8, -4, 9.0), hidden=lambda t: t > 0.15)
    ids, table = follow([jumping, twice], tenths(2))
    stands, seen_twice = (np.isin(table.track, list(found)) for found in ids)
    assert (table.velocity[stands] == 0).all() and stands.sum() == 21
    assert np.isnan(table.velocity[seen_twice]).all() and seen_twice.sum() == 2 and not table.moving.any()


def test_a_log_without_poses_has_ids_for_one_frame() -> None:
    tracker, logbook = Tracker(GRID, KINDS), Logbook(GRID, TAXONOMY)
    drivers = [Driver(straight(0, 0)), Driver(straight(8, 4))]
    for frame in range(3):
        instance, semantics = view(drivers, 0.1 * frame, pose())
        tracks = tracker.add(instance, semantics, 0.1 * frame, None)
        assert tracks.tracks.tolist() == [2 * frame + 1, 2 * frame + 2]
        logbook.add(frame, tracks.applied(instance), semantics, 0.1 * frame, None)
    table = logbook.table()
    assert table.track.tolist() == [1, 2, 3, 4, 5, 6] and table.frame.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.isnan(table.place).all() and np.isnan(table.velocity).all() and not table.moving.any()


def test_a_frame_without_a_pose_does_not_end_the_tracks_around_it() -> None:
    tracker = Tracker(GRID, KINDS)
    driver = [Driver(straight(-8, 0, 6.0))]
    found = []
    for frame in range(8):
        time = frame / 10
        tracks = tracker.add(*view(driver, time, pose()), time, None if frame == 4 else pose())
        found.append(int(tracks.tracks[0]))
    assert found == [1, 1, 1, 1, 2, 1, 1, 1]


def test_empty_frames_and_an_empty_log() -> None:
    tracker, logbook = Tracker(GRID, KINDS), Logbook(GRID, TAXONOMY)
    assert len(logbook.table()) == 0
    nothing = np.zeros(GRID.shape, np.uint32), np.full(GRID.shape, FREE, np.uint8)
    assert len(tracker.add(*nothing, 0.0, pose()).tracks) == 0
    car = [Driver(straight(0, 0))]
    assert tracker.add(*view(car, 0.1, pose()), 0.1, pose()).tracks.tolist() == [1]
    assert len(tracker.add(*nothing, 0.2, pose()).tracks) == len(tracker.add(*nothing, 0.3, None).tracks) == 0
    assert tracker.add(*view(car, 0.4, pose()), 0.4, pose()).tracks.tolist() == [1]
    logbook.add(0, *nothing, 0.0, pose())
    assert len(logbook.table()) == 0 and tracker.begun == 1


def test_a_volume_gets_the_ids_of_the_log() -> None:
    tracker = Tracker(GRID, KINDS)
    drivers = [Driver(straight(0, 0)), Driver(straight(8, 4))]
    instance, semantics = view(drivers, 0.0, pose())
    instance[instance == 2] = 90_000
    tracks = tracker.add(instance, semantics, 0.0, pose())
    assert tracks.local.tolist() == [1, 90_000]
    applied = tracks.applied(instance)
    assert applied.dtype == np.uint32
    np.testing.assert_array_equal(applied, np.where(instance == 90_000, 2, instance))


def lattice(world_from_grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posts of 0.8 m every 1.6 m, all over the world: volumes and the world's cell [n, 2] of each id 1..n."""
    grid = GRIDS["occ3d"]
    x, y, z = (world_from_grid[:3, :3] @ grid.centres().reshape(-1, 3).T + world_from_grid[:3, 3:]).round(6)
    post = (x % 1.6 < 0.8) & (y % 1.6 < 0.8) & (z > 0) & (z < 1)
    cells = np.floor(np.stack([x, y], axis=1)[post] / 1.6).astype(int)
    found, ids = np.unique(cells, axis=0, return_inverse=True)
    instance = np.zeros(grid.voxels, np.uint32)
    instance[post] = ids.reshape(-1) + 1
    semantics = np.where(post, np.uint8(PERSON), np.uint8(FREE))
    return instance.reshape(grid.shape), semantics.reshape(grid.shape), found


def test_two_thousand_objects() -> None:
    tracker = Tracker(GRIDS["occ3d"], KINDS)
    known: dict[tuple[int, int], int] = {}
    for frame in range(4):
        world_from_grid = pose(1000 + 0.8 * frame, -500.0)
        instance, semantics, cells = lattice(world_from_grid)
        assert len(cells) > 2000
        tracks = tracker.add(instance, semantics, 0.1 * frame, world_from_grid)
        for cell, track in zip(map(tuple, cells.tolist()), tracks.tracks.tolist(), strict=True):
            assert known.setdefault(cell, track) == track
    assert len(set(known.values())) == len(known)


@pytest.mark.parametrize("start", [3, 11, 30])
def test_who_is_told_the_frames_before_goes_on_as_who_has_seen_all(start: int) -> None:
    hidden: list[Callable[[float], bool]] = [lambda t: False, lambda t: 0.8 < t < 1.9]
    drivers = [
        *(Driver(straight(-8 + 4.8 * n, -5.0), hidden=hidden[n % 2]) for n in range(4)),
        Driver(straight(-14, 0, 8.0)),
        Driver(straight(-20, 3.5, 5.0), hidden=lambda t: t < 1.5),
        Driver(straight(0, 0, 0.0, 1.2), label=lambda t: TRUCK if t < 1 else CAR),
    ]
    frames = [(*view(drivers, t, turning(t)), t, None if n == 9 else turning(t)) for n, t in enumerate(tenths(4))]
    whole = Tracker(GRID, KINDS, remembered=8)
    expected = [whole.add(*frame) for frame in frames[:start]]
    late = Tracker(GRID, KINDS, remembered=8, first_frame=max(0, start - 8), begun=whole.begun)
    before = list(zip(frames, expected, strict=False))[max(0, start - 8) : start]
    for (instance, semantics, time, placed), tracks in before:
        late.recall(tracks.applied(instance), semantics, time, placed)
    for frame in frames[start:]:
        np.testing.assert_array_equal(late.add(*frame).tracks, whole.add(*frame).tracks)
    assert late.begun == whole.begun


def test_only_live_tracks_are_kept() -> None:
    tracker = Tracker(GRID, KINDS, bridge=0.5)
    for frame in range(40):
        # A car a frame, each elsewhere.
        drivers = [Driver(straight(-15 + 10 * (frame % 4), -9 + 6 * (frame // 4 % 4)))]
        tracker.add(*view(drivers, frame / 10, pose()), frame / 10, pose())
        assert len(tracker._live) <= 6
    assert tracker.begun == 40


@pytest.mark.parametrize("bad", [0.3, 0.2, -9.2e9, float("nan"), float("inf")])
def test_a_time_that_is_not_after_the_one_before_costs_its_frame(bad: float) -> None:
    tracker = Tracker(GRID, KINDS)
    driver = [Driver(straight(-8, 0, 6.0))]
    found = []
    for frame in range(8):
        tracks = tracker.add(*view(driver, frame / 10, pose()), bad if frame == 4 else frame / 10, pose())
        found.append(tracks.tracks.tolist())
    assert found == [[1], [1], [1], [1], [2], [1], [1], [1]]


def test_a_clock_that_is_set_back_begins_anew() -> None:
    tracker, logbook = Tracker(GRID, KINDS), Logbook(GRID, TAXONOMY)
    driver = [Driver(straight(-8, 0, 6.0))]
    found = []
    for frame in range(8):
        time, volumes = frame / 10 - (100 if frame > 3 else 0), view(driver, frame / 10, pose())
        tracks = tracker.add(*volumes, time, pose())
        logbook.add(frame, tracks.applied(volumes[0]), volumes[1], time, pose())
        found.append(tracks.tracks.tolist())
    assert found == [[1], [1], [1], [1], [2], [3], [3], [3]]
    assert len(logbook.table()) == 8


def test_a_pose_must_be_rigid() -> None:
    with pytest.raises(BadLog, match="frame 7: pose holds NaN"):
        Tracker(GRID, KINDS, first_frame=7).add(*view([], 0.0, pose()), 0.0, np.full((4, 4), np.nan))
