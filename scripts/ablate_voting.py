"""What the parts of the vote are worth: mIoU, movable classes, ghosts and trails, on some frames of simulated logs.

    python scripts/ablate_voting.py STORE@VERSION --logs LOGS [--every 9]

VERSION holds what votes: ``occlabel run RECIPE --logs LOGS --store STORE --version VERSION --skip voting``.
Each row of the first part changes the row before it, up to the recipe's vote. Scores are over the scored voxels of the
widest range, mIoU over the classes that the truth holds. Ghosts are voxels labelled movable that are free in truth;
trails are those of them where something movable is in another frame of the window, and nothing movable beside them;
beside, those that touch something movable in truth: its surface, drawn a voxel too thick.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.ablation.vote import Table, rows, score_log
from occlabel.schemas.stage import Hands
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.voting.stage import Registration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--every", type=int, default=9, help="one target in so many frames")
    parser.add_argument("--recipe", help="whose voting options are the default [default: that of the grid]")
    options = parser.parse_args()
    version, reader = open_version(options.version), open_logs(options.logs)
    shipped = {0.2: "semantickitti_lidar", 0.4: "nuscenes_lidar"}
    default = load_recipe(options.recipe or shipped[version.space.grid.voxel_size]).voting
    assert isinstance(default, Registration)
    logs = list(reader.logs(list(version.logs)))
    frustum = Registration(sensor="camera")
    cameras = all(frustum.refuse(version.space, log.rig) is None for log in logs)
    table, hands = Table(rows(default, cameras), version.space.taxonomy), Hands(threads=len(os.sched_getaffinity(0)))
    for log in logs:
        truths = [reader.voxel_truth(frame) for frame in log.frames]
        targets = range(options.every // 2, len(log.frames), options.every)
        score_log(version, log, [truth for truth in truths if truth is not None], targets, hands, table)
    for name, counts in table.counts.items():
        print(f"{name:36}{counts.line(version.space.taxonomy)}", flush=True)


if __name__ == "__main__":
    main()
