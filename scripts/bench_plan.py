"""How long and how much memory planning takes: N logs of 40 frames in KITTI layout, with scans of one point. The first
plan reads every file, the next ones only what changed.

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

from occlabel.pipeline.planning.plan import Plan, make_plan
from occlabel.pipeline.planning.recipe_file import load_recipe
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


def timed_plan(root: Path, store: Store) -> tuple[Plan, float]:
    """The plan for the logs under ``root``, and the seconds that it took from opening them."""
    start = time.perf_counter()
    plan = make_plan(load_recipe("semantickitti_lidar"), open_logs(root), store)
    return plan, round(time.perf_counter() - start, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, store = Path(folder) / "logs", Store(Path(folder) / "store")
        make_logs(root, arguments.logs, arguments.frames)
        plan, first = timed_plan(root, store)
        _, again = timed_plan(root, store)
        (root / "sequences/00000/velodyne/000000.bin").write_bytes(np.ones(4, np.float32).tobytes())
        _, changed = timed_plan(root, store)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        facts = {"logs": len(plan.logs), "todo": len(plan.todo), "first_seconds": first, "again_seconds": again}
        print(json.dumps({**facts, "one_log_changed_seconds": changed, "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
