"""A street of boxes on a plane, seen exactly: depth and class of every element of an image, and sweeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from contract import ScriptedSensors, log_of
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.stage import Arrays
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy

SIZE = (640, 192)
K = np.array([[370.0, 0, 320], [0, 370, 96], [0, 0, 1]])
AHEAD = np.array([[0, 0, 1, 1.5], [-1, 0, 0, 0], [0, -1, 0, 1.6], [0, 0, 0, 1.0]])
"""ego_from_camera: 1.5 m before the origin of the ego frame, 1.6 m above the road."""


@dataclass(frozen=True)
class Thing:
    name: str
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    speed: float = 0.0
    """[m / frame] along x."""


STREET = (
    Thing("building", (-50, 9, 0), (200, 12, 8)),
    Thing("building", (-50, -12, 0), (200, -9, 8)),
    Thing("car", (14, -3.5, 0), (18, -1.7, 1.5)),
    Thing("car", (26, 2, 0), (30, 3.8, 1.5)),
)


def seen(
    rays: NDArray[np.float64], start: NDArray[np.float64], things: tuple[Thing, ...], time: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of rays [n, 3] in the world from ``start`` how many of their lengths they go, infinite where into the sky; and
    what they meet: -1 sky, 0 road, 1 and so on the things."""
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(rays[:, 2] < 0, -start[2] / rays[:, 2], np.inf)
        what = np.where(np.isfinite(far), 0, -1)
        for number, thing in enumerate(things, 1):
            shift = np.array([thing.speed * time, 0, 0])
            one, other = ((np.array(corner) + shift - start) / rays for corner in (thing.low, thing.high))
            enter, leave = np.minimum(one, other).max(axis=1), np.maximum(one, other).min(axis=1)
            nearer = (enter < leave) & (enter > 0) & (enter < far)
            far, what = np.where(nearer, enter, far), np.where(nearer, number, what)
    return far, what


def drive(frames: int, step: float = 1.0, ahead: NDArray[np.float64] = AHEAD) -> DriveLog:
    """Straight ahead along x, ``step`` metres a frame, with one camera and a LiDAR above it."""
    result = []
    for index in range(frames):
        pose, lidar = np.eye(4), np.eye(4)
        pose[0, 3], lidar[:3, 3] = step * index, (0.5, 0, 1.8)
        name = f"{index:06d}"
        camera = Camera("front", Path(f"front/{name}"), K, ahead, index / 10, SIZE)
        result.append(Frame(name, index / 10, pose, (camera,), Sweep(Path(name), lidar, index / 10)))
    return log_of(result)


def images(log: DriveLog, things: tuple[Thing, ...], taxonomy: Taxonomy) -> Arrays:
    """Exact depth and classes of the log, by stored name; the sky is unknown, and every segment sure."""
    depth, classes = [], []
    road = next(name for name in ("road", "driveable_surface") if name in taxonomy.names)
    names = {"building": "manmade"} if "manmade" in taxonomy.names else {}
    ids = [taxonomy.names.index(road), *(taxonomy.names.index(names.get(t.name, t.name)) for t in things), UNKNOWN]
    for index, frame in enumerate(log.frames):
        camera = frame.cameras[0]
        assert camera.size and frame.world_from_ego is not None and camera.ego_from_camera is not None
        v, u = np.mgrid[0 : camera.size[1] : 4, 0 : camera.size[0] : 4]
        pixels = np.stack([u, v, np.ones_like(u)], axis=-1).reshape(-1, 3)
        pose = frame.world_from_ego @ camera.ego_from_camera
        far, what = seen(pixels @ np.linalg.inv(K).T @ pose[:3, :3].T, pose[:3, 3], things, index)
        depth.append(np.where(np.isfinite(far) & (far < 200), far, np.nan).reshape(u.shape))
        classes.append(np.array(ids, np.uint8)[what].reshape(u.shape))
    return {
        DEPTH.on("front").name: np.stack(depth).astype(np.float16),
        SEGMENT_CLASS.on("front").name: np.stack(classes),
        SEGMENT_SCORE.on("front").name: np.where(np.stack(classes) == UNKNOWN, 0, 255).astype(np.uint8),
    }


def sweeps(log: DriveLog, things: tuple[Thing, ...], beams: int = 32) -> ScriptedSensors:
    """What a LiDAR of so many beams from 2 degrees up to 22 down measures, all around."""
    down, around = np.meshgrid(np.radians(np.linspace(-22, 2, beams)), np.radians(np.arange(0, 360, 0.4)))
    rays = np.stack([np.cos(down) * np.cos(around), np.cos(down) * np.sin(around), np.sin(down)], -1).reshape(-1, 3)
    scans = {}
    for index, frame in enumerate(log.frames):
        assert frame.sweep is not None and frame.world_from_ego is not None
        pose = frame.world_from_ego @ frame.sweep.ego_from_lidar
        far, _ = seen(rays @ pose[:3, :3].T, pose[:3, 3], things, index)
        hit = far < 80
        points = np.zeros((int(hit.sum()), 4), np.float32)
        points[:, :3] = rays[hit] * far[hit, None]
        scans[str(frame.sweep.path)] = points
    return ScriptedSensors(scans)


def photographs(log: DriveLog, things: tuple[Thing, ...]) -> ScriptedSensors:
    """Images of the log, in which everything has a pattern of squares of half a metre, each of its own brightness."""
    taken = {}
    for index, frame in enumerate(log.frames):
        camera = frame.cameras[0]
        assert camera.size and frame.world_from_ego is not None and camera.ego_from_camera is not None
        v, u = np.mgrid[0 : camera.size[1], 0 : camera.size[0]]
        pose = frame.world_from_ego @ camera.ego_from_camera
        rays = np.stack([u, v, np.ones_like(u)], axis=-1).reshape(-1, 3) @ np.linalg.inv(K).T @ pose[:3, :3].T
        far, _ = seen(rays, pose[:3, 3], things, index)
        met = np.isfinite(far)
        places = pose[:3, 3] + rays * np.where(met, far, 0)[:, None]
        mixed = np.floor(places / 0.5 + 1e-3).astype(np.int64) @ np.array([73856093, 19349663, 83492791])
        shade = np.where(met, 30 + (mixed ^ (mixed >> 7)) * 2654435761 % 211, 250).astype(np.uint8)
        taken[str(camera.path)] = np.repeat(shade.reshape(*u.shape, 1), 3, axis=2)
    return ScriptedSensors(images=taken)


def blind(log: DriveLog, index: int) -> DriveLog:
    """The log, of which one frame has no sweep."""
    frames = [replace(frame, sweep=None) if row == index else frame for row, frame in enumerate(log.frames)]
    return log_of(frames)
