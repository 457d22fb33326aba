"""Training of ViPOcc on the images of logs with poses and without labels: runs the recipe's priors, then learns."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.planning.recipe import Gates, Recipe
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion, open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.pipeline.teaching.half_sweeps import HalfSweeps
from occlabel.schemas.arrays import DEPTH, RELATIVE_DEPTH, SEGMENT_INSTANCE
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.stages.priors.depth.lidar import LidarDepth
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.vipocc.options import Options
    from occlabel.stages.completion.vipocc.samples import Drive, Seen

_WANTED = {DEPTH.name, RELATIVE_DEPTH.name, SEGMENT_INSTANCE.name}


def train(
    recipe: Recipe,
    reader: LogReader,
    out: Path,
    options: Options,
    executor: str,
    command: str,
    held_out: LogReader | None = None,
) -> dict[str, str]:
    """Runs the recipe's priors on the logs, learns from their images and writes ``out``; returns the file's facts.

    The logs of ``held_out``, or else every tenth, are scored: by their images and, where there are sweeps, by depth at
    half of the points, of which the priors see the other half. What the priors say lies in stores in the folder ``out``
    with the suffix ``.training``; what is there is not computed again. Raises BadRecipe for a recipe without depth,
    BadLog for logs without posed images of calibrated cameras.
    """
    from occlabel.stages.completion.vipocc.training import train_field
    from occlabel.stages.learning.trainer import check_device

    check_device(options.device)
    part = parted(recipe, reader, held_out, out.with_suffix(".training"), executor, options.held_out_every)
    return train_field(part.learned, part.held_out, out, options, part.facts | {"command": command})


class Parted(NamedTuple):
    """Logs with what priors say of them."""

    learned: list[Drive]
    held_out: list[Drive]
    facts: dict[str, str]


def parted(
    recipe: Recipe, reader: LogReader, held_out: LogReader | None, folder: Path, executor: str, every: int
) -> Parted:
    """Runs the recipe's priors; what they say lies in stores in ``folder``. One log of ``every`` is held out where
    ``held_out`` is None. Raises as ``train`` does."""
    priors = _priors(recipe)
    sources = [reader] if held_out is None else [reader, held_out]
    # What cannot work is said before hours of labelling.
    for source in sources:
        if not any(_known(frame, camera) for log in source.logs() for frame in log.frames for camera in frame.cameras):
            raise BadLog(
                f"{source.root} has no log with poses and images of a calibrated camera, of which a field could be "
                "learned; occlabel simulate writes such logs"
            )
    found = [drives(priors, source, folder, "apart" if n else "logs", executor) for n, source in enumerate(sources)]
    logs = found[0]
    others = found[1] if held_out is not None else logs[every - 1 :: every] or logs[1:][-1:]
    logs = [log for log in logs if all(log is not other for other in others)]
    return Parted(logs, others, {"priors": ", ".join(step.stage.kind for step in priors.chain), "logs": str(len(logs))})


def _priors(recipe: Recipe) -> Recipe:
    """Those of the recipe's stages that say how far things are and which is which, alone."""
    kept = {name: stage for name, stage in recipe.priors.items() if _WANTED & {spec.name for spec in stage.written}}
    if not any(DEPTH.name in {spec.name for spec in stage.written} for stage in kept.values()):
        raise BadRecipe(
            "the recipe has no priors that write depth, which ViPOcc aligns; add some, as in "
            "priors: {depth: {kind: stored_depth, path: priors/depth/{log}/{camera}/{frame}.png}}"
        )
    # What is known of few frames is still worth learning from.
    return recipe.model_copy(update={**dict.fromkeys(SLOTS), "priors": kept, "gates": Gates(min_labelled=0)})


def drives(priors: Recipe, reader: LogReader, folder: Path, name: str, executor: str) -> list[Drive]:
    """Of each log of ``reader`` the posed images of its calibrated cameras, with what the priors say of them."""
    said = _labelled(priors, HalfSweeps(reader, odd=False), Store(str(folder / "priors")), name, executor)
    measured = None
    if any(log.rig.lidar for log in reader.logs()):
        beside = priors.model_copy(update={"priors": {"measured": LidarDepth()}})
        measured = _labelled(beside, HalfSweeps(reader, odd=True), Store(str(folder / "measured")), name, executor)
    result = []
    for log in reader.logs(list(said.logs)):
        rows = [{} if one is None else _rows(one, log) for one in (said, measured)]
        result.append(_drive(reader, log, rows[0], rows[1]))
    return result


def _labelled(recipe: Recipe, reader: HalfSweeps, store: Store, name: str, executor: str) -> PublishedVersion:
    version = f"{hashlib.blake2b(recipe.model_dump_json().encode(), digest_size=6).hexdigest()}-{name}"
    label_logs(recipe, reader, store, version, workplace=Workplace(executor))
    return open_version(spec_of(store, version))


def _rows(version: PublishedVersion, log: DriveLog) -> dict[str, PublishedFrame]:
    return {frame.name: frame for frame in version.frames(log.id)} if log.id in version.logs else {}


def _drive(
    reader: LogReader, log: DriveLog, said: dict[str, PublishedFrame], measured: dict[str, PublishedFrame]
) -> Drive:
    from occlabel.stages.completion.vipocc.samples import View

    result = []
    for frame in log.frames:
        views = {}
        for camera in frame.cameras:
            if frame.name in said and said[frame.name].holds(DEPTH.on(camera.name)) and _known(frame, camera):
                read = partial(_seen, reader, camera, said[frame.name], measured.get(frame.name))
                pose = frame.world_from_ego @ camera.ego_from_camera  # type: ignore[operator]
                assert camera.intrinsics is not None  # see _known
                views[camera.name] = View(read, camera.intrinsics, pose)
        result.append(views)
    return result


def _known(frame: Frame, camera: Camera) -> bool:
    return frame.world_from_ego is not None and camera.intrinsics is not None and camera.ego_from_camera is not None


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
