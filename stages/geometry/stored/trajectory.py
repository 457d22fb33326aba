"""Poses of one thing in a text file, one a line: with times, as TUM's tools have them (Sturm et al. 2012), or one a
frame, as KITTI odometry has them (Geiger et al. 2012)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats.lines import COMMENTS, cut_short, fields_of, lines_of, numbers_of
from occlabel.schemas.geometry import FURTHEST
from occlabel.schemas.pose_track import poses_of, track_of

SUFFIXES = (".txt", ".tum")
"""What names of such files end in."""
_TUM, _KITTI = 8, (12, 16)
"""Numbers of a line: a time, a place and a quaternion; a 3x4 or a 4x4."""
_LATEST = 9e9
"""[s] before or after 1970, or whenever a clock began: nobody drove later."""
_SKEW = 1e-3
"""As ``geometry.rigid`` has it."""
_EDGE = 1_000_000
"""[ns] by which a frame may lie before the first or behind the last pose and have it: times were rounded."""


@dataclass(frozen=True)
class Trajectory:
    """What a file says. ``poses`` [n, 4, 4] are world from what moves, NaN of a line that holds none; ``times`` [n] ns,
    or None where line i is of frame number i. ``said`` are sentences of what is odd, without a full stop."""

    path: Path
    poses: NDArray[np.float64]
    times: NDArray[np.int64] | None
    said: tuple[str, ...]

    def fits(self, names: Sequence[str]) -> str | None:
        """A sentence where there are other lines than frames, which are named so. Raises BadLog where it cannot be told
        whose they are."""
        if self.times is not None or len(self.poses) == len(names):
            return None
        last = max(map(int, names)) if all(name.isascii() and name.isdigit() for name in names) else None
        if last is None or last >= len(self.poses):
            numbered = "" if last is None else f", the last of number {last}"
            raise BadLog(
                f"{self.path} has {len(self.poses)} poses, and the log {len(names)} frames{numbered}: whose each is "
                "cannot be told; write one for each frame, or lines of a time and a pose (TUM)"
            )
        return f"{self.path} has {len(self.poses)} poses for {len(names)} frames: line i is taken for frame number i"

    def at(self, frames: Sequence[Moment], later: float) -> NDArray[np.float64]:
        """Poses [frame, 4, 4], NaN of a frame that has none: between two that are at most 0.3 s apart, those of a
        motion in a straight line. The log's clock is ``later`` [s] than that of the file. Raises BadLog where no time
        is that of a frame, or as ``fits``."""
        if self.times is None:
            names = [frame.name for frame in frames]
            return self.poses.copy() if self.fits(names) is None else self.poses[[int(name) for name in names]]
        result = np.full((len(frames), 4, 4), np.nan)
        track = track_of(self.times, self.poses)
        stamps = np.round((np.array([frame.time for frame in frames]) - later) * 1e9).astype(np.int64)
        if track is not None:
            for row, stamp in enumerate(stamps):
                inside = int(np.clip(stamp, track.times[0], track.times[-1]))
                pose = track.at(inside) if abs(inside - stamp) <= _EDGE else None
                result[row] = np.nan if pose is None else pose
        if np.isnan(result).any(axis=(1, 2)).all():
            begins, ends = self.times.min() / 1e9, self.times.max() / 1e9
            raise BadLog(
                f"{self.path} has poses from {begins:.3f} to {ends:.3f} s, and no frame lies between two that are at "
                f"most 0.3 s apart: frames are from {frames[0].time:.3f} to {frames[-1].time:.3f} s; set "
                "geometry.later to what the log's clock is ahead of the file's"
            )
        return result


def read_trajectory(path: Path) -> Trajectory:
    """Of a file. Raises BadLog for one that cannot be read, or holds no poses."""
    try:
        lines = lines_of(path.read_bytes())
    except OSError as error:
        raise BadLog(f"{path} cannot be read: {error.strerror or error}") from error
    rows = {n: text for n, text in enumerate(lines.texts, 1) if text and not text.startswith(COMMENTS)}
    sizes = Counter(len(fields_of(text)) for text in rows.values() if numbers_of(text) is not None)
    size = sizes.most_common(1)[0][0] if sizes else 0
    if size != _TUM and size not in _KITTI:
        raise BadLog(
            f"{path} has {size or 'no'} numbers a line; a line is a time, x y z and the quaternion x y z w (TUM, 8 "
            "numbers), or a 3x4 or 4x4 matrix for each frame (KITTI, 12 or 16)"
        )
    values = np.full((len(rows), size), np.nan)
    for row, text in enumerate(rows.values()):
        numbers = numbers_of(text)
        if numbers is not None and len(numbers) == size:
            values[row] = numbers
    if not lines.ended and cut_short(list(rows.values())):
        values[-1] = np.nan
    poses = poses_of(values[:, [7, 4, 5, 6]], values[:, 1:4]) if size == _TUM else _matrices(values)
    poses[np.abs(poses[:, :3, 3]).max(axis=1) > FURTHEST] = np.nan
    if size == _TUM:
        poses[~(np.abs(values[:, 0]) < _LATEST)] = np.nan
    lost = [line for line, pose in zip(rows, poses, strict=True) if np.isnan(pose).any()]
    said = [f"{path}, {note}" for note in lines.notes]
    if len(lost) == len(rows):
        raise BadLog(f"{path} holds no pose: on no line is a rotation and a place, such as on line {lost[0]}")
    if lost:
        said.append(f"{path}: {len(lost)} of {len(rows)} lines hold no pose, such as line {lost[0]}")
    if size != _TUM:
        return Trajectory(path, poses, None, tuple(said))
    kept = np.isfinite(poses).all(axis=(1, 2))
    return Trajectory(path, poses[kept], np.round(values[kept, 0] * 1e9).astype(np.int64), tuple(said))


def _matrices(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 4, 4] of rows [n, 12 or 16], NaN of those that are no rigid motion."""
    result = np.tile(np.eye(4), (len(values), 1, 1))
    result[:, : values.shape[1] // 4] = values.reshape(len(values), -1, 4)
    rotation = result[:, :3, :3]
    with np.errstate(invalid="ignore", over="ignore"):
        skew = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        sound = np.isfinite(result).all(axis=(1, 2)) & (skew < _SKEW) & (np.linalg.det(rotation) > 0)
        sound &= np.abs(result[:, 3] - [0, 0, 0, 1]).max(axis=1) < 1e-9
    result[~sound] = np.nan
    return result
