"""How well poses are found in the images of one camera: those of the log, and how its cameras sit, are hidden.

    occlabel simulate --format kitti --split val --seed 31 --logs 2 --frames 40 --rate 10 --image-scale 1 --out TOWN
    python scripts/score_odometry.py TOWN --camera image_2 --height 1.65
    python scripts/score_odometry.py NUSCENES --camera CAM_FRONT --height 1.51
    python scripts/score_odometry.py TOWN --camera image_2 --height 1.65 --kind colmap --hide-k
    python scripts/score_odometry.py TOWN --camera image_2 --height 1.65 --kind depth_anything_3 --weights DA3-BASE
    python scripts/score_odometry.py TOWN --camera image_2 --kind occany --weights OCCANY --hide-k

The height of the camera is given, unless metres are the network's, and K unless it is hidden: then ``focal`` is how
much longer than it is the focal length is found to be. ATE is the root of the mean square of how far cameras are off
after similarity alignment (Umeyama 1991), in percent of the way; scale is how much longer the way is than it should be,
before that. Direction and rotation are those of each frame against the one before, the middle of all: a step shorter
than 0.1 m has no direction.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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


def seen_through(log: DriveLog, camera: str, hide_k: bool) -> tuple[DriveLog, Array, float]:
    """The log with that camera alone and without anything but its K, or without it; and world_from_camera [frame, 4, 4]
    and its focal length [pixels] as they are."""
    frames, true, focal = [], [], float("nan")
    for frame in log.frames:
        (of,) = (one for one in frame.cameras if one.name == camera)
        assert frame.world_from_ego is not None and of.ego_from_camera is not None
        assert of.intrinsics is not None
        true.append(frame.world_from_ego @ of.ego_from_camera)
        focal = float(of.intrinsics[0, 0])
        bare = replace(of, ego_from_camera=None, height=None, intrinsics=None if hide_k else of.intrinsics)
        frames.append(replace(frame, world_from_ego=None, sweep=None, cameras=(bare,)))
    return replace(log, frames=tuple(frames)), np.array(true), focal


def found_in(log: DriveLog, reader: LogReader, stage: Stage) -> tuple[Array, float, float]:
    """world_from_camera [frame, 4, 4], NaN where there is none, the deviation of lengths that is claimed, and the focal
    length [pixels]."""
    clip = Clip(log.id, 0, len(log.frames))
    arrays = {spec.name: log_array(spec, log.frames, log.rig) for spec in (INTRINSICS, EXTRINSICS)}
    sensors = FrameSensors(reader, log.frames, 0, stage.senses)
    inputs = Inputs(0, tuple(frame.moment for frame in log.frames), arrays, sensors, log.rig)
    said = stage.setup(_SPACE, log.rig, Hands())(clip, inputs)
    poses = said[POSES.name].astype(np.float64) @ said[EXTRINSICS.name][:, 0].astype(np.float64)
    focal = float(said.get(INTRINSICS.name, arrays[INTRINSICS.name])[0, 0, 0, 0])  # type: ignore[arg-type]
    return poses, float(np.nanmedian(said[SCALE_DEVIATION.name].astype(np.float64))), focal


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
    parser.add_argument("--height", type=float, help="of the camera above the road [m]; occany may go without")
    parser.add_argument("--log", action="append", help="one of the logs; may be given again")
    parser.add_argument("--kind", choices=sorted(_KINDS), default="odometry", help="of geometry")
    parser.add_argument("--weights", help="of a network: a name on the hub, or a folder")
    parser.add_argument("--hide-k", action="store_true", help="the focal length has to be found")
    told = parser.parse_args()
    weights = {} if told.weights is None else {"weights": told.weights}
    stage = _KINDS[told.kind].model_validate({"camera_height": told.height, **weights})
    reader = open_logs(told.root)
    print("log          frames    way   ATE %  scale %  claimed  focal %  direction  rotation (max)  CPU s a frame")
    for log in reader.logs(told.log):
        hidden, true, focal = seen_through(log, told.camera, told.hide_k)
        began = time.process_time()
        try:
            found, claimed, focal_found = found_in(hidden, reader, stage)
        except BadLog as error:
            print(f"{log.id[:12]:12s} {error}")
            continue
        spent = (time.process_time() - began) / len(true)
        lens = 100 * (focal_found / focal - 1)
        there = ~np.isnan(found).any(axis=(1, 2))
        way, ate, scale, direction, rotation, most = scores(found[there], true[there])
        print(
            f"{log.id[:12]:12s} {there.sum():3d}/{len(there):<3d} {way:6.1f} {ate:7.2f} {scale:+8.1f} "
            f"{100 * claimed:8.1f} {lens:+8.1f} {direction:10.2f} {rotation:9.3f} ({most:.2f}) {spent:15.2f}"
        )


if __name__ == "__main__":
    main()
