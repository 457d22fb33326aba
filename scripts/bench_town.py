"""How fast the town is on one core: building, LiDAR scans, images, truth.

python scripts/bench_town.py [SEED ...]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from occlabel.stages.town.sensors.camera import render
from occlabel.stages.town.sensors.lamps import shining, street_lamps
from occlabel.stages.town.sensors.lidar import TURN, scan
from occlabel.stages.town.sensors.recording import Rig
from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.sensors.truth import truth, view
from occlabel.stages.town.sensors.weather import noon
from occlabel.stages.town.town import build


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median CPU seconds of ``work``, its first run not counted (it compiles)."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def measure(name: str, rig: Rig, seed: int) -> None:
    """One line: CPU seconds of each step for one town of a 20-frame drive."""
    length = 20 / rig.rate
    town = build(seed, "test", rig, length)
    scene, ground, now = Scene(town.standing), town.site.ground, length / 2
    meshes, weather = town.moving_meshes(now), noon()
    lamps = shining(street_lamps(town.site.meshes), town.path.pose(now), rig.ego_height, weather.light.lamps)
    scene.pose(meshes)
    poses = (town.path.pose(now - TURN / 2), town.path.pose(now), town.path.pose(now + TURN / 2))
    front = replace(rig.lidar, azimuths=rig.lidar.azimuths[np.abs(rig.lidar.azimuths) < np.pi / 2])
    views = [view(scene, rig.lidar, poses[1], town.path.station(now) + ahead) for ahead in np.arange(-10, 10, 2.5)]

    def turn(lidar=rig.lidar):  # type: ignore[no-untyped-def]
        return scan(scene, ground, lidar, poses, town.moving, np.random.default_rng(0))

    def picture():  # type: ignore[no-untyped-def]
        return render(scene, ground, rig.cameras[0], poses[1], weather, lamps, np.random.default_rng(0))

    full, station = turn(), town.path.station(now)
    steps = {
        "build": seconds(lambda: build(seed, "test", rig, length), 1),
        "pose": seconds(lambda: scene.pose(meshes), 5),
        "full turn": seconds(turn, 5),
        "half turn": seconds(lambda: turn(front), 5),
        "image": seconds(picture, 3),
        "truth": seconds(lambda: truth([town.standing, *meshes], rig, poses[1], station, full, views, town.moving), 3),
    }
    size = f"{len(town.standing.faces) / 1e6:.2f}M triangles"
    print(f"{name} town {seed}, {size}: " + ", ".join(f"{step} {took:.3f} s" for step, took in steps.items()))


if __name__ == "__main__":
    for seed in [int(argument) for argument in sys.argv[1:]] or [1, 2, 3]:
        measure("kitti", kitti_rig(), seed)
        measure("nuscenes", nuscenes_rig(), seed)
