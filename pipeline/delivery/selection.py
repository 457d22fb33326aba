"""Which frames of a version are exported: benchmarks ask for some, such as every fifth of SemanticKITTI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.errors import BadLog, BadPredictions, OcclabelError
from occlabel.stages.ingest.recognise import open_logs

_Place = tuple[str, str]
"""Log and frame name."""


@dataclass(frozen=True)
class Selection:
    """A part of a version."""

    version: PublishedVersion
    """With the chosen frames only."""
    left_out: int
    """Frames of the whole version that nobody asks for."""
    lacking: tuple[str, ...] = ()
    """Frames that are asked for and that the version has not: log and name."""

    def sentences(self) -> Iterator[str]:
        """What is not exported, and why."""
        if self.left_out:
            yield f"labelled frames that were not asked for, and are left out: {self.left_out}"
        if self.lacking:
            more = f" and {len(self.lacking) - 5} more" if len(self.lacking) > 5 else ""
            yield (
                f"frames that were asked for and have no labels in version {self.version.name}: "
                f"{', '.join(self.lacking[:5])}{more}"
            )


def by_rule(version: PublishedVersion, rule: str) -> Selection:
    """``5n``: the frames whose number is a multiple of 5. Otherwise names of frames with commas between.

    Raises OcclabelError for a rule that is neither, BadPredictions when it picks nothing, or names are no numbers.
    """
    every = re.fullmatch(r"(\d+)n", rule.strip())
    if every is not None and int(every[1]) > 0:
        _refuse_without_numbers(version)
        return _only(version, {place for place in _places(version) if int(place[1]) % int(every[1]) == 0}, rule)
    names = {name.strip() for name in rule.split(",")}
    if every is not None or "" in names:
        raise OcclabelError(
            f"--frames {rule!r} is no choice of frames: say 5n for those whose number is a multiple of 5, or their "
            "names with commas between"
        )
    if strange := names - {name for _, name in _places(version)}:
        raise BadPredictions(
            f"--frames: version {version.name} has no frame {', '.join(sorted(strange)[:5])}; 5n are all whose number "
            "is a multiple of 5"
        )
    return _only(version, {place for place in _places(version) if place[1] in names}, rule)


def like(version: PublishedVersion, root: Path, format: str) -> Selection:
    """The frames that ``root`` has: of SemanticKITTI's and SSCBench's input voxels (or their voxel truth, where a
    sequence has no input), scans for its panoptic task, of Occ3D's truth; for other formats those of the logs there.

    Raises BadLog when it has none, BadPredictions when the version has none of them.
    """
    if not root.is_dir():
        raise BadLog(f"--like {root} is not a folder")
    wanted = _LIKE[format](root) if format in _LIKE else _of_logs(root)
    if not wanted:
        raise BadLog(f"--like {root} has no frames in the layout of {format}")
    return _only(version, wanted, str(root))


def _only(version: PublishedVersion, wanted: set[_Place], asked: str) -> Selection:
    frames = list(version.frames())
    rows = [frame.row for frame in frames if (frame.log, frame.name) in wanted]
    if not rows:
        raise BadPredictions(f"version {version.name} has none of the frames that {asked} asks for")
    logs = tuple(dict.fromkeys(row.log for row in rows))
    part = version.info.model_copy(update={"logs": logs, "frames": len(rows)})
    lacking = tuple(f"log {log} frame {name}" for log, name in sorted(wanted - set(_places(version))))
    return Selection(PublishedVersion(version.store, part, rows), len(frames) - len(rows), lacking)


def _places(version: PublishedVersion) -> Iterator[_Place]:
    return ((frame.log, frame.name) for frame in version.frames())


def _refuse_without_numbers(version: PublishedVersion) -> None:
    for log, name in _places(version):
        if not name.isdecimal():
            raise BadPredictions(
                f"log {log}, frame {name} has no number to count by; name the frames in --frames, or choose with --like"
            )


def _kitti_voxels(root: Path) -> set[_Place]:
    return _voxels(root.glob("sequences/*/voxels"))


def _sscbench_voxels(root: Path) -> set[_Place]:
    return _voxels(root.glob("data_2d_raw/*/voxels"))


def _voxels(folders: Iterable[Path]) -> set[_Place]:
    wanted: set[_Place] = set()
    for folder in sorted(folders):
        files = list(folder.glob("*.bin")) or list(folder.glob("*.label"))
        wanted |= {(folder.parent.name, file.stem) for file in files}
    return wanted


def _kitti_scans(root: Path) -> set[_Place]:
    return {(file.parent.parent.name, file.stem) for file in root.glob("sequences/*/velodyne/*.bin")}


def _occ3d(root: Path) -> set[_Place]:
    files: Iterable[Path] = [*root.glob("gts/*/*/labels.npz"), *root.glob("*/*/labels.npz")]
    return {(file.parent.parent.name, file.parent.name) for file in files}


def _of_logs(root: Path) -> set[_Place]:
    return {(log.id, frame.name) for log in open_logs(root).logs() for frame in log.frames}


_LIKE = {
    "semantickitti": _kitti_voxels,
    "sscbench-kitti360": _sscbench_voxels,
    "semantickitti-panoptic": _kitti_scans,
    "occ3d": _occ3d,
}
"""Format -> what its benchmark asks for, by files that lie under a root."""
