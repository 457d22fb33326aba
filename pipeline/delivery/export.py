"""Exports of voxels: every frame that a version holds, in the layout of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from occlabel.pipeline.delivery.calibration import cameras_of
from occlabel.pipeline.delivery.exporters import ExportOptions, refuse_full
from occlabel.pipeline.published.calibration import is_calibrated
from occlabel.pipeline.published.labelled_log import Join, LabelledFrame, drive_log, join, labelled_log
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import OBSERVED
from occlabel.schemas.drive_log import Camera, DriveLog, LogReader
from occlabel.schemas.errors import BadLog, BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.formats.semantickitti import write_volume
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.words import counted
from occlabel.stages.export import occ3d, semantickitti
from occlabel.stages.ingest.voxel_truth import truth_space
from occlabel.stages.sensing.sight import in_sight


def to_semantickitti(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """See ``Exporter``: ``sequences/XX/predictions/NNNNNN.label`` in raw ids; with ``own_classes`` those of the
    version's own taxonomy, over its own grid, and ``classes.yaml`` beside them."""
    refuse_full(out)
    if options.own_classes and (options.zipped or options.told):
        given = "--zip" if options.zipped else "--map"
        raise BadPredictions(f"{given} is for the benchmark's classes; leave it out, or --own-classes")
    target = version.space if options.own_classes else truth_space("semantickitti")
    frames = labelled_frames(version, target, "semantickitti", options.logs, dict(options.told))
    for frame in frames:
        semantickitti.refuse_name(frame.log, frame.name)
    if options.own_classes:
        return _own_classes(version, frames, out)
    for frame in frames:
        semantickitti.write_frame(out, frame.log, frame.name, _labels(frame.anew()))
    written = _written(frames, out)
    return f"{written}{_zipped(out, frames, options.like)}" if options.zipped else written


def _zipped(out: Path, frames: list[LabelledFrame], like: Path | None) -> str:
    """Packs the submission; what is said of it."""
    semantickitti.write_zip(out, out / "submission.zip")
    said = f" and {out / 'submission.zip'}"
    if any(int(frame.name) % semantickitti.COMPLETION_STEP for frame in frames):
        step = semantickitti.COMPLETION_STEP
        said += f"; the server asks for every {step}th frame and takes no other: export with "
        if like is None:
            said += f"--like ROOT, which has the benchmark's voxels, or with --frames {step}n"
        else:
            said += f"--frames {step}n, as {like} has voxels of others too and is no copy of the benchmark's data"
    return said + semantickitti.sequences_lacking({frame.log for frame in frames})


def to_occ3d(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """See ``Exporter``: ``SCENE/TOKEN/labels.npz``. What cameras may see is known where the version or the logs know
    their calibration."""
    if options.zipped:
        raise BadPredictions("--zip writes a submission to the SemanticKITTI server; occ3d has none")
    if options.own_classes:
        raise BadPredictions("--own-classes is for the layout of semantickitti; occ3d files hold the classes of Occ3D")
    refuse_full(out)
    frames = labelled_frames(version, truth_space("occ3d"), "occ3d", options.logs, dict(options.told))
    for frame in frames:
        occ3d.refuse_name(frame.log, frame.name)
    published = {(frame.log, frame.name): frame for frame in version.frames()}
    blind = 0
    for frame in frames:
        cameras = cameras_of(version, published[frame.log, frame.name], frame.frame)
        fresh, known = frame.anew(), any(map(is_calibrated, cameras))
        labels = _labels(fresh)
        seen = _in_sight(cameras, labels, fresh.joined.target) if known else None
        occ3d.write_frame(out, frame.log, frame.name, labels, _observed(fresh), seen)
        blind += not known
    return f"{_written(frames, out)}{_lacking_masks(frames, blind)}"


def _lacking_masks(frames: list[LabelledFrame], blind: int) -> str:
    """What is said of masks: in ``blind`` frames nobody knows where cameras look."""
    if frames[0].observed is None:
        return "; both masks are 0 everywhere: the version does not say what was observed"
    if not blind:
        return ""
    said = f"; mask_camera is 0 {'everywhere' if blind == len(frames) else f'in {blind} of them'}: "
    if frames[0].joined.reader is None:
        return f"{said}with --logs, the labelled logs tell where their cameras look"
    return f"{said}no camera is calibrated there, by the version or by the logs"


def labelled_frames(
    version: PublishedVersion, target: LabelSpace, format: str, logs: LogReader | None, told: dict[str, str | None]
) -> list[LabelledFrame]:
    """The frames of the version, looked at in the ``target`` space of a format. Raises BadPredictions when there are
    none, or nobody says how one grid lies to the other; BadRecipe when classes do not fit; BadLog when logs are given
    that are not those that were labelled."""
    joined = join(VersionLabels(version), target, reader=logs, told=told)
    if version.space.grid.frame != target.grid.frame and logs is None:
        raise BadPredictions(
            f"version {version.name} has a grid in the {version.space.grid.frame} frame, {format} one in the "
            f"{target.grid.frame} frame; say where the labelled logs lie, with --logs: they know how these lie"
        )
    names: dict[str, list[str]] = {}
    for published in version.frames():
        names.setdefault(published.log, []).append(published.name)
    if not names:
        raise BadPredictions(f"version {version.name} has no frames to export")
    return list(_labelled(joined, names))


def _labelled(joined: Join, names: dict[str, list[str]]) -> Iterator[LabelledFrame]:
    for log, frames in names.items():
        yield from labelled_log(joined, log, frames, _lying(joined, log, frames)).frames()


def _lying(joined: Join, log: str, frames: list[str]) -> DriveLog | None:
    """The drive log, where logs are given. Raises BadLog when they lack it or a frame: they are not those that were
    labelled."""
    if joined.reader is None:
        return None
    drive = drive_log(joined.reader, log)
    if lacking := set(frames) - {frame.name for frame in (drive.frames if drive else ())}:
        raise BadLog(f"the logs have no frame {min(lacking)} of log {log}; with --logs give those that were labelled")
    return drive


def _labels(frame: LabelledFrame) -> NDArray[np.uint8]:
    """[x, y, z] in the grid and the classes of the format, UNKNOWN included."""
    return frame.in_target(frame.mapped, np.uint8(UNKNOWN))


def _written(frames: list[LabelledFrame], out: Path) -> str:
    return f"wrote {counted(len(frames), 'frame')} to {out}{unknown_instead(frames)}"


def unknown_instead(frames: list[LabelledFrame]) -> str:
    """What is said of classes that the format has not."""
    left_out = frames[0].joined.classes.left_out
    return f"; unknown where the labels say {', '.join(left_out)}" if left_out else ""


def _observed(frame: LabelledFrame) -> NDArray[np.bool_] | None:
    """What was observed, in the grid of the format; None where nobody knows."""
    observed = frame.observed
    return None if observed is None else frame.in_target(observed, np.uint8(OBSERVED.fill)) > 0


def _in_sight(cameras: list[Camera], labels: NDArray[np.uint8], space: LabelSpace) -> NDArray[np.bool_]:
    """What the cameras see of the ``labels`` [x, y, z], whose grid is fixed to the ego frame."""
    occupied = (labels != space.taxonomy.free_id) & (labels != UNKNOWN)
    return in_sight(cameras, occupied, space.grid, np.eye(4))


def _own_classes(version: PublishedVersion, frames: list[LabelledFrame], out: Path) -> str:
    taxonomy, grid = version.space.taxonomy, version.space.grid
    for frame in version.frames():
        path = out / "sequences" / frame.log / "predictions" / f"{frame.name}.label"
        with appearing(path) as partial:
            write_volume(partial, taxonomy.to_raw[frame.load("semantics").astype(np.uint8, copy=False)])
    about = {
        "grid": grid.model_dump(mode="json", exclude={"ranges"}),
        "labels": {int(taxonomy.to_raw[entry.id]): entry.name for entry in taxonomy.classes},
    }
    with appearing(out / "classes.yaml") as partial:
        partial.write_text(yaml.safe_dump(about, sort_keys=False))
    return f"wrote {counted(len(frames), 'frame')} to {out} in the {len(taxonomy.classes)} classes of {taxonomy.name}"
