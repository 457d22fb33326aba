"""A town and a drive through it: the same seed, split and rig give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import OcclabelError
from occlabel.stages.town.buildings.frontage import fill_back, fill_lots, trim
from occlabel.stages.town.buildings.roadside import line_country_road, line_motorway
from occlabel.stages.town.sensors.camera import render
from occlabel.stages.town.sensors.lamps import shining, street_lamps
from occlabel.stages.town.sensors.lidar import TURN, scan
from occlabel.stages.town.sensors.recording import Rig, TownBox, TownFrame
from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.sensors.skin import draw_skin
from occlabel.stages.town.sensors.truth import View, truth, view
from occlabel.stages.town.sensors.weather import Conditions, draw_weather
from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.ego import EgoPath, draw_motion
from occlabel.stages.town.streets.grass import grass_mesh
from occlabel.stages.town.streets.ground import Ground
from occlabel.stages.town.streets.ground_mesh import ground_mesh
from occlabel.stages.town.streets.parking import keep_lanes_free, park_cars
from occlabel.stages.town.streets.paving import lay_streets
from occlabel.stages.town.streets.roadworks import roadworks
from occlabel.stages.town.streets.sidewalks import furnish
from occlabel.stages.town.streets.streets import draw_streets
from occlabel.stages.town.streets.terrain import raise_banks, raise_terrain, roughen
from occlabel.stages.town.streets.traffic import Agent, draw_traffic
from occlabel.stages.town.style import draw_style
from occlabel.stages.town.things.fleet import draw_fleet
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Mesh, join

Split = Literal["train", "val", "test"]
SPLIT_NUMBER: dict[Split, int] = {"train": 0, "val": 1, "test": 2}
"""Seeds every generator, so that no two splits share a town."""
_VIEW_SPACING = 2.5
"""Metres between the poses from which ``seen_ever`` is found."""
_LARGEST = 0.8e6
"""Square metres of the largest town: up to 3 GB while it is built."""
_BOX_RANGE = 80.0
"""Things farther than this from the car [m] have no box."""


@dataclass(frozen=True, slots=True)
class Town:
    """A built town: what stands, what moves, and the car's way through."""

    site: Site
    standing: Mesh
    agents: list[Agent]
    path: EgoPath
    moving: NDArray[np.bool_]
    """[65536] by object id."""

    def moving_meshes(self, time: float) -> list[Mesh]:
        """The agents on their streets at ``time``, in the world."""
        poses = ((agent, agent.pose(self.site, time)) for agent in self.agents)
        return [agent.model.mesh.moved(pose).of_object(agent.object_id) for agent, pose in poses if pose is not None]


def build(seed: int, split: Split, rig: Rig, duration: float) -> Town:
    """The town of (seed, split), long enough for a drive of ``duration`` seconds."""
    rng = np.random.default_rng([SPLIT_NUMBER[split], seed])
    style = draw_style(rng)
    motion = draw_motion(rng, style.speed)
    driven = max(motion.station(duration), 1.0)
    streets, junctions = draw_streets(rng, style, driven)
    ground = _land(streets[0].points, driven)
    raise_terrain(ground, rng, style.hills)
    lay_streets(ground, streets, float(rng.uniform(3.0, 9.0)), float(rng.uniform(0.0, 0.03)))
    raise_banks(ground, rng, streets[0], style)
    roughen(ground, rng)
    site = Site(rng, ground, style, draw_fleet(rng, riders=not streets[0].fast))
    keep_lanes_free(site, streets)
    for street in streets:
        park_cars(site, street)
    for index, street in enumerate(streets):
        if style.road == "street":
            furnish(site, street, junctions if index == 0 else [])
        else:
            (line_motorway if street.fast else line_country_road)(site, street)
    for street in streets:
        roadworks(site, street)
    for street in streets:
        fill_lots(site, street)
    fill_back(site, streets, 0.022)
    side = 1.0 if rng.random() < 0.15 else -1.0
    lane = int(rng.integers(streets[0].lanes))
    path = EgoPath(streets[0], side * streets[0].middle(lane), motion, ground, rig.ego_height).careful(duration)
    agents = draw_traffic(site, streets, path, side)
    moving = np.zeros(1 << 16, np.bool_)
    moving[[a.object_id for a in agents if a.follows is not None or abs(a.speed) > 1e-6]] = True
    standing = trim(site, join([ground_mesh(ground, rng), grass_mesh(ground, rng), *site.meshes]))
    return Town(site, standing, agents, path, moving)


def _land(points: NDArray[np.float64], driven: float) -> Ground:
    """The ground around the main street. Raises OcclabelError when it would not fit in memory."""
    low, high = points.min(axis=0) - 75.0, points.max(axis=0) + 75.0
    if np.prod(high - low) > _LARGEST:
        raise OcclabelError(
            f"a drive of {driven:.0f} m needs a town of {np.prod(high - low) / 1e6:.1f} square kilometres, more than "
            f"{_LARGEST / 1e6:.1f}; simulate fewer frames a log, or more frames per second"
        )
    return Ground(low, high)


def drive(
    seed: int, split: Split, rig: Rig, frames: int, *, images: bool, truth: bool, conditions: Conditions | None = None
) -> Iterator[TownFrame]:
    """Drives ``frames`` frames at ``rig.rate`` through the town of (seed, split); with ``images``, under these
    ``conditions`` or drawn ones, and ``truth`` or without. What cameras see changes nothing else."""
    times = np.arange(frames) / rig.rate
    town = build(seed, split, rig, frames / rig.rate)
    scene = Scene(town.standing, draw_skin(np.random.default_rng([SPLIT_NUMBER[split], seed, 4])))
    views = _views(town, scene, rig, times) if truth else []
    weather = draw_weather(np.random.default_rng([SPLIT_NUMBER[split], seed, 6]), conditions)
    heads = street_lamps(town.site.meshes)
    for index, time in enumerate(times):
        rng = np.random.default_rng([SPLIT_NUMBER[split], seed, 2, index])
        frame = _frame(town, scene, rig, float(time), views, truth, rng)
        if images:
            lamps = shining(heads, frame.world_from_ego, rig.ego_height, weather.light.lamps)
            for number, camera in enumerate(rig.cameras):
                rng = np.random.default_rng([SPLIT_NUMBER[split], seed, 7, index, number])
                image = render(scene, town.site.ground, camera, frame.world_from_ego, weather, lamps, rng)
                frame.images[camera.name] = image
        yield frame


def _views(town: Town, scene: Scene, rig: Rig, times: NDArray[np.float64]) -> list[View]:
    """A view from the first frame and from each that is some metres on."""
    result: list[View] = []
    for time in times.tolist():
        station = town.path.station(time)
        if not result or station - result[-1].station >= _VIEW_SPACING:
            scene.pose(town.moving_meshes(time))
            result.append(view(scene, rig.lidar, town.path.pose(time), station))
    return result


def _frame(
    town: Town, scene: Scene, rig: Rig, time: float, views: list[View], with_truth: bool,
    rng: np.random.Generator,
) -> TownFrame:  # fmt: skip
    """The frame without images; the scene stays as it is at its time."""
    moving_meshes = town.moving_meshes(time)
    scene.pose(moving_meshes)
    poses = (town.path.pose(time - TURN / 2), town.path.pose(time), town.path.pose(time + TURN / 2))
    turn = scan(scene, town.site.ground, rig.lidar, poses, town.moving, rng)
    exact = None
    if with_truth:
        station = town.path.station(time)
        exact = truth([town.standing, *moving_meshes], rig, poses[1], station, turn, views, town.moving)
    boxes = _boxes(town, poses[1], time, np.bincount(turn.objects, minlength=1 << 16))
    return TownFrame(time, poses[1], turn, {}, boxes, exact)


def _boxes(
    town: Town, world_from_ego: NDArray[np.float64], time: float, points: NDArray[np.int64]
) -> tuple[TownBox, ...]:
    placed = [(t.object_id, t.kind, t.world_from_thing, t.size, (0.0, 0.0)) for t in town.site.things]
    for agent in town.agents:
        pose = agent.pose(town.site, time)
        if pose is not None:
            velocity = agent.velocity(time) if town.moving[agent.object_id] else (0.0, 0.0)
            placed.append((agent.object_id, agent.model.kind, pose, agent.model.size, velocity))
    boxes = []
    for object_id, kind, pose, size, velocity in placed:
        if np.hypot(*(pose[:2, 3] - world_from_ego[:2, 3])) < _BOX_RANGE:
            centre = pose.copy()
            centre[:3, 3] += pose[:3, 2] * size[2] / 2
            boxes.append(TownBox(object_id, KIND_ID[kind], centre, size, velocity, int(points[object_id])))
    return tuple(boxes)
