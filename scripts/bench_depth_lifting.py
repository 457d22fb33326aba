"""How many frames a second depth lifting labels once depth and segments exist, beside the frame's own images alone.

    python scripts/bench_depth_lifting.py [--frames 20] [--radius 4] [--threads 2]

One camera of KITTI, 1242x375, in a street of walls 8 m to the sides, on the SemanticKITTI grid of 0.2 m; the car drives
1 m a frame. Each thread labels a clip of its own, as workers do; what Numba compiles is compiled before.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, POSES, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.completion.depth_lifting.stage import DepthLifting

SPACE = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
CAMERA, WIDTH, HEIGHT, FOCAL, ABOVE, ASIDE, FARTHEST = "image_2", 1242, 375, 719.0, 1.65, 8.0, 50.0
AHEAD = np.array([[0.0, 0, 1, 0.3], [-1, 0, 0, 0], [0, -1, 0, ABOVE], [0, 0, 0, 1]])


def street(frames: int) -> Inputs:
    """What the stage reads of a log of so many frames."""
    names = SPACE.taxonomy.names
    k = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    u, v = np.meshgrid(np.arange(0, WIDTH, DEPTH.stride), np.arange(0, HEIGHT, DEPTH.stride))
    with np.errstate(divide="ignore"):
        road = np.where(v > k[1, 2], ABOVE * FOCAL / (v - k[1, 2]), np.inf)
        wall = ASIDE * FOCAL / np.abs(u - k[0, 2])
    depth = np.minimum(np.minimum(road, wall), FARTHEST).astype(np.float16)
    classes = np.where(road < wall, names.index("road"), names.index("building")).astype(np.uint8)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 3] = np.arange(frames)
    arrays = {
        DEPTH.on(CAMERA).name: np.repeat(depth[None], frames, 0),
        SEGMENT_CLASS.on(CAMERA).name: np.repeat(classes[None], frames, 0),
        SEGMENT_SCORE.on(CAMERA).name: np.full((frames, *depth.shape), 200, np.uint8),
        POSES.name: poses,
        INTRINSICS.name: np.tile(k, (frames, 1, 1, 1)),
        EXTRINSICS.name: np.tile(AHEAD, (frames, 1, 1, 1)),
    }
    lidar = np.eye(4)
    lidar[2, 3] = ABOVE
    moments = tuple(Moment(f"{index:06d}", index / 10, lidar) for index in range(frames))
    return Inputs(0, moments, arrays, rig=Rig(cameras=(RigCamera(name=CAMERA, size=(WIDTH, HEIGHT)),)))


def seconds(stage: DepthLifting, inputs: Inputs, threads: int) -> tuple[float, float]:
    """A frame's share of the wall and of the CPU time of as many clips as threads."""
    clip = Clip("bench", 0, len(inputs.frames))
    process = stage.setup(SPACE, inputs.rig, Hands())
    with ThreadPoolExecutor(threads) as pool:
        wall, cpu = time.perf_counter(), time.process_time()
        list(pool.map(lambda _: process(clip, inputs), range(threads)))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    frames = threads * clip.frames
    return wall / frames, cpu / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--radius", type=int, default=DepthLifting().radius)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    inputs, window, alone = street(asked.frames), DepthLifting(radius=asked.radius), DepthLifting(radius=0)
    for stage in (window, alone):
        seconds(stage, street(2), 1)
    own = seconds(alone, inputs, asked.threads)
    found = seconds(window, inputs, asked.threads)
    for what, (wall, cpu) in (("the frame alone", own), (f"{2 * asked.radius + 1} frames", found)):
        print(f"{what}: {1 / wall:.1f} frames/s, {cpu:.3f} CPU s a frame")
    print(f"{found[1] / own[1]:.1f}x the CPU time of the frame alone")


if __name__ == "__main__":
    main()
