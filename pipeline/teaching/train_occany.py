"""Training of OccAny on simulated logs, whose images' depth is known exactly: runs the recipe's priors, then learns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame
from occlabel.pipeline.teaching.exact_depth import exact_depth, exact_file
from occlabel.pipeline.teaching.held_out import Roots, learned_and_held_out, refuse_one_log, sources_of
from occlabel.pipeline.teaching.labelled import alone, labelled
from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.stage import Hands
from occlabel.stages.priors.glance.segments import GlanceSegments
from occlabel.stages.sensing.depth_images import on
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.completion.occany.options import Options
    from occlabel.stages.completion.occany.samples import Drive, Instant, Seen

_NEEDED = {DEPTH.name: "depth", SEGMENT_CLASS.name: "segments"}


def train(recipe: Recipe, logs: Roots, out: Path, options: Options, executor: str, command: str) -> dict[str, str]:
    """Runs the recipe's priors on the logs, learns views that they do not show and writes ``out``; returns the file's
    facts.

    What is held out, or else every tenth log, is scored. What the priors say lies in a store in the folder ``out``
    with the suffix ``.training``; what is there is not computed again. Raises BadRecipe for a recipe without depth or
    segments, BadWeights for a start that does not serve, BadLog for logs without posed and calibrated cameras or exact
    depth.
    """
    from occlabel.pipeline.teaching.glance_teacher import glance_segmenter
    from occlabel.stages.completion.occany.training import check_start, train_occany
    from occlabel.stages.learning.trainer import check_ready

    # What cannot work is said before hours of labelling.
    check_ready(out.with_suffix(".training"), options)
    check_start(options, recipe.space)
    priors = _priors(recipe)
    sources = sources_of(priors, logs)
    for source in sources:
        _check_logs(source)
    refuse_one_log(sources)
    segmenter = glance_segmenter(recipe.space, _weights(recipe), Hands(options.device)) if options.forcing else None
    store = Store(str(out.with_suffix(".training") / "priors"))
    found = [drives(priors, source, store, executor) for source in sources]
    learned, others = learned_and_held_out(found, options.held_out_every)
    facts = {
        "priors": ", ".join(step.stage.kind for step in priors.chain),
        "logs": str(len(learned)),
        "command": command,
    }
    return train_occany(recipe.space, learned, others, segmenter, out, options, facts)


def _weights(recipe: Recipe) -> Path | None:
    """Those of glance, where the recipe's segments are by others than come with occlabel."""
    named = [stage.weights for stage in recipe.priors.values() if isinstance(stage, GlanceSegments)]
    return named[0] if named else None


def _priors(recipe: Recipe) -> Recipe:
    """Those of the recipe's stages that say what images show, alone."""
    written = {spec.name for stage in recipe.priors.values() for spec in stage.written}
    if lacking := [what for name, what in _NEEDED.items() if name not in written]:
        raise BadRecipe(
            f"the recipe has no priors that write {' and '.join(lacking)}, of which other views are rendered; add "
            "some, as in priors: {depth: {kind: glance_depth}, segments: {kind: glance_segments}}"
        )
    return alone(recipe, recipe.priors)


def _check_logs(reader: LogReader) -> None:
    """Raises BadLog for logs without posed images of calibrated cameras, or whose exact depth is not known."""
    for log in reader.logs():
        posed = [frame for frame in log.frames if frame.world_from_ego is not None]
        pairs = [(frame, camera) for frame in posed for camera in frame.cameras if camera.calibrated]
        where = f"log {log.id} of {reader.root}"
        if not pairs:
            raise BadLog(f"{where} has no poses and images of a calibrated camera: simulate it without --no-images")
        lacking = (file for pair in pairs if not (file := exact_file(reader, log, *pair)).is_file())
        if (missing := next(lacking, None)) is not None:
            raise BadLog(
                f"{where} has no {missing.relative_to(reader.root)}, which says how far everything is; simulate the "
                "logs with --priors exact"
            )


def drives(priors: Recipe, reader: LogReader, store: Store, executor: str) -> list[Drive]:
    """Of each log of ``reader`` the posed frames, with what the ``priors`` say of their images."""
    published = labelled(priors, reader, store, executor)
    found = [_drive(reader, log, list(published.frames(log.id))) for log in reader.logs(list(published.logs))]
    return [drive for drive in found if drive]


def _drive(reader: LogReader, log: DriveLog, published: Sequence[PublishedFrame]) -> list[Instant]:
    from occlabel.stages.completion.occany.samples import Instant, View

    rows = {frame.name: frame for frame in published}
    result = []
    for frame in log.frames:
        if frame.name not in rows or frame.world_from_ego is None:
            continue
        views = {}
        for camera in frame.cameras:
            if camera.intrinsics is None or camera.ego_from_camera is None:
                continue
            if rows[frame.name].holds(DEPTH.on(camera.name)):
                read = partial(_seen, reader, log, frame, camera, rows[frame.name])
                views[camera.name] = View(read, camera.intrinsics, camera.ego_from_camera)
        if views:
            result.append(Instant(frame.world_from_ego, views))
    return result


def _seen(reader: LogReader, log: DriveLog, frame: Frame, camera: Camera, said: PublishedFrame) -> Seen | None:
    from occlabel.stages.completion.occany.samples import Seen

    try:
        photo = reader.image(camera)
    except DamagedFile:  # the labelling has said so
        return None
    exact, off = exact_depth(reader, log, frame, camera), DEPTH_DEVIATION.on(camera.name)
    name = camera.name
    classes, scores = said[SEGMENT_CLASS.on(name)], said[SEGMENT_SCORE.on(name)]
    image = on(said[DEPTH.on(name)], said[off] if said.holds(off) else None, camera.intrinsics, camera.ego_from_camera)
    return None if exact is None or image is None else Seen(photo, image, classes, scores, exact)
