"""Drives through whole towns: reproducible, consistent between sensors and truth, free of collisions."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.stages.town.sensors.recording import TownFrame
from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.style import STYLES, draw_style
from occlabel.stages.town.things.kinds import KIND_ID, KINDS
from occlabel.stages.town.town import Split, build, drive

RIG = kitti_rig(0.2)
GROUND = [KIND_ID[name] for name in ("road", "parking", "sidewalk", "other-ground", "terrain")]


def digest(frames: list[TownFrame]) -> str:
    state = hashlib.sha256()
    for frame in frames:
        state.update(frame.world_from_ego.tobytes())
        for part in (frame.scan.points, frame.scan.kinds, frame.scan.objects):
            state.update(part.tobytes())
        for image in frame.images.values():
            state.update(image.pixels.tobytes())
        if frame.truth is not None:
            for volume in (frame.truth.kinds, frame.truth.objects, frame.truth.seen_ever, frame.truth.seen_by_cameras):
                state.update(volume.tobytes())
    return state.hexdigest()


@pytest.fixture(scope="module")
def city() -> list[TownFrame]:
    """A few frames of a town with traffic."""
    return list(drive(8, "train", RIG, 3, images=True, truth=True))


def test_the_same_arguments_give_the_same_bytes(city) -> None:
    assert digest(list(drive(8, "train", RIG, 3, images=True, truth=True))) == digest(city)


def test_splits_and_seeds_differ(city) -> None:
    others: tuple[tuple[int, Split], ...] = ((8, "test"), (10, "train"))
    for seed, split in others:
        other = next(drive(seed, split, RIG, 3, images=False, truth=False))
        assert other.scan.points.shape != city[0].scan.points.shape


def test_points_lie_on_the_surfaces_of_the_truth(city) -> None:
    for frame in city:
        cells, inside = RIG.grid.cells(frame.scan.points)
        occupied = frame.truth.kinds > 0
        near = binary_dilation(occupied, np.ones((3, 3, 3)))
        assert occupied[tuple(cells[inside].T)].mean() > 0.85
        assert near[tuple(cells[inside].T)].mean() > 0.999
        agreeing = (frame.truth.kinds[tuple(cells[inside].T)] == frame.scan.kinds[inside]).mean()
        assert agreeing > 0.75, "most points lie in a voxel of their own kind"


def test_what_is_hit_is_seen_and_seen_now_is_seen_ever(city) -> None:
    for frame in city:
        truth = frame.truth
        assert truth.hit_now.any()
        assert not (truth.hit_now & ~truth.seen_now).any()
        assert not (truth.seen_now & ~truth.seen_ever).any()
        assert truth.seen_ever.mean() > truth.seen_now.mean() > 0.02
        free_and_seen = (truth.kinds == 0) & truth.seen_now
        assert free_and_seen.sum() > truth.hit_now.sum(), "rays see the air that they pass"


def test_objects_of_truth_are_things_and_only_they_move(city) -> None:
    things = [index + 1 for index, kind in enumerate(KINDS) if kind.thing]
    for frame in city:
        np.testing.assert_array_equal(frame.truth.objects > 0, np.isin(frame.truth.kinds, things))
        assert not (frame.truth.moving & (frame.truth.objects == 0)).any()


def test_boxes_hold_the_points_of_their_objects(city) -> None:
    checked = 0
    for frame in city:
        world = transform_points(frame.world_from_ego @ RIG.lidar.ego_from_lidar, frame.scan.points)
        for box in frame.boxes:
            own = frame.scan.objects == box.object_id
            assert own.sum() == box.lidar_points
            if box.lidar_points >= 20:
                local = np.abs(transform_points(inverse(box.world_from_box), world[own]))
                assert (local <= np.array(box.size) / 2 + 0.25).all(axis=1).mean() > 0.98
                checked += 1
    assert checked >= 3


def test_moving_things_move_as_their_boxes_say() -> None:
    moved = 0
    for seed in (42, 43):
        first, _, last = drive(seed, "train", RIG, 3, images=False, truth=False)
        after = {box.object_id: box for box in last.boxes}
        for box in first.boxes:
            if box.velocity != (0.0, 0.0) and box.object_id in after:
                step = after[box.object_id].world_from_box[:2, 3] - box.world_from_box[:2, 3]
                np.testing.assert_allclose(step, 0.2 * np.array(box.velocity), atol=0.3)
                moved += int(np.linalg.norm(step) > 0.2)
    assert moved >= 3


def test_moving_things_fill_their_boxes_in_the_truth(city) -> None:
    checked = 0
    for frame in city:
        voxels = np.argwhere(frame.truth.moving)
        centres = (voxels + 0.5) * RIG.grid.voxel_size + np.array(RIG.grid.origin)
        world = transform_points(frame.world_from_ego, centres)
        ids = frame.truth.objects[tuple(voxels.T)]
        for box in frame.boxes:
            own = world[ids == box.object_id]
            if len(own) > 50:
                local = transform_points(inverse(box.world_from_box), own)
                assert (np.abs(local) <= np.array(box.size) / 2 + 0.35).all()
                checked += 1
    assert checked >= 3


def test_image_depth_and_kinds_agree_with_the_lidar(city) -> None:
    camera = RIG.cameras[0]
    for frame in city:
        image = frame.images[camera.name]
        local = transform_points(inverse(camera.ego_from_camera) @ RIG.lidar.ego_from_lidar, frame.scan.points)
        pixels, depth = project(local, camera.intrinsics)
        pixels = np.floor(pixels + 0.5)
        inside = (depth > 1) & (pixels >= 0).all(axis=1) & (pixels < camera.size).all(axis=1)
        flat = inside & np.isin(frame.scan.kinds, GROUND) & (depth < 25)
        u, v = pixels[flat].astype(int).T
        assert (image.kinds[v, u] == frame.scan.kinds[flat]).mean() > 0.85
        error = np.abs(image.depth[v, u] - depth[flat]) / depth[flat]
        assert np.median(error) < 0.03
        assert (image.kinds == 0).any() == np.isinf(image.depth).any()


@pytest.mark.parametrize("seed", [3, 12, 31])
def test_nothing_stands_or_drives_in_the_way_of_the_car(seed: int) -> None:
    town = build(seed, "val", nuscenes_rig(), 12.0)
    mesh = town.standing
    solid = ~np.isin(mesh.kinds, GROUND)
    centres = mesh.vertices[mesh.faces[solid]].mean(axis=1)
    for time in np.arange(0.0, 12.0, 0.25):
        pose = town.path.pose(time)
        x, y, z = transform_points(inverse(pose), centres).T
        inside = (x > -1.0) & (x < 3.7) & (np.abs(y) < 0.9) & (z > 0.15) & (z < 1.8)
        assert not inside.any()
        for agent in town.agents:
            other = agent.pose(town.site, time)
            if other is not None:
                half = np.array(agent.model.size[:2]) / 2
                spots = np.stack(np.meshgrid(*(np.linspace(-h, h, 15) for h in half), [1.0]), axis=-1).reshape(-1, 3)
                x, y, _ = transform_points(inverse(pose) @ other, spots).T
                clear = not ((x > -1.0) & (x < 3.7) & (np.abs(y) < 0.9)).any()
                assert clear, f"a {agent.model.kind} runs into the car"


def test_every_kind_appears_in_three_towns() -> None:
    found: set[int] = set()
    for seed in (0, 3, 6):
        town = build(seed, "train", RIG, 1.0)
        found |= set(town.standing.kinds.tolist()) | {KIND_ID[agent.model.kind] for agent in town.agents}
    assert found == set(KIND_ID.values())


def test_every_style_is_drawn() -> None:
    drawn = {draw_style(np.random.default_rng([0, seed])).name for seed in range(100)}
    assert drawn == {style.name for style in STYLES}


def test_who_walks_along_a_side_street_stays_off_the_main_carriageway() -> None:
    walkers = 0
    for seed in (4, 18):
        town = build(seed, "val", nuscenes_rig(), 8.0)
        main = town.path.street
        middle = np.array([main.at(station, 0.0)[:2] for station in np.arange(0.0, main.length, 0.5)])
        for agent in town.agents:
            if agent.street is main or agent.model.kind not in ("person", "bicyclist") or agent.lateral == 0.0:
                continue
            if abs(agent.lateral) < agent.street.half:
                continue  # in a lane
            for time in np.arange(0.0, 8.0, 0.5):
                pose = agent.pose(town.site, time)
                if pose is not None:
                    assert np.linalg.norm(middle - pose[:2, 3], axis=1).min() > main.half - 0.3
                    walkers += 1
    assert walkers > 20


def test_a_pickup_is_a_truck_and_a_delivery_van_is_one_in_nuscenes() -> None:
    from occlabel.stages.town.things.light_trucks import delivery_van, pickup

    names = {kind.name: kind for kind in KINDS}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        for make, kitti in ((pickup, 18), (delivery_van, 10)):
            model = make(rng)
            assert (names[model.kind].kitti, names[model.kind].occ3d) == (kitti, 10)
            low, high = model.mesh.vertices.min(axis=0), model.mesh.vertices.max(axis=0)
            assert set(model.mesh.kinds.tolist()) == {KIND_ID[model.kind]}
            assert low[2] > -0.01
            np.testing.assert_allclose(high - low, model.size, atol=0.45)  # mirrors stick out


def test_barriers_stand_end_to_end() -> None:
    """Rows close what they stand before: the gap to the next one is a hand wide, and none stands in another."""
    gaps = []
    for seed in range(12):
        things = [t for t in build(seed, "train", nuscenes_rig(), 2.0).site.things if t.kind == "barrier"]
        if len(things) >= 8:
            places = np.array([thing.world_from_thing[:2, 3] for thing in things])
            away = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
            gaps.append(np.median(away.min(axis=1) - [thing.size[0] for thing in things]))
    assert len(gaps) >= 2, "towns with rows"
    assert -0.05 < np.median(gaps) < 0.5
