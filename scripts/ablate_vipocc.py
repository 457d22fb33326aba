"""ViPOcc's table 5 on logs of one's own: sampler, inverse depth, losses; no labels are needed, but sweeps and poses.

    occlabel simulate --format kitti --split train --seed 100 --logs 20 --frames 50 --priors degraded --out TRAIN
    occlabel simulate --format kitti --split val --seed 7300 --logs 4 --frames 30 --priors degraded --out VAL
    python scripts/ablate_vipocc.py RECIPE --logs TRAIN --held-out VAL --out ROWS [--steps 4000]

RECIPE has the priors and completion: {kind: vipocc, weights: any.safetensors}. Where priors are files of each log, as
simulate writes them, both roots must name their logs differently, and the files of both lie in one place. Scores are
those of --at visible, in the slice of the released evaluator; beside them the relative error of depth at half of the
points of held-out sweeps, of the priors, of the branch and of what the field renders. A second run with the same OUT
goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.teaching.vipocc_rows import ROWS, rows
from occlabel.stages.completion.vipocc.options import Options
from occlabel.stages.ingest.recognise import open_logs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=Options().batch)
    parser.add_argument("--rays", type=int, default=Options().rays)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    asked = parser.parse_args()
    told = {name: getattr(asked, name) for name in ("steps", "batch", "rays", "seed", "device")}
    options = Options(**told, epoch=min(asked.steps, 500))
    readers = open_logs(asked.logs), open_logs(asked.held_out)
    print("| | O_acc | IE_acc | IE_rec | depth error |\n| --- | --- | --- | --- | --- |")
    for row in rows(load_recipe(asked.recipe), readers, asked.out, options, asked.rows):
        scene = row.scores["scene slice"]
        numbers = " | ".join(f"{value:.3f}" for value in (scene.o_acc, scene.ie_acc, scene.ie_rec))
        print(f"| {row.name} | {numbers} | {row.abs_rel or '-'} |", flush=True)


if __name__ == "__main__":
    main()
