"""What orchestration costs: wall time of a run on Ray, less what its workers computed.

    python scripts/bench_orchestration.py LOGS [--recipe NAME]

Simulate LOGS first, e.g. ``occlabel simulate --format kitti --logs 2 --frames 40 --seed 0 --out LOGS``. Prints the
share of ``wall x workers`` in which no worker was loading, computing or writing: starting Ray and the workers, waiting
for what is not ready, scheduling.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.running.label import label_logs
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--recipe", default="semantickitti_lidar")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        report = label_logs(
            load_recipe(arguments.recipe), open_logs(arguments.logs, None), Store(folder), "bench", quiet=True
        )
        wall = time.perf_counter() - start
        assert report.run is not None
        busy = sum(stage.seconds for stage in report.run.stages)
        hands = report.run.workers
        facts = {
            "workers": hands,
            "wall_s": round(wall, 2),
            "worker_busy_s": round(busy, 2),
            "orchestration_share": round(1 - busy / (wall * hands), 4),
            "per_stage_s": {stage.stage: round(stage.seconds, 2) for stage in report.run.stages},
        }
        print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
