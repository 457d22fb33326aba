"""Training of the residual of depth: aligns the logs by half of each sweep, then learns from images and other half."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.teaching.half_sweeps import by_halves
from occlabel.pipeline.teaching.held_out import Roots, learned_and_held_out, refuse_one_log, sources_of
from occlabel.pipeline.teaching.labelled import alone, frames_of
from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.priors.alignment.residual.options import Options
    from occlabel.stages.priors.alignment.residual.samples import Seen, View

Tracks = list[list["View"]]
"""Of each camera of a log its images, in the order of time."""


def train(recipe: Recipe, logs: Roots, out: Path, options: Options, executor: str, command: str) -> dict[str, str]:
    """Aligns the depth of the logs by the recipe's priors, learns what is left over, writes ``out``; returns its facts.

    Priors see half of the points of each sweep, and the other half teaches, or scores what is held out, or else every
    tenth log. Depth lies in stores in the folder ``out`` with the suffix ``.training``; what is there is not computed
    again. Raises BadRecipe for a recipe without an alignment, BadLog for logs of which no
    camera is calibrated, or that show nothing to learn from.
    """
    from occlabel.stages.learning.trainer import check_ready
    from occlabel.stages.priors.alignment.residual.samples import Views
    from occlabel.stages.priors.alignment.residual.training import check_start, train_residual

    # What cannot work is said before hours of labelling.
    check_ready(out.with_suffix(".training"), options)
    check_start(options)
    priors = _priors(recipe)
    sources = sources_of(priors, logs)
    for source in sources:
        if not any(camera.calibrated for log in source.logs() for frame in log.frames for camera in frame.cameras):
            raise BadLog(
                f"{source.root} has no log with images of a calibrated camera; occlabel simulate writes such logs"
            )
    refuse_one_log(sources)
    folder = out.with_suffix(".training")
    found = [_tracks(priors, source, folder, executor) for source in sources]
    learned, others = learned_and_held_out(found, options.held_out_every)
    facts = {"alignment": ", ".join(step.stage.kind for step in priors.chain), "logs": str(len(learned))}
    seen, apart = (Views([track for log in part for track in log]) for part in (learned, others))
    return train_residual(seen, apart, out, options, facts | {"command": command})


def _priors(recipe: Recipe) -> Recipe:
    """The priors alone, without networks that were trained for the same."""
    kept = {name: stage for name, stage in recipe.priors.items() if stage.kind != "residual_alignment"}
    if not any(spec.name == DEPTH_DEVIATION.name for stage in kept.values() for spec in stage.written):
        raise BadRecipe(
            "the recipe has no alignment of depth, of which the network learns what it leaves over; add one, as in "
            "priors: {metric: {kind: lidar_alignment}}"
        )
    return alone(recipe, kept)


def _tracks(priors: Recipe, reader: LogReader, folder: Path, executor: str) -> list[Tracks]:
    """Of each log of ``reader``."""
    stores = Store(str(folder / "aligned")), Store(str(folder / "measured"))
    versions = by_halves(priors, reader, stores, executor)
    logs = reader.logs(list(versions[0].logs))
    return [_of_log(log, reader, *(frames_of(version, log) for version in versions)) for log in logs]


def _of_log(
    log: DriveLog, reader: LogReader, aligned: dict[str, PublishedFrame], measured: dict[str, PublishedFrame]
) -> Tracks:
    from occlabel.stages.priors.alignment.residual.samples import View

    tracks: Tracks = []
    for name in log.rig.names:
        track = []
        for frame in log.frames:
            camera = next((taken for taken in frame.cameras if taken.name == name), None)
            if camera is None or camera.intrinsics is None or frame.name not in aligned:
                continue
            read = partial(_seen, reader, camera, aligned[frame.name], measured.get(frame.name))
            track.append(View(read, camera.intrinsics, _pose(frame, camera)))
        tracks.append(track)
    return tracks


def _pose(frame: Frame, camera: Camera) -> Matrix | None:
    """``world_from_camera``; None where the log does not know it."""
    known = frame.world_from_ego is not None and camera.ego_from_camera is not None
    return frame.world_from_ego @ camera.ego_from_camera if known else None  # type: ignore[operator]


def _seen(reader: LogReader, camera: Camera, aligned: PublishedFrame, measured: PublishedFrame | None) -> Seen:
    from occlabel.stages.priors.alignment.residual.samples import Seen

    try:
        image = reader.image(camera)
    except DamagedFile:  # the labelling has said so
        image = None
    depth, spec = aligned[DEPTH.on(camera.name)], DEPTH.on(camera.name)
    beside = np.full_like(depth, np.nan) if measured is None or not measured.holds(spec) else measured[spec]
    return Seen(image, depth, aligned[DEPTH_DEVIATION.on(camera.name)], beside)
