"""Training of the completion network: on the truth of logs, or without any on what a recipe's chain is sure of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.planning.catalogue import geometry_digest
from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.label_teacher import LabelTeacher
from occlabel.pipeline.teaching.labelled import labelled
from occlabel.pipeline.teaching.posed_logs import posed_logs
from occlabel.pipeline.teaching.segment_images import segment_images
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.stages.completion.weight_file import DRIVE
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.options import Options

_LOOKED_AT = 32
"""Frames by which statistics are estimated."""


def train(
    recipe: Recipe, reader: LogReader, out: Path, options: Options, executor: str, command: str
) -> dict[str, str]:
    """Trains on the logs and writes ``out``; returns the file's facts.

    With ``options.truth`` ``none`` the normalisation statistics of the start are made those of the logs; then, unless
    there are no steps, the logs are labelled with them and the recipe's stages up to voting, and what those are sure of
    is learned. Where the recipe's completion has ``paint`` its priors see the images of the logs first, and what those
    add is learned. Labels and segments lie in stores in the folder ``out`` with the suffix ``.training``; what is
    there is not computed again. Raises BadLog for logs from which nothing can be learned, BadRecipe for paint without
    truth.
    """
    from occlabel.stages.completion.training import refuse_paint, train_completion

    painted = getattr(recipe.completion, "paint", False)
    if painted:
        refuse_paint(options, recipe.space)
    _refuse_first(recipe, out, options)
    if options.truth != "none":
        images = segment_images(recipe, reader, out.with_suffix(".training"), executor) if painted else None
        posed = posed_logs(recipe, reader, out.with_suffix(".training"), executor)
        return train_completion(recipe.space, posed, out, options, command, images)
    return _without_truth(recipe, reader, out, options, executor, command)


def _refuse_first(recipe: Recipe, out: Path, options: Options) -> None:
    """Raises what the training would, before logs are placed and labelled for it."""
    from occlabel.stages.completion.training import start_of, starting
    from occlabel.stages.learning.trainer import check_ready

    if options.steps:
        check_ready(out.with_suffix(".training"), options)
    start = start_of(options, recipe.space)
    if start is not None:
        starting(start, recipe.space)


def _without_truth(
    recipe: Recipe, reader: LogReader, out: Path, options: Options, executor: str, command: str
) -> dict[str, str]:
    from occlabel.stages.completion.labelled import Labelled, split_few
    from occlabel.stages.completion.samples import WholeFrames
    from occlabel.stages.completion.statistics import re_estimate
    from occlabel.stages.completion.teacher import SilentTeacher
    from occlabel.stages.completion.training import (
        refuse_nothing,
        start_of,
        starting,
        teach,
        write_weights,
    )
    from occlabel.stages.learning.weight_header import named_with_digest, provenance

    space = recipe.space
    if recipe.completion is None:
        raise BadRecipe("the recipe has no completion: there is nothing to adapt")
    start = start_of(options, space)
    assert start is not None  # see Options
    posed = posed_logs(recipe, reader, out.with_suffix(".training"), executor)
    logs = list(posed.logs())
    seen = Labelled.of_logs(posed, logs, space, SilentTeacher(space))
    if not len(seen):
        raise BadLog(f"{reader.root} has no frame with a LiDAR sweep: the built-in network can learn nothing from it")
    network, temperature = starting(start, space)
    frames = WholeFrames(seen, _LOOKED_AT, options.sweeps)
    count = re_estimate(network, (frames[number]["volume"] for number in range(len(frames))))
    told = {
        "start": named_with_digest(start),
        "statistics": f"of {count} frames",
        "sweeps": str(options.sweeps),
        "truth": "none",
        "logs": provenance(log.text for log in logs),
        "asked": asked_digest(recipe, options),
        "command": command,
        **_drive(reader),
    }
    if options.steps == 0:
        return write_weights(network, temperature, out, space, told)
    weights = out.with_suffix(".training") / "statistics.safetensors"
    write_weights(network, temperature, weights, space, told)
    teacher = _labels(_chain(recipe, weights), reader, out, options, executor)
    split = split_few(posed, space, options.held_out_every, teacher)
    refuse_nothing(split.learned, f"label it with another start, or lower --sure {options.sure:g}")
    told["labels"] = ", ".join(step.name for step in _chain(recipe, weights).chain)
    return teach(split, out, options.model_copy(update={"start": weights}), told)


def asked_digest(recipe: Recipe, options: Options) -> str:
    """Of what decides weights that are adapted without truth, besides the start and the logs. The weights that the
    recipe names for the network do not: those of the start look at the logs."""
    from occlabel.stages.completion.training import TRAINING

    looks = recipe.completion
    if looks is not None and looks.kind == "lmscnet":
        recipe = recipe.model_copy(update={"completion": looks.model_copy(update={"weights": None})})
    told = options.model_dump(mode="json", exclude={"start", "resume", "device"})
    return digest_of([recipe.to_yaml(), told, TRAINING])


def _drive(reader: LogReader) -> dict[str, str]:
    """By what the log is known again that weights were adapted to, where that is one alone."""
    logs = list(reader.logs())
    return {DRIVE: geometry_digest(logs[0])} if len(logs) == 1 else {}


def _chain(recipe: Recipe, weights: Path) -> Recipe:
    """What labels the logs: the stages up to voting, with ``weights`` where it is the built-in network that looks."""
    assert recipe.completion is not None  # see _without_truth
    looks = recipe.completion
    if looks.kind == "lmscnet":
        looks = looks.model_copy(update={"weights": weights.absolute()})
    return recipe.model_copy(update={"completion": looks}).without(["instances", "tracking"])


def _labels(chain: Recipe, reader: LogReader, out: Path, options: Options, executor: str) -> LabelTeacher:
    """The logs of ``reader``, labelled with ``chain``."""
    store = Store(str(out.with_suffix(".training") / "labels"))
    return labelled_by(chain, reader, store, options.sure, executor, own=True)


def labelled_by(
    chain: Recipe, reader: LogReader, store: Store, sure: float, executor: str, *, own: bool = False
) -> LabelTeacher:
    """Labels the logs of ``reader`` with ``chain``, or finds them labelled in ``store``; ``own`` as ``labelled``."""
    return LabelTeacher(labelled(chain, reader, store, executor, own=own), chain.space, sure)
