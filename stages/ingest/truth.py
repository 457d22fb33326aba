"""Where voxel truth lies: in a root of drive logs, or by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader, VoxelTruth
from occlabel.schemas.errors import BadLog
from occlabel.schemas.space import LabelSpace
from occlabel.stages.ingest.kinds import READERS
from occlabel.stages.ingest.kitti_files import sequence_files
from occlabel.stages.ingest.recognise import open_logs, recognise
from occlabel.stages.ingest.voxel_truth import read_occ3d, read_semantickitti, truth_space

TruthFormat = Literal["semantickitti", "occ3d"]


class OtherTruth(BadLog):
    """A root that has voxel truth, of another format than the one that was asked for."""

    def __init__(self, root: Path, format: TruthFormat, there: TruthFormat) -> None:
        super().__init__(root, format, there)
        self.root, self.format, self.there = root, format, there

    def __str__(self) -> str:
        return f"{self.root} has no voxel truth of {self.format}; it has some of {self.there}: --format {self.there}"


class TruthSource(Protocol):
    """The voxel truth of some logs."""

    @property
    def reader(self) -> LogReader | None:
        """Of the drive logs that it is the truth of, for their boxes and points; None where it stands alone."""

    @property
    def space(self) -> LabelSpace:
        """Of all of it."""

    def log_ids(self) -> list[str]:
        """Ids of the logs that have any, sorted."""

    def frames(self, log: str) -> list[str]:
        """Names of the frames of ``log`` that have some, in time; by name where no log says when they were."""

    def voxels(self, log: str, frame: str) -> VoxelTruth:
        """Raises DamagedFile."""

    def stamp(self, log: str) -> str:
        """Changes when a file of the log's truth does, by name, size and time."""


def open_truth(root: Path, format: TruthFormat | None = None) -> TruthSource:
    """The truth under ``root``: a root of logs, its folder ``gts``, an Occ3D ``gts`` without any logs, or SemanticKITTI
    sequences with nothing but voxels.

    Raises OtherTruth when all of it is of another ``format``, BadLog when there is none, or, without ``format``, some
    of several.
    """
    root = Path(root).absolute()
    if not root.is_dir():
        raise BadLog(f"{root} is not a folder")
    sources: tuple[_KittiTruth | _Occ3dTruth, ...] = (_KittiTruth(root), _Occ3dTruth(root))
    wanted = [source for source in sources if format in (None, source.format)]
    found = [source for source in wanted if source.holds_any()]
    others = [] if found else [source.format for source in sources if source not in wanted and source.holds_any()]
    if others and format is not None:
        raise OtherTruth(root, format, others[0])
    if len(found) > 1:
        raise BadLog(f"{root} has voxel truth of {' and of '.join(source.format for source in found)}; name the format")
    if found:
        return found[0]
    read = _of_package(root)
    if read is None:
        raise BadLog(f"{root} has no voxel truth: " + "; ".join(source.lacking for source in wanted))
    return read


@dataclass(frozen=True)
class _KittiTruth:
    """``sequences/XX/voxels/NNNNNN.label``; found by file name, so that nothing else of a sequence is read."""

    root: Path
    _listed: dict[str, dict[str, Path]] = field(default_factory=dict, init=False, repr=False, compare=False)
    format: ClassVar[TruthFormat] = "semantickitti"
    lacking = "there is no sequences/XX/voxels/NNNNNN.label in it"

    @property
    def space(self) -> LabelSpace:
        return truth_space(self.format)

    @cached_property
    def reader(self) -> LogReader | None:
        sensors = ("velodyne", "image_2", "image_3")
        alone = not any(any(self.root.glob(f"sequences/*/{sensor}/[0-9]*")) for sensor in sensors)
        return None if alone else _reader(self.root, "kitti")

    def holds_any(self) -> bool:
        return any(self.frames(log) for log in self._folders())

    def log_ids(self) -> list[str]:
        return [log for log in self._folders() if self.frames(log)]

    def frames(self, log: str) -> list[str]:
        return list(self._paths(log))

    def voxels(self, log: str, frame: str) -> VoxelTruth:
        return read_semantickitti(self._paths(log)[frame])

    def stamp(self, log: str) -> str:
        return _stamp(sorted((self.root / "sequences" / log / "voxels").glob("*.*")))

    def _folders(self) -> list[str]:
        return _folders(self.root / "sequences")

    def _paths(self, log: str) -> dict[str, Path]:
        """Of the labels, by the name that their frame has in the log. Listed once: frames are asked for one by one."""
        if log not in self._listed:
            files = sequence_files(self.root / "sequences" / log)
            self._listed[log] = {name: Path(files.voxels[n].path) for n, name in files.voxel_names.items()}
        return self._listed[log]


@dataclass(frozen=True)
class _Occ3dTruth:
    """``SCENE/SAMPLE_TOKEN/labels.npz``, in ``root`` or its folder ``gts``."""

    root: Path
    format: ClassVar[TruthFormat] = "occ3d"
    lacking = "there is no SCENE/SAMPLE_TOKEN/labels.npz in it (give the folder gts)"

    @property
    def space(self) -> LabelSpace:
        return truth_space(self.format)

    @cached_property
    def reader(self) -> LogReader | None:
        return _reader(self.root.parent if self.root.name == "gts" else self.root, "nuscenes")

    def holds_any(self) -> bool:
        return any(self._names(log) for log in _folders(self._gts))

    def log_ids(self) -> list[str]:
        return [log for log in _folders(self._gts) if self._names(log)]

    def frames(self, log: str) -> list[str]:
        names = self._names(log)
        place = {name: index for index, name in enumerate(self._in_time(log))}
        return sorted(names, key=lambda name: (place.get(name, len(place)), name))

    def voxels(self, log: str, frame: str) -> VoxelTruth:
        return read_occ3d(self._gts / log / frame / "labels.npz")

    def stamp(self, log: str) -> str:
        return _stamp(self._gts / log / name / "labels.npz" for name in self._names(log))

    @cached_property
    def _gts(self) -> Path:
        return self.root / "gts" if (self.root / "gts").is_dir() else self.root

    def _names(self, log: str) -> list[str]:
        # A link that leads nowhere is a file that is lost: who reads it says so.
        return [name for name in _folders(self._gts / log) if os.path.lexists(self._gts / log / name / "labels.npz")]

    def _in_time(self, log: str) -> list[str]:
        """Names of the frames of the drive log. Voxels can be scored without it, so one that cannot be read is left to
        whoever needs it."""
        try:
            return [frame.name for frame in _only(self.reader, log).frames] if self.reader is not None else []
        except BadLog:
            return []


class _ReadTruth:
    """What the reader of a package says of its logs. The log that was asked for last is kept."""

    def __init__(self, reader: LogReader, space: LabelSpace) -> None:
        self.reader = reader
        self.space = space
        self._last: tuple[str, dict[str, Frame]] = ("", {})

    def log_ids(self) -> list[str]:
        return [log.id for log in _readable(self.reader) if _true_frames(log)]

    def frames(self, log: str) -> list[str]:
        return list(self._frames(log))

    def voxels(self, log: str, frame: str) -> VoxelTruth:
        truth = self.reader.voxel_truth(self._frames(log)[frame])
        assert truth is not None  # the frame refers to some
        return truth

    def stamp(self, log: str) -> str:
        paths = (frame.truth.voxels for frame in self._frames(log).values())
        return _stamp(path for path in paths if path is not None)

    def _frames(self, log: str) -> dict[str, Frame]:
        if self._last[0] != log:
            self._last = log, {frame.name: frame for frame in _true_frames(_only(self.reader, log))}
        return self._last[1]


def _of_package(root: Path) -> _ReadTruth | None:
    """The truth of logs that the reader of a package reads; of ours it would have been found by its files."""
    try:
        layout = recognise(root)
    except BadLog:
        return None
    if layout.reader in READERS:
        return None
    reader = layout.open(root)
    for log in _readable(reader):
        for frame in _true_frames(log):
            if (truth := reader.voxel_truth(frame)) is not None:
                return _ReadTruth(reader, truth.space)
    return None


def _readable(reader: LogReader) -> Iterator[DriveLog]:
    """The logs of a reader without those that cannot be read."""
    for log in reader.log_ids():
        try:
            yield _only(reader, log)
        except BadLog:
            continue


def _true_frames(log: DriveLog) -> list[Frame]:
    return [frame for frame in log.frames if frame.truth.voxels is not None]


def _only(reader: LogReader, log: str) -> DriveLog:
    return next(iter(reader.logs([log])))


def _reader(root: Path, named: str) -> LogReader | None:
    """The reader that the format of the truth suggests, or another that the folder fits."""
    for name in (named, None):
        try:
            return open_logs(root, name)
        except BadLog:
            continue
    return None


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _stamp(files: Iterable[Path]) -> str:
    stats = ((file, file.stat()) for file in files if file.is_file())
    return " ".join(f"{file.parent.name}/{file.name} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats)
