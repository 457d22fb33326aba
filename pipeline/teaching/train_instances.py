"""Training of the object module on refined labels: labels the logs by the recipe up to voting, then learns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.pipeline.teaching.held_out import refuse_one
from occlabel.pipeline.teaching.labelled import labelled
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.truth import check_truth, in_classes
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.instances.options import Options
    from occlabel.stages.instances.samples import Scene, Scenes


def train(
    recipe: Recipe, reader: LogReader, out: Path, options: Options, executor: str, command: str
) -> dict[str, str]:
    """Labels the logs with the recipe's stages before instances, trains on them, writes ``out``; returns its facts.

    Every tenth log is held out. The labels lie in a store in the folder ``out`` with the suffix ``.training``; what is
    there is not computed again. Raises BadLog when fewer than two logs have both voxel truth and boxes, BadWeights
    when the training cannot start from the weights that it was told to.
    """
    from occlabel.stages.instances.training import check_options, train_instances
    from occlabel.stages.learning.trainer import check_ready

    # What cannot work is said before hours of labelling.
    check_ready(out.with_suffix(".training"), options)
    check_options(options, recipe.space)
    ids = [log.id for log in reader.logs() if _frames(log)]
    if not ids:
        raise BadLog(
            f"{reader.root} has no log with voxel truth and boxes, which say whose voxel is whose; occlabel simulate "
            "writes such logs"
        )
    refuse_one(reader.root, ids, having=" with voxel truth and boxes")
    check_truth(reader, (frame for log in reader.logs(ids) for frame in _frames(log)), recipe.space)
    refined = recipe.model_copy(update=dict.fromkeys(("instances", "tracking", "audit")))
    store = Store(str(out.with_suffix(".training") / "refined"))
    published = labelled(refined, reader, store, executor)
    logs = reader.logs([log for log in published.logs if log in ids])
    scenes = [scenes_of(log, reader, recipe.space, list(published.frames(log.id))) for log in logs]
    facts = {"labels": ", ".join(step.name for step in refined.chain), "command": command}
    return train_instances(recipe.space, [log for log in scenes if len(log)], out, options, facts)


def _frames(log: DriveLog) -> list[Frame]:
    """The frames of a log that say which voxels there are and where its objects are."""
    return [f for f in log.frames if f.truth.voxels is not None and f.world_from_ego is not None and _boxes(log)]


def _boxes(log: DriveLog) -> bool:
    return any(frame.truth.boxes for frame in log.frames)


def scenes_of(log: DriveLog, reader: LogReader, space: LabelSpace, published: list[PublishedFrame]) -> Scenes:
    """The frames of ``log`` that have labels, voxel truth and boxes."""
    from occlabel.stages.instances.samples import Scenes

    rows = {frame.name: frame for frame in published}
    frames = [_Reading(reader, log, frame, rows[frame.name], space) for frame in _frames(log) if frame.name in rows]
    return Scenes(frames, space.grid, len(space.taxonomy.classes))


class _Reading:
    """Reads one frame when it is called."""

    def __init__(
        self, reader: LogReader, log: DriveLog, frame: Frame, labelled: PublishedFrame, space: LabelSpace
    ) -> None:
        self._reader, self._log, self._frame, self._labelled, self._space = reader, log, frame, labelled, space

    def __call__(self) -> Scene:
        from occlabel.stages.instances.samples import scene
        from occlabel.stages.instances.weight_file import things_of

        own = self._reader.voxel_truth(self._frame)
        assert own is not None  # _frames() gives no other
        truth = in_classes(own, self._frame, self._space)
        # Boxes are named by the classes of the truth: of those the recipe may have made fewer.
        objects = TrueObjects(self._log, self._space.grid, own.space.taxonomy)
        owners = objects.instances(self._frame.name, own.semantics)
        labels = self._labelled[SEMANTICS]
        return scene(labels, truth.semantics, truth.scored, owners, things_of(self._space))
