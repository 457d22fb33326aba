"""Training of Dr.Occ on logs with voxel truth and exact depth: runs the recipe's priors first, then learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.teaching.exact_depth import exact_depth, exact_file
from occlabel.pipeline.teaching.held_out import Roots, learned_and_held_out, refuse_one_log, sources_of
from occlabel.pipeline.teaching.labelled import alone, labelled
from occlabel.schemas.arrays import DEPTH, RELATIVE_DEPTH
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile, OcclabelError
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.learning.options import TrainingOptions
from occlabel.stages.learning.truth import check_truth, truth_in
from occlabel.stages.learning.weight_header import provenance
from occlabel.stages.priors.glance import weight_file
from occlabel.workers.chunks import FrameReader
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.drocc.looking import Moment, Taken
    from occlabel.stages.completion.drocc.options import Options
    from occlabel.stages.completion.drocc.samples import Drive, Lesson

_DEPTHS = {DEPTH.name, RELATIVE_DEPTH.name}


def train(recipe: Recipe, logs: Roots, out: Path, options: Options, executor: str, command: str) -> dict[str, str]:
    """Runs the recipe's priors on the logs, trains on them and writes ``out``; returns the file's facts.

    What is held out, or else every tenth log, is scored. Depth of the priors lies in a store in the folder ``out``
    with the suffix ``.training``; what is there is not computed again. Raises BadRecipe for a recipe without depth,
    BadLog for logs without cameras, calibration, voxel truth or exact depth.
    """
    from occlabel.stages.completion.drocc.training import check_options, train_drocc
    from occlabel.stages.learning.trainer import check_ready

    # What cannot work is said before hours of labelling.
    check_ready(out.with_suffix(".training"), options)
    check_options(options, recipe.space)
    options = with_trunk(options)
    store = Store(str(out.with_suffix(".training") / "priors"))
    lesson = prepared(recipe, logs, store, executor)
    return train_drocc(recipe.space, lesson, out, options, {"command": command})


def with_trunk(options: Options) -> Options:
    """With the weight file that the encoder glance begins with, where it is not that of ``start``. Raises BadWeights
    for a file that is none of glance, OcclabelError for one that would count for nothing."""
    if options.encoder != "glance" or options.start is not None:
        if options.trunk is not None:
            raise OcclabelError(
                "--trunk is what --encoder glance begins with, and counts for nothing with another encoder or --start: "
                "leave it out"
            )
        return options
    trunk = options.trunk or weight_file.SHIPPED
    weight_file.check(trunk)
    return options.model_copy(update={"trunk": trunk})


def prepared(recipe: Recipe, logs: Roots, store: Store, executor: str) -> Lesson:
    """Runs the recipe's priors on the logs into ``store``. See ``train``, also for what is raised."""
    from occlabel.stages.completion.drocc.samples import Lesson

    priors = _priors(recipe)
    sources = sources_of(priors, logs)
    for source in sources:
        check_logs(source, recipe.space)
    refuse_one_log(sources)
    found = [drives(priors, source, store, executor) for source in sources]
    learned, others = learned_and_held_out(found, TrainingOptions.model_fields["held_out_every"].default)
    depth = ", ".join(step.stage.kind for step in priors.chain)
    texts = [log.text for source in sources for log in source.logs()]
    return Lesson(learned, others, {"priors": depth, "logs": provenance(texts)})


def _priors(recipe: Recipe) -> Recipe:
    """Those of the recipe's stages that say how far things are, alone."""
    kept = {name: stage for name, stage in recipe.priors.items() if _DEPTHS & {spec.name for spec in stage.written}}
    if not any(DEPTH.name in {spec.name for spec in stage.written} for stage in kept.values()):
        raise BadRecipe(
            "the recipe has no priors that write depth, by which Dr.Occ knows where something is; add some, as in "
            "priors: {depth: {kind: stored_depth, path: priors/depth/{log}/{camera}/{frame}.png}}"
        )
    return alone(recipe, kept)


def check_logs(reader: LogReader, space: LabelSpace) -> None:
    """Raises BadLog for logs without cameras, calibration, voxel truth or exact depth, before hours of work."""
    for log in reader.logs():
        frames = [frame for frame in log.frames if frame.truth.voxels is not None]
        where = f"log {log.id} of {reader.root}"
        if not frames:
            raise BadLog(f"{where} has no voxel truth; occlabel simulate writes logs with it")
        cameras = [camera for frame in frames for camera in frame.cameras]
        if not cameras:
            raise BadLog(f"{where} has no cameras: simulate it without --no-images")
        if not any(camera.calibrated for camera in cameras):
            raise BadLog(f"{where}: no camera is calibrated, so nothing says where what it sees lies")
        lacking = (f for frame in frames for camera in frame.cameras for f in [exact_file(reader, log, frame, camera)])
        if (missing := next((file for file in lacking if not file.is_file()), None)) is not None:
            raise BadLog(
                f"{where} has no {missing.relative_to(reader.root)}, which says how far everything is; simulate the "
                "logs with --priors exact"
            )
        check_truth(reader, frames, space)


def drives(priors: Recipe, reader: LogReader, store: Store, executor: str) -> list[Drive]:
    """The logs of ``reader``, of each the frames that have truth and depth of the ``priors``."""
    published = labelled(priors, reader, store, executor)
    logs = reader.logs(list(published.logs))
    stored = FrameReader(store)
    found = [_Log(reader, log, priors.space, list(published.frames(log.id)), stored).drive() for log in logs]
    return [drive for drive in found if drive.frames]


@dataclass(frozen=True, slots=True)
class _Log:
    """Reads a log's frames when they are asked for."""

    reader: LogReader
    log: DriveLog
    space: LabelSpace
    published: Sequence[PublishedFrame]
    stored: FrameReader

    def drive(self) -> Drive:
        from occlabel.stages.completion.drocc.samples import Drive

        rows = {frame.name: frame for frame in self.published}
        pairs = [(f, rows[f.name]) for f in self.log.frames if f.truth.voxels is not None and f.name in rows]
        return Drive(
            len(pairs),
            len(self.log.rig.names),
            lambda row: self._moment(*pairs[row]),
            lambda row: self._exact(pairs[row][0]),
            lambda row: self._truth(pairs[row][0]),
            lambda row: pairs[row][0].ego_from_grid(self.space.grid),
        )

    def _moment(self, frame: Frame, published: PublishedFrame) -> Moment:
        from occlabel.stages.completion.drocc.looking import Moment

        taken = [self._taken(camera, published) for camera in self._cameras(frame)]
        return Moment(taken, frame.world_from_ego)

    def _taken(self, camera: Camera | None, published: PublishedFrame) -> Taken | None:
        from occlabel.stages.completion.drocc.looking import Taken

        if camera is None or camera.intrinsics is None or camera.ego_from_camera is None:
            return None
        spec = DEPTH.on(camera.name)
        try:
            image = self.reader.image(camera)
        except DamagedFile:  # the labelling has said so
            return None
        if (place := published.row.arrays.get(spec.name)) is None:
            return None
        (depth,) = self.stored.read(published.row.index, [place])
        return Taken(image, camera.intrinsics, camera.ego_from_camera, depth.astype(DEPTH.dtype, copy=False))

    def _exact(self, frame: Frame) -> list[NDArray[np.float32] | None]:
        return [
            None if camera is None else exact_depth(self.reader, self.log, frame, camera)
            for camera in self._cameras(frame)
        ]

    def _truth(self, frame: Frame) -> NDArray[np.uint8]:
        truth = truth_in(self.reader, frame, self.space)
        return np.where(truth.scored, truth.semantics, np.uint8(UNKNOWN))

    def _cameras(self, frame: Frame) -> list[Camera | None]:
        """In the order of the rig."""
        taken = {camera.name: camera for camera in frame.cameras}
        return [taken.get(name) for name in self.log.rig.names]
