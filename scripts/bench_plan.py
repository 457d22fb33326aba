"""How long and how much memory planning takes: N logs of 40 frames in KITTI layout, made of empty files.

python scripts/bench_plan.py --logs 10000
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import load_recipe
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store

CALIBRATION = """P0: 718.856 0 607.1928 0 0 718.856 185.2157 0 0 0 1 0
P1: 718.856 0 607.1928 -386.1448 0 718.856 185.2157 0 0 0 1 0
P2: 718.856 0 607.1928 45.38225 0 718.856 185.2157 -0.1130887 0 0 1 0.003779761
P3: 718.856 0 607.1928 -337.2877 0 718.856 185.2157 2.369057 0 0 1 0.004915215
Tr: 0 -1 0 -0.012 0 0 -1 -0.054 1 0 0 -0.292
"""


def make_logs(root: Path, logs: int, frames: int) -> None:
    """KITTI sequences with poses and names, and scans of one point."""
    point = np.zeros(4, np.float32).tobytes()
    poses = "\n".join(f"1 0 0 0 0 1 0 0 0 0 1 {i}" for i in range(frames))
    times = "\n".join(f"{i / 10}" for i in range(frames))
    for log in range(logs):
        sequence = root / "sequences" / f"{log:05d}"
        (sequence / "velodyne").mkdir(parents=True)
        (sequence / "calib.txt").write_text(CALIBRATION)
        (sequence / "poses.txt").write_text(poses)
        (sequence / "times.txt").write_text(times)
        for frame in range(frames):
            (sequence / "velodyne" / f"{frame:06d}.bin").write_bytes(point)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_logs(root / "logs", arguments.logs, arguments.frames)
        start = time.perf_counter()
        reader = open_logs(root / "logs", None)
        plan = make_plan(load_recipe("semantickitti_lidar"), reader, Store(root / "store"))
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            json.dumps(
                {"logs": len(plan.logs), "todo": len(plan.todo), "seconds": round(seconds, 1), "peak_mb": round(peak)}
            )
        )


if __name__ == "__main__":
    main()
