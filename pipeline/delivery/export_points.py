"""Exports of LiDAR points: each has the class and the object of the voxel that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.exporters import ExportOptions, refuse_full
from occlabel.pipeline.published.labelled_log import Join, LabelledFrame, join
from occlabel.pipeline.published.labels import Format, VersionLabels
from occlabel.pipeline.published.same_drive import refuse_other_drive
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile, OcclabelError
from occlabel.schemas.words import counted
from occlabel.stages.export import nuscenes_panoptic, semantickitti, semantickitti_panoptic
from occlabel.stages.export.points import point_labels
from occlabel.stages.ingest.voxel_truth import truth_space

PointFormat = Literal["semantickitti-panoptic", "nuscenes-panoptic"]

_Write = Callable[[Frame, NDArray[np.uint8], NDArray[np.integer[Any]]], object]
"""Writes the classes [n] and the objects [n] of the points of a frame."""


@dataclass
class PointExport:
    """What was done."""

    frames: int = 0
    """Frames that were written."""
    skipped: list[str] = field(default_factory=list)
    """A sentence for each frame whose scan is missing or cannot be read."""
    left_out: tuple[str, ...] = ()
    """Classes of the labels that are none of the format's."""

    def sentence(self) -> str:
        said = f"; unlabelled where the labels say {', '.join(self.left_out)}" if self.left_out else ""
        if not self.skipped:
            return f"wrote the points of {counted(self.frames, 'frame')}{said}"
        total = self.frames + len(self.skipped)
        return (
            f"wrote the points of {self.frames} of {counted(total, 'frame')}; {len(self.skipped)} without a scan that "
            f"can be read skipped: {'; '.join(self.skipped[:3])}{', and so on' if len(self.skipped) > 3 else ''}{said}"
        )


def to_semantickitti_panoptic(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """See ``Exporter``."""
    done = export_points(version, "semantickitti-panoptic", out, options)
    said = f"{out}: {done.sentence()}"
    if not options.zipped:
        return said
    semantickitti.write_zip(out, out / "submission.zip")
    return f"{said}; and {out / 'submission.zip'}{semantickitti.sequences_lacking(set(version.logs))}"


def to_nuscenes_panoptic(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """See ``Exporter``."""
    return f"{out}: {export_points(version, 'nuscenes-panoptic', out, options).sentence()}"


def export_points(version: PublishedVersion, format: PointFormat, out: Path, options: ExportOptions) -> PointExport:
    """Writes point labels of the version's frames under ``out``, by the scans of ``options.logs``, which were labelled.

    A frame without a readable scan is skipped. Raises, before anything is written, BadPredictions when the version has
    no instances, or the official tools would not find its logs; BadRecipe when classes do not fit; BadLog when the logs
    lack one of its logs or frames; OcclabelError when ``out`` holds something already or an option does not fit. Raises
    BadPredictions when the format has no room for the objects of a log, BadLog when no scan at all can be read.
    """
    if options.logs is None:
        raise OcclabelError(f"{format} labels the points of scans: say where the labelled logs lie, with --logs LOGS")
    if options.own_classes:
        raise OcclabelError(f"--own-classes is for volumes in the layout of SemanticKITTI; {format} has none")
    if options.zipped and format != "semantickitti-panoptic":
        raise OcclabelError(f"--zip writes a submission to the SemanticKITTI server; {format} has none")
    if format == "nuscenes-panoptic":
        nuscenes_panoptic.refuse_split(options.split)
    layout = _LAYOUTS[format]
    joined = join(VersionLabels(version), truth_space(layout.classes), reader=options.logs, told=dict(options.told))
    refuse_full(out)
    refuse_without_instances(version)
    for frame in _labelled(version, joined):
        if frame.frame is not None:
            layout.refuse(frame.log, frame.frame)
    done, log, write = PointExport(left_out=joined.classes.left_out), "", None
    for frame in _labelled(version, joined):
        if frame.log != log or write is None:
            log, write = frame.log, layout.writer(out, options.split, frame.log)
        try:
            points = frame.points
        except (BadLog, DamagedFile) as error:
            where = f"log {log}, frame {frame.name}"
            done.skipped.append(str(error) if where in str(error) else f"{where}: {error}")
            continue
        assert frame.frame is not None and frame.instance is not None  # or it would have no points, or was refused
        write(frame.frame, *point_labels(frame.mapped, frame.instance, points, frame.grid))
        done.frames += 1
    if not done.frames:
        raise BadLog(f"nothing was written: no frame of version {version.name} has a scan that can be read in the logs")
    return done


def _labelled(version: PublishedVersion, joined: Join) -> Iterator[LabelledFrame]:
    """The labelled frames, log by log in time, each with the frame of the log, None where it has none of that name.
    Raises BadLog."""
    assert joined.reader is not None  # see export_points
    for log in joined.reader.logs(list(version.logs)):
        frames = {frame.name: frame for frame in log.frames}
        labelled = list(version.frames(log.id))
        refuse_other_drive(log, joined.reader.root, joined.labels.scan_bytes(log.id))
        if labelled and not any(published.name in frames for published in labelled):
            raise BadLog(f"log {log.id} has none of the labelled frames: these are not the logs that were labelled")
        for published in labelled:
            yield LabelledFrame(joined, log.id, published.name, frames.get(published.name))


def refuse_without_instances(version: PublishedVersion) -> None:
    """Raises BadPredictions, also for a version without frames."""
    frames = list(version.frames())
    if not frames:
        raise BadPredictions(f"version {version.name} has no frames to export")
    if not all(frame.holds("instance") for frame in frames):
        raise BadPredictions(
            f"version {version.name} has no instances; add the blocks instances and tracking to its recipe and run it "
            "again, the labels are not computed anew"
        )


@dataclass(frozen=True)
class _Layout:
    """How one benchmark keeps the labels of points."""

    classes: Format
    """The benchmark whose classes they are."""
    refuse: Callable[[str, Frame], None]
    """Raises BadPredictions unless the official tools would find this frame of a log."""
    writer: Callable[[Path, str, str], _Write]
    """For the frames of one log, in time, under a root and in a split: an object has one number in all of them."""


def _refuse_semantickitti(log: str, frame: Frame) -> None:
    semantickitti.refuse_name(log, frame.name)


def _semantickitti_writer(out: Path, split: str, log: str) -> _Write:
    numbers = semantickitti_panoptic.numbering(log)
    return lambda frame, semantics, instance: semantickitti_panoptic.write_points(
        out, log, frame.name, semantics, instance, numbers
    )


def _refuse_nuscenes(log: str, frame: Frame) -> None:
    if frame.sweep is None:
        return
    if not frame.sweep.name:
        raise BadPredictions(
            f"log {log} cannot be exported as nuscenes-panoptic: its files are named by the sample_data token of a "
            "scan, which only the logs of a nuScenes root have"
        )
    nuscenes_panoptic.refuse_name(log, frame.sweep.name)


def _nuscenes_writer(out: Path, split: str, log: str) -> _Write:
    numbers = nuscenes_panoptic.numbering(log)

    def write(frame: Frame, semantics: NDArray[np.uint8], instance: NDArray[np.integer[Any]]) -> Path:
        assert frame.sweep is not None  # or it would have no points
        return nuscenes_panoptic.write_points(out, split, log, frame.sweep.name, semantics, instance, numbers)

    return write


_LAYOUTS: dict[PointFormat, _Layout] = {
    "semantickitti-panoptic": _Layout("semantickitti", _refuse_semantickitti, _semantickitti_writer),
    "nuscenes-panoptic": _Layout("occ3d", _refuse_nuscenes, _nuscenes_writer),
}
