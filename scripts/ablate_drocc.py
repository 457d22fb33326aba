"""What the parts of Dr.Occ are worth, as in table 2 of its paper: rows trained alike, judged on held-out logs.

    occlabel simulate --format nuscenes --split train --seed 9500 --logs 60 --frames 10 --rate 1 \
        --priors exact --priors degraded --out TRAIN
    occlabel simulate --format nuscenes --split val --seed 9700 --logs 12 --frames 10 --rate 1 \
        --priors exact --priors degraded --out VAL
    python scripts/ablate_drocc.py RECIPE --logs TRAIN --held-out VAL --out FOLDER --steps 3000 --seeds 0 1

RECIPE's priors say what depth the networks are given: a kind that looks at images, or stored_depth of
priors/degraded/depth/{log}/{camera}/{frame}.png of both roots (their folders linked into one; give them logs of other
names). Each row is printed when it is done, with the time of a step; a run that was stopped goes on. With few steps let
all rows go on from one base (--start-steps): they then differ by their parts and not by how far each has come.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.teaching.drocc_rows import ROWS, Result, Trials, ablate, table
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.train_drocc import prepared
from occlabel.stages.completion.drocc.options import Options
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[], help="as of occlabel run; may be given again")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--start-steps", type=int, default=0, help="of a base that all rows of a seed go on from")
    parser.add_argument("--rate", type=float, default=Options().rate)
    parser.add_argument("--epoch", type=int, default=500)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    told = parser.parse_args()
    recipe = load_recipe(told.recipe, told.set)
    options = Options(steps=told.steps, epoch=told.epoch, device=told.device, rate=told.rate)
    trials = Trials(told.rows, told.seeds, told.start_steps)
    readers = open_logs(told.logs), open_logs(told.held_out)
    lesson = prepared(recipe, Roots(*readers), Store(str(told.out / "priors")), "local")
    results: list[Result] = []
    begun = time.perf_counter()
    for result in ablate(recipe.space, lesson, told.out, options, trials):
        took, begun = time.perf_counter() - begun, time.perf_counter()
        results.append(result)
        print(
            f"{result.row}, seed {result.seed}: IoU {100 * result.iou:.2f}, mIoU {100 * result.miou:.2f} over "
            f"{result.frames} frames; {took / options.whole_steps:.2f} s a step with scoring",
            flush=True,
        )
    print(table(results))


if __name__ == "__main__":
    main()
