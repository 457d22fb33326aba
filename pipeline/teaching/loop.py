"""Closing the data loop: what pseudo-labels of unlabelled logs are worth to an onboard model, row by row.

OccFiner (table V) adds labels of logs without truth to the training of an onboard model, and asks on other logs what
that bought. All rows train the same network for the same number of steps, from nothing or from the weights of a model
that is there; what they differ in is what they are told of the unlabelled logs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.planning.fingerprint import digest_of, stage_digest
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.apart import refuse_shared
from occlabel.pipeline.teaching.loop_propagation import STEPS, with_own_propagation
from occlabel.pipeline.teaching.loop_rows import ALONE, BEFORE, OFFBOARD, TRUTH, Rows, rows_of
from occlabel.pipeline.teaching.loop_scores import Scores, score
from occlabel.pipeline.teaching.loop_table import LoopTable
from occlabel.pipeline.teaching.posed_logs import posed_logs
from occlabel.pipeline.teaching.train_completion import labelled_by
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.words import counted
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.labelled import Labelled, Split
    from occlabel.stages.completion.options import Options
    from occlabel.stages.completion.teacher import Teacher


@dataclass(frozen=True)
class Loop:
    """What is asked."""

    recipe: Recipe
    labelled: LogReader
    """Logs with truth, learned from in every row."""
    unlabelled: LogReader
    """Logs that the rows have labelled."""
    held_out: LogReader
    """Logs with truth, learned from in none."""
    options: Options
    """Of each training; ``truth`` is that of the labelled and held-out logs, ``start`` what all rows begin from. Seed
    and sweeps are the rows'."""
    seeds: int
    executor: str


def close_loop(loop: Loop, out: Path, note: Callable[[str], None] = lambda _: None) -> LoopTable:
    """Trains and scores every row with every seed; returns the table, which also lies in ``out/loop.json``.

    What lies in ``out`` is not done again: a loop that was killed goes on, and one with more seeds adds theirs. Each
    training has a folder of its own there. ``note`` is told what goes on, in sentences. Raises OcclabelError when
    ``out`` holds a loop that asked something else, BadLog when logs lack truth or two roots hold the same log,
    BadWeights for a start that does not serve the recipe, and as the trainings do.
    """
    from occlabel.stages.learning.trainer import check_device

    check_device(loop.options.device)
    out.mkdir(parents=True, exist_ok=True)
    work = _Work(loop, out, note)
    table = LoopTable.read(out / "loop.json", work.asked, work.rows)
    table.write(out / "loop.json")  # before there are weights: those of another loop are not gone on with
    for sentence in work.rows.left_out:
        note(f"left out: {sentence}")
    left = [(row, seed) for seed in range(loop.seeds) for row in work.rows.names if not table.has(row, seed)]
    if left:
        work.read_through()
    for row, seed in left:
        table.add(row, seed, work.done(row, seed))
        table.write(out / "loop.json")
    return table


class _Work:
    """The trainings of a loop, each done once."""

    def __init__(self, loop: Loop, out: Path, note: Callable[[str], None]) -> None:
        from occlabel.stages.completion.labelled import Labelled
        from occlabel.stages.completion.training import start_of, starting

        self._loop, self._out, self._note = loop, out, note
        space = loop.recipe.space
        self._logs = {name: list(getattr(loop, name).logs()) for name in ("labelled", "unlabelled", "held_out")}
        refuse_shared(self._logs)
        options = loop.options
        self._start = start_of(options, space)
        if self._start is not None:
            starting(self._start, space)  # what does not serve is said before anything lies in the folder
        self._split = self._known(loop.labelled, sweeps=0)
        self._judged = Labelled.of_logs(loop.held_out, self._logs["held_out"], space, self._teacher(loop.held_out))
        if not len(self._judged):
            what = self._teacher(loop.held_out).what
            raise BadLog(f"{loop.held_out.root} has no frame with LiDAR and {what}: there is nothing to judge by")
        unlabelled = self._logs["unlabelled"]
        self._known_after_all = Labelled.of_logs(loop.unlabelled, unlabelled, space, self._teacher(loop.unlabelled))
        frames = sum(frame.sweep is not None for log in unlabelled for frame in log.frames)
        share = len(self._known_after_all) / max(frames, 1)
        self.rows: Rows = rows_of(loop.recipe, share, self._start is not None)
        learned = len(self._split.learned)
        note(
            f"learned from: {counted(learned, 'frame')} with {self._teacher(loop.labelled).what} and {frames} without "
            f"(1 : {frames / max(learned, 1):.1f}); judged on {len(self._judged)}"
        )

    def read_through(self) -> None:
        """Opens what rows read late. Raises DamagedFile now for what would end the loop after hours of training."""
        for frames in (self._judged, self._known_after_all):
            for number in range(len(frames)):
                frames.scan(number)
                frames.truth(number)

    @property
    def asked(self) -> str:
        """A digest of everything but the number of seeds."""
        from occlabel.stages.completion.training import TRAINING
        from occlabel.stages.learning.weight_header import named_with_digest

        recipe = self._loop.recipe
        options = self._loop.options.model_dump(mode="json", exclude={"seed", "resume", "device", "start"})
        start = [] if self._start is None else [named_with_digest(self._start)]
        texts = {name: [log.text for log in logs] for name, logs in self._logs.items()}
        rest = [step.stage for step in recipe.chain if step.name != "completion"]  # whose weights the rows replace
        digests = [stage_digest(stage, recipe.space, recipe.clip_frames, "cpu") for stage in rest]
        assert recipe.completion is not None  # see rows_of
        versions = [TRAINING, recipe.completion.version, f"own propagation, {STEPS} steps"]
        return digest_of([recipe.model_dump(mode="json"), versions, digests, options, texts, *start])

    def done(self, row: str, seed: int) -> Scores:
        """The scores of a row."""
        from occlabel.stages.completion.training import starting

        weights = self._weights(row, seed)
        self._note(f"seed {seed}, {row}: scoring {counted(len(self._judged), 'frame')}")
        return score(*starting(weights, self._loop.recipe.space), self._judged, self._loop.options.device)

    def _weights(self, row: str, seed: int) -> Path:
        """The weights that the row trains, trained if they are not there."""
        if row == BEFORE:
            assert self._start is not None  # see rows_of
            return self._start
        weights = self._place(row, seed)
        if not weights.is_file():
            split = self._split if row == ALONE else self._with(self._told(row, seed))
            self._train(weights, split, seed, sweeps=0, title=row)
        return weights

    def _told(self, row: str, seed: int) -> Labelled:
        """The unlabelled logs, as the row has them labelled."""
        from occlabel.stages.completion.labelled import Labelled
        from occlabel.stages.completion.training import recalling, refuse_nothing

        loop, logs = self._loop, self._logs["unlabelled"]
        if row == TRUTH:
            return recalling(self._known_after_all, loop.options.model_copy(update={"sweeps": 0}))
        looks = self._offboard(seed) if row == OFFBOARD else self._weights(ALONE, seed)
        chain = self._correcting(self.rows.chain(row, looks), row, seed)
        steps = ", ".join(step.name for step in chain.chain)
        self._note(f"seed {seed}, {row}: labelling {counted(len(logs), 'log')} with {steps}")
        store = Store(str(self._place(row, seed).parent / "labels"))
        teacher = labelled_by(chain, loop.unlabelled, store, loop.options.sure, loop.executor)
        told = Labelled.of_logs(loop.unlabelled, logs, loop.recipe.space, teacher)
        refuse_nothing(told, f"{row!r} would be {ALONE!r} once more; lower --sure {loop.options.sure:g}")
        return told

    def _correcting(self, chain: Recipe, row: str, seed: int) -> Recipe:
        """With local propagation, where there is any, that has learned the errors of the model that looks."""
        loop, weights = self._loop, self._place(f"propagation of {row}", seed)
        if chain.propagation is not None and not weights.is_file():
            self._note(f"seed {seed}, {row}: propagation learns the errors of its model, {STEPS} steps")
        asked = loop.options.model_copy(update={"seed": seed})
        return with_own_propagation(chain, loop.labelled, weights, asked, loop.executor, self._note)

    def _with(self, told: Labelled) -> Split:
        logs = (*self._split.logs, *self._logs["unlabelled"])
        return replace(self._split, learned=self._split.learned + told, logs=logs)

    def _offboard(self, seed: int) -> Path:
        """Weights that look at sweeps before and after a frame, of the labelled logs alone, where geometry finds them:
        so they lie when the recipe labels."""
        weights, sweeps = self._place("offboard model", seed), 2 * self.rows.reach
        if not weights.is_file():
            posed = posed_logs(self._loop.recipe, self._loop.labelled, self._out, self._loop.executor)
            self._train(weights, self._known(posed, sweeps), seed, sweeps, title="offboard model")
        return weights

    def _known(self, reader: LogReader, sweeps: int) -> Split:
        """The labelled logs as ``reader`` has them, for a network that sees so many sweeps of other frames at most."""
        from occlabel.stages.completion.labelled import split_few
        from occlabel.stages.completion.training import recalling

        options = self._loop.options.model_copy(update={"sweeps": sweeps})
        split = split_few(reader, self._loop.recipe.space, options.held_out_every, self._teacher(reader))
        return replace(split, learned=recalling(split.learned, options))

    def _train(self, weights: Path, split: Split, seed: int, sweeps: int, title: str) -> None:
        from occlabel.stages.completion.training import teach

        self._note(f"seed {seed}, {title}: {self._loop.options.steps} steps on {counted(len(split.learned), 'frame')}")
        told = {"seed": seed, "sweeps": sweeps, "resume": True}
        teach(split, weights, self._loop.options.model_copy(update=told), {"loop": title})

    def _place(self, row: str, seed: int) -> Path:
        return self._out / f"seed-{seed}" / f"{row.replace('+ ', '').replace(' ', '-')}.safetensors"

    def _teacher(self, reader: LogReader) -> Teacher:
        from occlabel.stages.completion.point_teacher import PointTeacher
        from occlabel.stages.completion.teacher import VoxelTeacher

        return (PointTeacher if self._loop.options.truth == "points" else VoxelTeacher)(reader, self._loop.recipe.space)
