"""A table of the chain: single frame, local, global, both, sweeps put together, the recipe, accumulated LiDAR.

    python scripts/ablate_chain.py RECIPE --logs LOGS --store STORE [--at points] [--rows single "far:voting.radius=50"]

LOGS is a root of logs with truth of voxels (towns), or with labelled points; may be given again: the logs of all roots
are one draw. mIoU is over the classes that the truth holds, with IoU, of all logs together; at points, and around them
(as occlabel evaluate --at around), with accuracy, the mean over logs, which hold other classes each. Gains are over the
first row. In brackets where nine in ten draws of as many logs put it. What STORE holds is not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from numpy import int64
from numpy.typing import NDArray

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.quality.ablation.chain import below_parts, rows
from occlabel.pipeline.quality.benchmark import BENCHMARKS
from occlabel.pipeline.quality.counting import At, LogCounts, Question
from occlabel.pipeline.quality.draws import Draws, figure, gain
from occlabel.pipeline.quality.evaluate import EvaluateLog
from occlabel.pipeline.running.jobs import run_job
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import BadRecipe
from occlabel.stages.evaluation import points
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store

LOCAL = Workplace("local")
Counted = list[dict[str, NDArray[int64]]]


def counted(recipe: Recipe, root: Path, store: Store, row: str, question: Question, logs: list[str] | None) -> Counted:
    """Counts [prediction, truth] of each log by range, labelled by ``recipe``."""
    named = " ".join([row, root.name, *(logs or [])])
    version = "".join(c if c.isalnum() else "-" for c in named).lower()
    report = label_logs(recipe, open_logs(root), store, version, log_ids=logs, workplace=LOCAL, quiet=True)
    if report.state != "complete":  # rows that lack frames would not compare
        sys.exit(f"row {row}: {root} could not be labelled whole: {report.message or report.state}")
    job = EvaluateLog(labels=f"{store.location}@{version}", question=question)
    units = logs or sorted(log.id for log in open_logs(root).logs())
    done = run_job(job, units, store, LOCAL, quiet=True)
    if done.failed:
        sys.exit(f"row {row}: " + "; ".join(f"log {log}: {why}" for log, why in done.failed.items()))
    found = [LogCounts.from_bytes(done.results[unit]).counts for unit in units]
    if question.at != "voxels":
        return [{question.at: counts[f"{question.at} counts"]} for counts in found]
    marked = "voxels range "
    return [{n.removeprefix(marked): c for n, c in counts.items() if n.startswith(marked)} for counts in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--logs", type=Path, action="append", required=True)
    parser.add_argument("--log", action="append", help="Only this log.")
    parser.add_argument("--store", required=True)
    parser.add_argument("--at", choices=("voxels", "points", "around"), default="voxels")
    parser.add_argument("--rows", nargs="*", default=["single", "local", "global", "both", "recipe", "accumulated"])
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    try:
        chosen = rows(asked.recipe, asked.rows, asked.set)
    except BadRecipe as error:
        sys.exit(str(error))
    form: Format = "semantickitti" if next(iter(chosen.values())).grid.frame == "lidar" else "occ3d"
    table: dict[str, Counted] = {}
    for row, recipe in chosen.items():
        table[row] = []
        for root in asked.logs:
            truth = root / "gts" if form == "occ3d" and asked.at == "voxels" else root
            question = Question(truth.absolute(), form, asked.at)
            table[row] += counted(recipe, root, Store(asked.store), row, question, asked.log)
        _print(table, asked.at, form, only=row)
    facts = _facts(table, asked.at, form)
    for range_, by_row in facts.items():
        for sentence in below_parts({row: told["miou"][0] for row, told in by_row.items()}):
            print(f"{range_}: {sentence}")
    if asked.json:
        asked.json.write_text(json.dumps(facts, indent=1))


def _figures(counts: Counted, range_: str, at: At, form: Format) -> tuple[list[float], list[float]]:
    """mIoU, and IoU or accuracy, by draw (see ``Draws``), in percent."""
    draws, of = Draws.of(len(counts)), BENCHMARKS[form].taxonomy
    each = [log[range_] for log in counts]
    if at != "voxels":
        found = [points.score(count, of) for count in each]
        return draws.means([100 * s.miou for s in found]), draws.means([100 * s.accuracy for s in found])
    scores = draws.scores(each, BENCHMARKS[form].score, of)
    return [100 * s.miou_present for s in scores], [100 * s.iou for s in scores]


def _facts(table: dict[str, Counted], at: At, form: Format) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Range -> row -> figures as [value, low, high]."""
    result: dict[str, dict[str, dict[str, list[float]]]] = {}
    first = next(iter(table.values()))
    for range_ in first[0]:
        base, _ = _figures(first, range_, at, form)
        result[range_] = {}
        for row, counts in table.items():
            miou, other = _figures(counts, range_, at, form)
            told = {"miou": figure(miou), "iou" if at == "voxels" else "accuracy": figure(other)}
            told["gain"] = gain(miou, base)
            result[range_][row] = {name: [f.value, f.low, f.high] for name, f in told.items()}
    return result


def _print(table: dict[str, Counted], at: At, form: Format, only: str) -> None:
    for range_, by_row in _facts(table, at, form).items():
        told = {name: "{:.1f} [{:.1f}, {:.1f}]".format(*f) for name, f in by_row[only].items()}
        logs = len(table[only])
        print(
            f"{only:16} {range_:>6}: " + ", ".join(f"{n} {t}" for n, t in told.items()) + f"; {logs} logs", flush=True
        )


if __name__ == "__main__":
    main()
