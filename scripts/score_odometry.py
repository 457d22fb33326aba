"""How well poses are found in the images of one camera: those of the log, and how its cameras sit, are hidden.

    occlabel simulate --format kitti --split val --seed 31 --logs 2 --frames 40 --rate 10 --image-scale 1 --out TOWN
    python scripts/score_odometry.py TOWN --camera image_2 --height 1.65
    python scripts/score_odometry.py NUSCENES --camera CAM_FRONT --height 1.51
    python scripts/score_odometry.py TOWN --camera image_2 --height 1.65 --kind colmap --hide-k
    python scripts/score_odometry.py TOWN --camera CAM_FRONT --height 1.51 --kind colmap --with CAM_FRONT_LEFT --sits
    python scripts/score_odometry.py TOWN --camera image_2 --height 1.65 --kind depth_anything_3 --weights DA3-BASE
    python scripts/score_odometry.py TOWN --camera image_2 --kind occany --weights OCCANY --hide-k

The height of the camera is given, unless metres are the network's, and K unless it is hidden: then ``focal`` is how
much longer than it is the focal length is found to be. ATE is the root of the mean square of how far cameras are off
after similarity alignment (Umeyama 1991), in percent of the way; scale is how much longer the way is than it should be,
before that. Direction and rotation are those of each frame against the one before, the middle of all: a step shorter
than 0.1 m has no direction. ``--with`` names cameras that are mapped with it as one rig, and ``--sits`` tells how all
of them sit, in the middle of all frames; how they are found to sit is told with the focal length below.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import inverse
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs, Stage
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.geometry.colmap.stage import PosesFromModel
from occlabel.stages.geometry.odometry.stage import PosesFromImages
from occlabel.stages.geometry.views_network.stage import PosesByDepthAnything3, PosesByOccAny
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.sensors import FrameSensors

Array = NDArray[np.float64]
_SPACE = LabelSpace(GRIDS["occ3d"], TAXONOMIES["occ3d"])
_MOVES = 0.1
_KINDS: dict[str, type[Stage]] = {
    "odometry": PosesFromImages,
    "colmap": PosesFromModel,
    "depth_anything_3": PosesByDepthAnything3,
    "occany": PosesByOccAny,
}


@dataclass(frozen=True)
class Hidden:
    """A log of some cameras, of which no more is left than K, or not even that; and what is true of it:
    ``world_from_camera`` [frame, 4, 4] of the first, and by camera ``first_from_camera`` [4, 4] and the focal length
    [pixels]."""

    log: DriveLog
    world_from_camera: Array
    first_from_camera: dict[str, Array]
    focal: dict[str, float]


def seen_through(log: DriveLog, cameras: list[str], hide_k: bool, sits: bool) -> Hidden:
    """``sits``: how cameras sit is not hidden."""
    frames, true, focal = [], [], {}
    places: dict[str, list[Array]] = {name: [] for name in cameras}
    by_name = [{one.name: one for one in frame.cameras} for frame in log.frames]
    for frame, taken in zip(log.frames, by_name, strict=True):
        for name in cameras:
            place, k = taken[name].ego_from_camera, taken[name].intrinsics
            assert place is not None and k is not None
            places[name].append(place)
            focal[name] = float(k[0, 0])
        assert frame.world_from_ego is not None
        true.append(frame.world_from_ego @ places[cameras[0]][-1])
    beside = {name: _middle(np.linalg.inv(places[cameras[0]]) @ np.array(places[name])) for name in cameras}
    for frame, taken in zip(log.frames, by_name, strict=True):
        bare = []
        for name in cameras:
            place = places[cameras[0]][0] @ beside[name] if sits else None
            k = None if hide_k else taken[name].intrinsics
            bare.append(replace(taken[name], ego_from_camera=place, height=None, intrinsics=k))
        frames.append(replace(frame, world_from_ego=None, sweep=None, cameras=tuple(bare)))
    return Hidden(replace(log, frames=tuple(frames)), np.array(true), beside, focal)


def _middle(transforms: Array) -> Array:
    result = np.eye(4)
    result[:3, :3] = Rotation.from_matrix(transforms[:, :3, :3]).mean().as_matrix()
    result[:3, 3] = np.median(transforms[:, :3, 3], axis=0)
    return result


@dataclass(frozen=True)
class Found:
    """``world_from_camera`` [frame, 4, 4], NaN where there is none, the deviation of lengths that is claimed, and by
    camera ``first_from_camera`` and the focal length [pixels]."""

    world_from_camera: Array
    claimed: float
    first_from_camera: dict[str, Array]
    focal: dict[str, float]


def found_in(log: DriveLog, reader: LogReader, stage: Stage) -> Found:
    """Poses of the first camera of the log."""
    clip = Clip(log.id, 0, len(log.frames))
    arrays = {spec.name: log_array(spec, log.frames, log.rig) for spec in (INTRINSICS, EXTRINSICS)}
    sensors = FrameSensors(reader, log.frames, 0, stage.senses)
    inputs = Inputs(0, tuple(frame.moment for frame in log.frames), arrays, sensors, log.rig)
    said = stage.setup(_SPACE, log.rig, Hands())(clip, inputs)
    sits = said[EXTRINSICS.name].astype(np.float64)
    poses = said[POSES.name].astype(np.float64) @ sits[:, 0]
    placed = int(np.flatnonzero(~np.isnan(poses).any(axis=(1, 2)))[0])
    k = np.asarray(said.get(INTRINSICS.name, arrays[INTRINSICS.name]), np.float64)
    return Found(
        poses,
        float(np.nanmedian(said[SCALE_DEVIATION.name].astype(np.float64))),
        {name: inverse(sits[placed, 0]) @ sits[placed, column] for column, name in enumerate(log.rig.names)},
        {name: float(k[placed, column, 0, 0]) for column, name in enumerate(log.rig.names)},
    )


def aligned(found: Array, true: Array) -> tuple[Array, float]:
    """Places [n, 3] moved, turned and scaled to fit ``true`` best, and the scale."""
    one, other = found - found.mean(axis=0), true - true.mean(axis=0)
    left, size, right = np.linalg.svd(other.T @ one)
    sign = np.array([1, 1, np.linalg.det(left @ right)])
    scale = float((size * sign).sum() / (one**2).sum())
    return scale * one @ (left @ np.diag(sign) @ right).T + true.mean(axis=0), scale


def scores(found: Array, true: Array) -> tuple[float, ...]:
    """Way [m], ATE [%], error of scale [%], direction [degrees], rotation [degrees] in the middle and at most."""
    way = float(np.linalg.norm(np.diff(true[:, :3, 3], axis=0), axis=1).sum())
    fitted, scale = aligned(found[:, :3, 3], true[:, :3, 3])
    off = np.sqrt(((fitted - true[:, :3, 3]) ** 2).sum(axis=1).mean())
    turns, directions = [], []
    for i in range(len(true) - 1):
        one, other = inverse(found[i]) @ found[i + 1], inverse(true[i]) @ true[i + 1]
        turns.append(_angle((np.trace(one[:3, :3].T @ other[:3, :3]) - 1) / 2))
        lengths = np.linalg.norm(one[:3, 3]), np.linalg.norm(other[:3, 3])
        if lengths[1] > _MOVES and lengths[0] > 0:
            directions.append(_angle(one[:3, 3] @ other[:3, 3] / lengths[0] / lengths[1]))
    middle = float(np.median(directions)) if directions else float("nan")
    return way, 100 * off / way, 100 * (1 / scale - 1), middle, float(np.median(turns)), max(turns)


def _angle(cosine: float) -> float:
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--with", dest="beside", nargs="+", default=[], help="cameras of the same rig, for colmap")
    parser.add_argument("--sits", action="store_true", help="how cameras sit is known")
    parser.add_argument("--height", type=float, help="of the camera above the road [m]; occany may go without")
    parser.add_argument("--log", action="append", help="one of the logs; may be given again")
    parser.add_argument("--kind", choices=sorted(_KINDS), default="odometry", help="of geometry")
    parser.add_argument("--weights", help="of a network: a name on the hub, or a folder")
    parser.add_argument("--hide-k", action="store_true", help="the focal length has to be found")
    told = parser.parse_args()
    weights = {} if told.weights is None else {"weights": told.weights}
    cameras = [told.camera, *told.beside]
    together = {"cameras": cameras} if told.beside else {}
    stage = _KINDS[told.kind].model_validate({"camera_height": told.height, **weights, **together})
    reader = open_logs(told.root)
    print("log          frames    way   ATE %  scale %  claimed  focal %  direction  rotation (max)  CPU s a frame")
    for log in reader.logs(told.log):
        hidden = seen_through(log, cameras, told.hide_k, told.sits)
        true = hidden.world_from_camera
        began = time.process_time()
        try:
            found = found_in(hidden.log, reader, stage)
        except BadLog as error:
            print(f"{log.id[:12]:12s} {error}")
            continue
        spent = (time.process_time() - began) / len(true)
        lens = {name: 100 * (found.focal[name] / hidden.focal[name] - 1) for name in cameras}
        there = ~np.isnan(found.world_from_camera).any(axis=(1, 2))
        way, ate, scale, direction, rotation, most = scores(found.world_from_camera[there], true[there])
        print(
            f"{log.id[:12]:12s} {there.sum():3d}/{len(there):<3d} {way:6.1f} {ate:7.2f} {scale:+8.1f} "
            f"{100 * found.claimed:8.1f} {lens[told.camera]:+8.1f} {direction:10.2f} {rotation:9.3f} ({most:.2f}) "
            f"{spent:15.2f}"
        )
        for name in told.beside:
            off = inverse(hidden.first_from_camera[name]) @ found.first_from_camera[name]
            turned, apart = _angle((np.trace(off[:3, :3]) - 1) / 2), float(np.linalg.norm(off[:3, 3]))
            print(f"  {name} sits {turned:.2f} degrees and {apart:.2f} m otherwise; focal {lens[name]:+.1f} %")


if __name__ == "__main__":
    main()
