"""Logs that are video: a film or a folder of images, or several cameras of them, without poses and LiDAR.

The ego frame is where ``calibration.yaml`` says that the cameras sit on the car; where it does not say so, a geometry
stage finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.images import check_image, read_image
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.video.calibration_file import (
    NAMES,
    Notes,
    extrinsics_of,
    intrinsics_of,
    other_height,
    read_notes,
)
from occlabel.stages.ingest.video.film import check_frame, read_frame
from occlabel.stages.ingest.video.layout import cameras_of, folders_in, kind_of
from occlabel.stages.ingest.video.shots import Shots, from_the_first, shots_of
from occlabel.stages.ingest.without_truth import WithoutTruth

_TOGETHER = 0.6
"""Share of the time between two frames within which an image of another camera belongs to one."""


@dataclass(frozen=True, slots=True)
class VideoReader(WithoutTruth):
    """Reads a film, a folder of images, or a folder of cameras as one log, which is named as it is; or a folder of such
    folders. There is no truth."""

    root: Path

    def log_ids(self) -> list[str]:
        if kind_of(self.root) == "logs":
            return list(folders_in(self.root))
        return [self.root.stem if self.root.is_file() else self.root.name]

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        known = self.log_ids()
        for log_id in known if ids is None else ids:
            if log_id not in known:
                raise BadLog(f"{self.root} has no log {log_id!r}; it has {', '.join(known[:20])}")
            several = kind_of(self.root) == "logs"
            yield _video_log(log_id, self.root / log_id if several else self.root, self.root if several else None)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        raise DamagedFile(f"{sweep.path}: a video has no scans")

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera) if camera.index is None else read_frame(camera.path, camera.index)

    def check_image(self, camera: Camera) -> None:
        if camera.index is None:
            check_image(camera)
        else:
            check_frame(camera.path, camera.index)


def _video_log(log_id: str, path: Path, root: Path | None) -> DriveLog:
    folder = path.parent if path.is_file() else path
    notes, content, found = read_notes((folder,) if root is None else (folder, root))
    shots = {source.camera: shots_of(source, notes.rate) for source in cameras_of(path)}
    digest, warnings = LogDigest(), [f"log {log_id} is video: it has no poses and no LiDAR"]
    if found is not None:
        digest.add_text(NAMES[0], content)
    for name, each in shots.items():
        digest.add_files(name, each.stats)
        warnings += each.warnings
    shots, said = from_the_first(shots)
    warnings += said
    frames = _frames(shots, _calibrated(notes, shots, found, folder, warnings), warnings)
    warnings += off_middle(frames)
    return DriveLog(log_id, digest.stamp, digest.text, frames, tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Known:
    """Of a camera, as in ``Camera``."""

    intrinsics: NDArray[np.float64] | None
    ego_from_camera: NDArray[np.float64] | None
    height: float | None
    set_aside: str | None
    """Why K that is written down is not used."""


def _calibrated(
    notes: Notes, shots: dict[str, Shots], found: Path | None, folder: Path, warnings: list[str]
) -> dict[str, _Known]:
    strange = sorted({*notes.cameras} - {*shots})
    if found is not None and found.parent == folder and strange:
        raise BadLog(f"{found} tells of cameras {', '.join(strange)}, and the log has {', '.join(shots)}; rename them")
    result = {}
    for name, each in shots.items():
        told = notes.of(name, alone=len(shots) == 1)
        k, said = intrinsics_of(told, each.size)
        mounted = extrinsics_of(told, f"{found}: camera {name}")
        warnings += [f"camera {name}: {odd}" for odd in (said, other_height(told, mounted)) if odd is not None]
        result[name] = _Known(k, mounted, told.height, said if k is None else None)
    lacking = [name for name, known in result.items() if known.intrinsics is None]
    if lacking:
        warnings.append(
            f"the calibration of {', '.join(lacking)} is not known: write K into {(found or folder / NAMES[0]).name} "
            f"in {folder}"
        )
    unplaced = [n for n, known in result.items() if known.ego_from_camera is None and known.height is None]
    if unplaced:
        named = ", ".join(unplaced)
        warnings.append(f"how high above the road {named} sits is not known, so nothing in the log tells metres")
    return result


def _frames(shots: dict[str, Shots], known: dict[str, _Known], warnings: list[str]) -> tuple[Frame, ...]:
    """A frame for each image of the camera that has the fewest, with those of the others that are nearest in time."""
    clocks = {each.clock for each in shots.values()}
    if len(shots) > 1 and clocks == {"film"}:
        warnings.append("the films are taken as begun at the same time; nothing in them says so")
    if len(clocks) > 1:
        raise BadLog(
            f"the cameras {', '.join(shots)} have no clock in common (films, images that are counted, images that are "
            "named by their time); make them all of one kind"
        )
    leading = min(shots, key=lambda name: len(shots[name].times))
    lead = shots[leading]
    period = float(np.median(np.diff(lead.times))) if len(lead.times) > 1 else np.inf
    nearest = {name: np.abs(each.times[:, None] - lead.times).argmin(axis=0) for name, each in shots.items()}
    frames, missing = [], dict.fromkeys(shots, 0)
    for row, time in enumerate(lead.times):
        cameras = []
        for name, each in shots.items():
            index = int(nearest[name][row])
            if abs(each.times[index] - time) > _TOGETHER * period:
                missing[name] += 1
                continue
            of = known[name]
            cameras.append(
                Camera(
                    name, each.file(index), of.intrinsics, of.ego_from_camera, float(each.times[index]), each.size,
                    each.place(index), of.height, of.set_aside,
                )
            )  # fmt: skip
        frames.append(Frame(lead.names[row], float(time), None, tuple(cameras)))
    for name, count in missing.items():
        if count:
            warnings.append(f"{count} of {len(frames)} frames have no image of {name} near their time")
    return tuple(frames)
