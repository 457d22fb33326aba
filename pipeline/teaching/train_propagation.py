"""Training of local propagation on the labels of a recipe's completion: labels the logs first, then learns."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.fingerprint import onboard_name
from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.teaching.held_out import Roots, refuse_one, sources_of
from occlabel.pipeline.teaching.labelled import labelled
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.truth import check_truth, learnable_truth
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.propagation.options import Options
    from occlabel.stages.propagation.samples import Labelled


def train(recipe: Recipe, logs: Roots, out: Path, options: Options, executor: str, command: str) -> dict[str, str]:
    """Labels the logs with the recipe's completion, trains on them, writes ``out``; returns the file's facts.

    Of every tenth log, and of those that are held out, nothing is learned: they say how good the network is, and when
    it names which class how surely. The onboard labels lie in a store in the folder ``out`` with the suffix
    ``.training``; what is there is not computed again. Raises BadLog when the logs hold too little truth or too little
    way, BadWeights when the training cannot start from the weights that it was told to.
    """
    from occlabel.stages.learning.trainer import check_ready
    from occlabel.stages.propagation.training import check_options, train_propagation

    # What cannot work is said before hours of labelling.
    check_options(options, recipe.space)
    check_ready(out.with_suffix(".training"), options)
    if recipe.completion is None:
        raise BadRecipe("the recipe has no completion, whose labels local propagation learns to correct")
    sources = sources_of(recipe, logs)
    known = [_with_truth(source, recipe.space) for source in sources]
    if len(sources) == 1:
        refuse_one(logs.learned.root, known[0], " with voxel truth", ", or others with --held-out")
    later = SLOTS[SLOTS.index("completion") + 1 :]
    onboard = recipe.model_copy(update=dict.fromkeys(later))
    store = Store(str(out.with_suffix(".training") / "onboard"))
    learned, *others = (_labels(onboard, source, store, executor) for source in sources)
    facts = {"onboard": onboard_name(recipe.completion, onboard.space), "command": command}
    return train_propagation(recipe.space, learned, out, options, facts, others[0] if others else [])


def _with_truth(reader: LogReader, space: LabelSpace) -> list[str]:
    """The logs that have some. Raises BadLog where none has, or where it is no truth of ``space``."""
    known = [log.id for log in reader.logs() if any(frame.truth.voxels is not None for frame in log.frames)]
    if not known:
        raise BadLog(f"{reader.root} has no log with voxel truth; occlabel simulate writes such logs")
    check_truth(reader, (frame for log in reader.logs() for frame in log.frames), space)
    return known


def _labels(onboard: Recipe, reader: LogReader, store: Store, executor: str) -> list[Labelled]:
    """The logs of ``reader`` that have truth, labelled with the onboard model."""
    published = labelled(onboard, reader, store, executor)
    logs = reader.logs(list(published.logs))
    found = [_labelled(log, reader, onboard, list(published.frames(log.id))) for log in logs]
    return [log for log in found if len(log.poses) > 0]


def _labelled(log: DriveLog, reader: LogReader, recipe: Recipe, published: list[PublishedFrame]) -> Labelled:
    """The frames of a log that have both onboard labels and truth."""
    from occlabel.stages.propagation.samples import Labelled

    rows = {frame.name: frame for frame in published}
    frames = [frame for frame in log.frames if frame.name in rows and frame.truth.voxels is not None]
    volumes = partial(_volumes, [rows[frame.name] for frame in frames])

    def truth(row: int) -> NDArray[np.uint8]:
        return learnable_truth(reader, frames[row], recipe.space)

    poses = [rows[frame.name].world_from_grid for frame in frames]
    return Labelled(poses, [frame.time for frame in frames], volumes, truth)


def _volumes(frames: list[PublishedFrame], row: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return frames[row][SEMANTICS], frames[row][CONFIDENCE]
