"""Files that belong to a frame by the number in their name, as in both KITTI layouts.

A file is never found by its position in a listing: one missing scan would shift all later ones. Nor by the width of its
number: scans may be ``000042.bin`` where images are ``0000000042.png``.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from occlabel.schemas.drive_log import Camera, Frame, Sweep, Truth
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.spans import listed, spans
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import reason
from occlabel.stages.ingest.images import image_size

Files = dict[int, "os.DirEntry[str]"]
"""Number of a frame -> the file of that frame in one folder."""

_OTHERS = {".webp", ".tif", ".tiff", ".bmp", ".pcd", ".ply", ".npy", ".npz", ".las", ".laz"}
"""Images and scans in formats that neither layout has."""

_LARGEST = 1 << 62
"""Larger numbers are no numbers of frames; time stamps in nanoseconds are smaller."""


def numbered(folder: Path, suffixes: tuple[str, ...], warnings: list[str] | None = None) -> Files:
    """The files ``<digits><suffix>`` of a folder, in the order of their numbers, ``.PNG`` being ``.png``; none when
    there is no folder. ``warnings`` take in sentences about a folder that cannot be listed, and about two files of one
    number, of which the one that is named as most are counts.
    """
    warnings = [] if warnings is None else warnings
    try:
        with os.scandir(folder) as entries:
            split = [(*entry.name.rpartition("."), entry) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        warnings.append(f"{folder} cannot be listed: {reason(error)}; the log goes on without it")
        return {}
    others = sorted({dot + suffix for _, dot, suffix, _ in split if (dot + suffix).lower() in _OTHERS - {*suffixes}})
    if others:
        known = ", ".join(suffixes)
        warnings.append(f"{folder.name} has files {', '.join(others)}, which are not read; they must be {known}")
    found = [
        (int(stem), entry)
        for stem, dot, suffix, entry in split
        if (dot + suffix).lower() in suffixes and stem.isascii() and stem.isdecimal() and int(stem) < _LARGEST
    ]
    if left := sorted({entry.name for *_, entry in split} - {entry.name for _, entry in found}):
        warnings += _unnumbered(folder.name, [name for name in left if name.lower().endswith(suffixes)])
    if len({number for number, _ in found}) == len(found):
        return dict(sorted(found, key=lambda pair: pair[0]))
    shapes = Counter(_shape(entry) for _, entry in found)
    found.sort(key=lambda pair: (pair[0], -shapes[_shape(pair[1])], pair[1].name))
    result: Files = {}
    for number, entry in found:
        used = result.setdefault(number, entry)
        if used is not entry:
            warnings.append(
                f"{folder.name} has {used.name} and {entry.name}, both of frame {number}; {used.name} is used"
            )
    return result


def _unnumbered(folder: str, names: list[str]) -> Iterator[str]:
    """What is said of files that would be read if their ``names`` were numbers; hidden ones are the system's."""
    shown = [name for name in names if not name.startswith(".")]
    if shown:
        few = ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "")
        yield f"{folder} has {few}, not read: the name of a file is the number of its frame, in digits"


def _shape(entry: os.DirEntry[str]) -> tuple[int, str]:
    """Width of the number and suffix."""
    stem, _, suffix = entry.name.rpartition(".")
    return len(stem), suffix


def stem(entry: os.DirEntry[str]) -> str:
    return entry.name.rpartition(".")[0]


def frame_names(numbers: Iterable[int], folders: Sequence[Files]) -> dict[int, str]:
    """The name of each of ``numbers``, in their order: that of its file in the first of ``folders`` that is not empty;
    as wide as those are where it has none there."""
    files = next((files for files in folders if files), {})
    widths = Counter(len(stem(entry)) for entry in files.values())
    width = max(widths, key=lambda width: (widths[width], -width), default=0)
    return {n: stem(files[n]) if n in files else f"{n:0{width}}" for n in sorted(numbers)}


def add_numbered(digest: LogDigest, folder: str, files: Files, warnings: list[str]) -> None:
    """Notes the files in ``digest``; ``warnings`` take in a sentence about those that are none."""
    stats = [(entry.name, _stat(entry)) for entry in files.values()]
    digest.add_files(folder, stats)
    broken = [name for name, found in stats if found is None or not stat.S_ISREG(found.st_mode)]
    if broken:
        warnings.append(
            f"{len(broken)} of {len(files)} files of {folder} cannot be read (links that lead nowhere, folders): "
            f"{listed(broken)}"
        )


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
    names: Mapping[int, str],
    times: Iterable[float],
    poses: Sequence[Matrix | None],
    scans: Files,
    tracks: Iterable[CameraTrack],
    truth: Mapping[int, Truth],
) -> tuple[Frame, ...]:
    """One frame a name; ``times`` and ``poses`` are in the order of ``names``. The ego frame is the LiDAR frame."""
    sized = [(track, track.size()) for track in tracks if track.files]
    identity, nothing = np.eye(4), Truth()
    frames = []
    for (number, name), time, pose in zip(names.items(), times, poses, strict=True):
        cameras = tuple(
            Camera(track.name, Path(track.files[number].path), track.intrinsics, track.ego_from_camera, time, size)
            for track, size in sized
            if number in track.files
        )
        sweep = Sweep(Path(scans[number].path), identity, time) if number in scans else None
        frames.append(Frame(name, time, pose, cameras, sweep, truth.get(number, nothing)))
    return tuple(frames)


def missing_files(names: Mapping[int, str], sensors: Mapping[str, Files]) -> list[str]:
    """A sentence for numbers that no sensor has, and for each sensor that has some frames but not all."""
    numbers = list(names)
    width = len(names[numbers[0]])
    gaps = [
        f"{a + 1:0{width}}" if b == a + 2 else f"{a + 1:0{width}}-{b - 1:0{width}}"
        for a, b in pairwise(numbers)
        if b > a + 1
    ]
    warnings = [f"no sensor has frame {listed(gaps)}"] if gaps else []
    for what, files in sensors.items():
        lacking = [name for number, name in names.items() if number not in files] if files else []
        if lacking:
            warnings.append(f"{len(lacking)} of {len(names)} frames have no {what}: {spans(lacking)}")
    return warnings
