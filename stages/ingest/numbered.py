"""Files that belong to a frame by the number in their name, as in both KITTI layouts.

A file is never found by its position in a listing: one missing scan would shift all later ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, Frame, Sweep, Truth
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.images import image_size

Files = dict[str, "os.DirEntry[str]"]
"""Frame name (``000042``) -> the file of that frame in one folder."""


def numbered(folder: Path, suffixes: tuple[str, ...]) -> Files:
    """The files ``<digits><suffix>`` of a folder, in the order of their numbers; none when there is no folder."""
    try:
        with os.scandir(folder) as entries:
            split = [(*entry.name.rpartition("."), entry) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {stem: entry for stem, dot, suffix, entry in split if dot + suffix in suffixes and stem.isdecimal()}
    return {name: found[name] for name in sorted(found, key=int)}


def add_numbered(digest: LogDigest, folder: str, files: Files) -> None:
    """Notes the files in ``digest``."""
    digest.add_files(folder, ((entry.name, _stat(entry)) for entry in files.values()))


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:  # a link that leads nowhere, or in a circle
        return None


@dataclass(frozen=True, slots=True)
class CameraTrack:
    """The images of one camera over a log, and what is known of its calibration."""

    name: str
    files: Files
    intrinsics: Matrix | None
    ego_from_camera: Matrix | None

    def size(self) -> tuple[int, int] | None:
        """Size of the first readable image; None where none can be read: every frame still names its image, so that
        the damage is reported for what it is."""
        for entry in self.files.values():
            try:
                return image_size(Path(entry.path))
            except DamagedFile:
                continue
        return None


def assemble(
    names: Sequence[str],
    times: Iterable[float],
    poses: Sequence[Matrix | None],
    scans: Files,
    tracks: Iterable[CameraTrack],
    truth: Mapping[str, Truth],
) -> tuple[Frame, ...]:
    """One frame a name; ``times`` and ``poses`` are in the order of ``names``. The ego frame is the LiDAR frame."""
    sized = [(track, track.size()) for track in tracks if track.files]
    identity, nothing = np.eye(4), Truth()
    frames = []
    for name, time, pose in zip(names, times, poses, strict=True):
        cameras = tuple(
            Camera(track.name, Path(track.files[name].path), track.intrinsics, track.ego_from_camera, time, size)
            for track, size in sized
            if name in track.files
        )
        sweep = Sweep(Path(scans[name].path), identity, time) if name in scans else None
        frames.append(Frame(name, time, pose, cameras, sweep, truth.get(name, nothing)))
    return tuple(frames)


def missing_files(names: Sequence[str], sensors: Mapping[str, Files]) -> list[str]:
    """A sentence for numbers that no sensor has, and for each sensor that has some frames but not all."""
    present = {int(name) for name in names}
    width = len(names[0])
    gaps = [f"{number:0{width}}" for number in range(min(present), max(present) + 1) if number not in present]
    warnings = [f"no sensor has frame {_spans(gaps)}"] if gaps else []
    for what, files in sensors.items():
        lacking = [name for name in names if name not in files] if files else []
        if lacking:
            warnings.append(f"{len(lacking)} of {len(names)} frames have no {what}: {_spans(lacking)}")
    return warnings


def _spans(names: Sequence[str]) -> str:
    """``000003, 000007-000009``, at most eight of them."""
    runs: list[list[str]] = []
    for name in names:
        if runs and int(name) == int(runs[-1][-1]) + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    texts = [run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")


def backward_times(names: Sequence[str], times: NDArray[np.float64]) -> list[str]:
    """A sentence when time does not run forwards."""
    late = np.flatnonzero(np.diff(times) <= 0) + 1
    if not len(late):
        return []
    return [f"time does not run forwards at frame {_spans([names[index] for index in late])}"]


def usable_poses(poses: NDArray[np.float64], names: Sequence[str]) -> tuple[list[Matrix | None], list[str]]:
    """``poses`` [n, 4, 4] with None in place of each that is NaN or not rigid, and a sentence that names those frames.

    One bad row of a night's log costs the use of that frame's pose, not the log.
    """
    rotation = poses[:, :3, :3]
    with np.errstate(invalid="ignore", over="ignore"):
        skew = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        good = np.isfinite(poses).all(axis=(1, 2)) & (skew < 1e-3) & (np.linalg.det(rotation) > 0)
    result = [pose if ok else None for pose, ok in zip(poses, good.tolist(), strict=True)]
    bad = [name for name, ok in zip(names, good.tolist(), strict=True) if not ok]
    if not bad:
        return result, []
    return result, [f"the pose of frame {_spans(bad)} is missing, NaN or not rigid; it is used without a pose"]
