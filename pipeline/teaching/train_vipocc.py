"""Training of ViPOcc on the images of logs with poses and without labels: runs the recipe's priors, then learns."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.teaching.half_sweeps import by_halves
from occlabel.pipeline.teaching.held_out import Roots, learned_and_held_out, refuse_one_log, sources_of
from occlabel.pipeline.teaching.labelled import alone, frames_of
from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, POSES, RELATIVE_DEPTH, SEGMENT_INSTANCE, ArraySpec
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.stages.learning.weight_header import provenance
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.vipocc.options import Options
    from occlabel.stages.completion.vipocc.samples import Drive, Seen

_WANTED = {DEPTH.name, RELATIVE_DEPTH.name, SEGMENT_INSTANCE.name}


def train(recipe: Recipe, logs: Roots, out: Path, options: Options, executor: str, command: str) -> dict[str, str]:
    """Runs the recipe's priors on the logs, learns from their images and writes ``out``; returns the file's facts.

    What is held out, or else every tenth log, is scored: by its images and, where there are sweeps, by depth at
    half of the points, of which the priors see the other half. What the priors say lies in stores in the folder ``out``
    with the suffix ``.training``; what is there is not computed again. Raises BadRecipe for a recipe without depth,
    BadWeights for a start that does not serve, BadLog for logs without posed images of calibrated cameras.
    """
    from occlabel.stages.completion.vipocc.training import check_start, train_field
    from occlabel.stages.learning.trainer import check_ready

    check_ready(out.with_suffix(".training"), options)
    check_start(options)
    part = parted(recipe, logs, out.with_suffix(".training"), executor, options.held_out_every)
    return train_field(part.learned, part.held_out, out, options, part.facts | {"command": command})


class Parted(NamedTuple):
    """Logs with what priors say of them."""

    learned: list[Drive]
    held_out: list[Drive]
    facts: dict[str, str]


def parted(recipe: Recipe, logs: Roots, folder: Path, executor: str, every: int) -> Parted:
    """Runs the recipe's priors; what they say lies in stores in ``folder``. Where ``logs`` hold none
    out, one of ``every`` is. Raises as ``train`` does."""
    priors = _priors(recipe)
    # Of the points by which it is judged nothing is learned: one's own film may be adapted to.
    sources = sources_of(priors, logs, own=True)
    # What cannot work is said before hours of labelling.
    for source in sources if priors.geometry is None else ():
        posed = (frame for log in source.logs() for frame in log.frames if frame.world_from_ego is not None)
        if not any(camera.calibrated for frame in posed for camera in frame.cameras):
            raise BadLog(
                f"{source.root} has no log with poses and images of a calibrated camera, of which a field could be "
                "learned; where images alone are known, give the recipe a stage that finds poses in them, as "
                "geometry: {kind: odometry}"
            )
    refuse_one_log(sources)
    found = [drives(priors, source, folder, executor) for source in sources]
    learned, others = learned_and_held_out(found, every)
    texts = [log.text for source in sources for log in source.logs()]
    kinds = ", ".join(step.stage.kind for step in priors.chain)
    return Parted(learned, others, {"priors": kinds, "logs": provenance(texts)})


def _priors(recipe: Recipe) -> Recipe:
    """Those of the recipe's stages that say how far things are, which is which and where images were taken, alone."""
    kept = {name: stage for name, stage in recipe.priors.items() if _WANTED & {spec.name for spec in stage.written}}
    if not any(DEPTH.name in {spec.name for spec in stage.written} for stage in kept.values()):
        raise BadRecipe(
            "the recipe has no priors that write depth, which ViPOcc aligns; add some, as in "
            "priors: {depth: {kind: stored_depth, path: priors/depth/{log}/{camera}/{frame}.png}}"
        )
    return alone(recipe, kept, recipe.geometry)


def drives(priors: Recipe, reader: LogReader, folder: Path, executor: str) -> list[Drive]:
    """Of each log of ``reader`` the posed images of its calibrated cameras, with what the priors say of them."""
    stores = Store(str(folder / "priors")), Store(str(folder / "measured"))
    versions = by_halves(priors, reader, stores, executor)
    logs = reader.logs(list(versions[0].logs))
    return [_drive(reader, log, *(frames_of(version, log) for version in versions)) for log in logs]


def _drive(
    reader: LogReader, log: DriveLog, said: dict[str, PublishedFrame], measured: dict[str, PublishedFrame]
) -> Drive:
    from occlabel.stages.completion.vipocc.samples import View

    result = []
    for frame in log.frames:
        views = {}
        for camera in frame.cameras:
            if frame.name not in said or not said[frame.name].holds(DEPTH.on(camera.name)):
                continue
            taken = _taken(said[frame.name], frame, camera, log.rig.names.index(camera.name))
            if taken is not None:
                read = partial(_seen, reader, camera, said[frame.name], measured.get(frame.name))
                views[camera.name] = View(read, *taken)
        result.append(views)
    return result


def _taken(said: PublishedFrame, frame: Frame, camera: Camera, place: int) -> tuple[Matrix, Matrix] | None:
    """K and ``world_from_camera`` of an image of the camera at a ``place`` in the rig, as the recipe's geometry stage
    found them, or as the log knows them. None where something of it is not known."""

    def found(spec: ArraySpec[np.float64], known: Matrix | None, *at: int) -> Matrix | None:
        matrix = np.asarray(said[spec][at], np.float64) if said.holds(spec) else known
        return None if matrix is None or np.isnan(matrix).any() else matrix

    intrinsics, ego_from_camera = (
        found(INTRINSICS, camera.intrinsics, place),
        found(EXTRINSICS, camera.ego_from_camera, place),
    )
    world_from_ego = found(POSES, frame.world_from_ego)
    if intrinsics is None or ego_from_camera is None or world_from_ego is None:
        return None
    return intrinsics, world_from_ego @ ego_from_camera


def _seen(reader: LogReader, camera: Camera, said: PublishedFrame, measured: PublishedFrame | None) -> Seen:
    from occlabel.stages.completion.vipocc.samples import Seen

    try:
        image = reader.image(camera)
    except DamagedFile:  # the labelling has said so
        image = None
    depth, whose = DEPTH.on(camera.name), SEGMENT_INSTANCE.on(camera.name)
    return Seen(
        image,
        said[depth],
        said[whose] if said.holds(whose) else None,
        None if measured is None or not measured.holds(depth) else measured[depth],
    )
