"""Exports a version as labels of LiDAR points: each has the class and the object of the voxel that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.export import refuse_full
from occlabel.pipeline.published.labelled_frames import labelled_frame
from occlabel.pipeline.published.versions import PublishedFrame, PublishedVersion
from occlabel.pipeline.quality.benchmark import BENCHMARKS, Format
from occlabel.pipeline.quality.predictions import refuse_other_classes
from occlabel.pipeline.quality.scans import scan_in_grid
from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.stages.export import nuscenes_panoptic, semantickitti, semantickitti_panoptic
from occlabel.stages.export.points import point_labels

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

    def sentence(self) -> str:
        if not self.skipped:
            return f"wrote the points of {self.frames} frames"
        total = self.frames + len(self.skipped)
        return (
            f"wrote the points of {self.frames} of {total} frames; {len(self.skipped)} without a scan that can be read "
            f"skipped: {'; '.join(self.skipped[:3])}{', and so on' if len(self.skipped) > 3 else ''}"
        )


def export_points(
    version: PublishedVersion, format: PointFormat, reader: LogReader, out: Path, split: str = "val"
) -> PointExport:
    """Writes point labels of the version's frames under ``out``; ``reader`` holds the logs that were labelled.

    ``split`` names the folder that the devkit of nuScenes looks into. A frame without a readable scan is skipped.
    Raises, before anything is written, BadPredictions when ``out`` holds something already, the version has other
    classes or no instances, or the official tools would not find its logs; BadLog when ``reader`` lacks one of its logs
    or frames. Raises BadPredictions when the format has no room for the objects of a log, BadLog when no scan at all
    can be read.
    """
    layout = _LAYOUTS[format]
    refuse_other_classes(version, BENCHMARKS[layout.classes])
    refuse_full(out)
    _refuse_without_instances(version)
    for log, pairs in _labelled(version, reader):
        for _, frame in pairs:
            layout.refuse(split, log, frame)
    done, grid = PointExport(), version.space.grid
    for log, pairs in _labelled(version, reader):
        write = layout.writer(out, split, log)
        for published, frame in pairs:
            points = _scan(reader, frame, grid, f"log {log}, frame {frame.name}")
            if isinstance(points, str):
                done.skipped.append(points)
                continue
            semantics, instance = published.load("semantics"), published.load("instance")
            volumes = semantics.astype(np.uint8, copy=False), instance.astype(np.uint16, copy=False)
            write(frame, *point_labels(*volumes, points, grid))
            done.frames += 1
    if not done.frames:
        raise BadLog(f"nothing was written: no frame of version {version.name} has a scan that can be read in the logs")
    return done


def _labelled(version: PublishedVersion, reader: LogReader) -> Iterator[tuple[str, list[tuple[PublishedFrame, Frame]]]]:
    """Log by log, its labelled frames in time, each with the frame of the log. Raises BadLog."""
    for log in reader.logs(list(version.logs)):
        yield log.id, [(published, labelled_frame(log, published)) for published in version.frames(log.id)]


def _scan(reader: LogReader, frame: Frame, grid: Grid, where: str) -> NDArray[np.float64] | str:
    """Points [n, 3] in the frame of ``grid``, or a sentence why there are none."""
    if frame.sweep is None:
        return f"{where} has no scan"
    try:
        return scan_in_grid(reader, frame, grid)
    except DamagedFile as error:
        return f"{where}: {error}"


def _refuse_without_instances(version: PublishedVersion) -> None:
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
    refuse: Callable[[str, str, Frame], None]
    """Raises BadPredictions unless the official tools would find this frame of a split and a log."""
    writer: Callable[[Path, str, str], _Write]
    """For the frames of one log, in time, under a root and in a split: an object has one number in all of them."""


def _refuse_semantickitti(split: str, log: str, frame: Frame) -> None:
    semantickitti.refuse_name(log, frame.name)


def _semantickitti_writer(out: Path, split: str, log: str) -> _Write:
    numbers = semantickitti_panoptic.numbering(log)
    return lambda frame, semantics, instance: semantickitti_panoptic.write_points(
        out, log, frame.name, semantics, instance, numbers
    )


def _refuse_nuscenes(split: str, log: str, frame: Frame) -> None:
    if frame.sweep is None:
        return
    if not frame.sweep.name:
        raise BadPredictions(
            f"log {log} cannot be exported as nuscenes-panoptic: its files are named by the sample_data token of a "
            "scan, which only the logs of a nuScenes root have"
        )
    nuscenes_panoptic.refuse_name(split, log, frame.sweep.name)


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
