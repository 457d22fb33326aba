"""What labels of a few frames are worth on streets of another log: cross-validated on the sequences of a KITTI root.

Each sequence is left out once: the shipped weights are adapted to 10, 20 and 30 labelled frames of the others, evenly
spread, and judged at the labelled points of the one left out, by single frames or by the whole recipe; also adapted to
that one without its labels. What OUT holds is not trained again.

    python scripts/adapt.py KITTI --out OUT [--rows statistics none 10 20 30] [--steps 50] [--whole]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.pipeline.teaching.delegating_reader import DelegatingReader
from occlabel.pipeline.teaching.train_completion import train
from occlabel.schemas.drive_log import DriveLog, Frame, Truth, VoxelTruth
from occlabel.stages.completion.options import SHIPPED, Options
from occlabel.stages.evaluation.points import PointScores
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store


@dataclass(frozen=True)
class FewLabels(DelegatingReader):
    """Some logs of a reader, and the labels of ``count`` of their frames."""

    ids: tuple[str, ...]
    count: int

    def log_ids(self) -> list[str]:
        return list(self.ids)

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        logs = list(self.reader.logs(list(self.ids)))
        labelled = [(log.id, frame.name) for log in logs for frame in log.frames if frame.truth.points is not None]
        spread = np.linspace(0, len(labelled) - 1, min(self.count, len(labelled))).round().astype(int)
        kept = {labelled[index] for index in spread}
        for log in logs:
            frames = [f if (log.id, f.name) in kept else replace(f, truth=Truth()) for f in log.frames]
            if ids is None or log.id in ids:
                yield replace(log, frames=tuple(frames))

    def stamp(self) -> str | None:
        return None

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None


@dataclass(frozen=True)
class Judge:
    """Of the single frames of a recipe's completion, or of the ``whole`` recipe."""

    recipe: Recipe
    root: Path
    whole: bool

    def scores(self, weights: Path | None, log: str, store: Store, version: str) -> PointScores:
        """At the labelled points of ``log``, with ``weights``."""
        label_logs(
            self._with(weights), open_logs(self.root), store, version, log_ids=[log], workplace=Workplace("local"),
            quiet=True,
        )  # fmt: skip
        found = evaluate(f"{store.location}@{version}", self.root, "semantickitti", "points", logs=[log]).scores["full"]
        assert isinstance(found, PointScores)
        return found

    def _with(self, weights: Path | None) -> Recipe:
        assert self.recipe.completion is not None
        looks = self.recipe.completion.model_copy(update={"weights": weights})
        if self.whole:
            return self.recipe.model_copy(update={"completion": looks}).without(["instances", "tracking"])
        single = self.recipe.model_copy(update={"completion": looks.model_copy(update={"sweeps": 0})})
        return single.without([slot for slot in SLOTS if slot != looks.slot])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--recipe", default="semantickitti_lidar")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="*", default=["statistics", "none", "10", "20", "30"])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--sweeps", type=int, default=8, help="as of occlabel train completion")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--whole", action="store_true", help="Judge by the whole recipe, not by its single frames.")
    parser.add_argument("--only", nargs="*", help="Sequences to leave out; all by default.")
    asked = parser.parse_args()
    recipe, reader = load_recipe(asked.recipe), open_logs(asked.root)
    judge, kept = Judge(recipe, asked.root, asked.whole), "-whole" if asked.whole else ""
    logs = [log.id for log in reader.logs() if any(frame.truth.points is not None for frame in log.frames)]
    common = {
        "seed": asked.seed,
        "start": SHIPPED,
        "sweeps": asked.sweeps,
        "epoch": max(min(asked.steps, 50), 1),
        "resume": True,
    }
    rows: dict[str, Options] = {}
    for row in asked.rows:
        steps = 0 if row == "statistics" else asked.steps
        rows[row] = Options(truth="points" if row.isdigit() else "none", steps=steps, **common)
    print(f"{'left out':10}{'shipped':>16}" + "".join(f"{row:>16}" for row in rows))
    every: list[list[PointScores]] = []
    for left in asked.only or logs:
        folder = asked.out / left
        store = Store(str(folder / "store"))
        scores = [judge.scores(None, left, store, "shipped" + kept)]
        for row, options in rows.items():
            weights = folder / f"{row}.safetensors"
            count = int(row) if row.isdigit() else 0
            others = tuple(log for log in logs if log != left)
            learned = FewLabels(reader, others if count else (left,), count)
            if not weights.is_file():
                train(recipe, learned, weights, options, "local", f"scripts/adapt.py: {row}, {left} left out")
            scores.append(judge.scores(weights, left, store, row + kept))
        every.append(scores)
        _print(left, scores)
    print(f"{'mean':10}" + "".join(f"{_mean(column):>16}" for column in zip(*every, strict=True)))


def _mean(scores: Sequence[PointScores]) -> str:
    miou, accuracy = (100 * float(np.mean([getattr(s, what) for s in scores])) for what in ("miou", "accuracy"))
    return f"{miou:.1f} / {accuracy:.1f}"


def _print(left: str, scores: list[PointScores]) -> None:
    print(f"{left:10}" + "".join(f"{_mean([s]):>16}" for s in scores), flush=True)


if __name__ == "__main__":
    main()
