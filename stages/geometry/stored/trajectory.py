"""Poses of one thing in a text file, one a line: with times, as TUM's tools have them (Sturm et al. 2012), or one a
frame, as KITTI odometry has them (Geiger et al. 2012)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats.lines import COMMENTS, cut_short, fields_of, lines_of, numbers_of
from occlabel.schemas.formats.rows import Rows, numbers_on, values_of
from occlabel.schemas.geometry import are_rigid
from occlabel.schemas.pose_track import PoseTrack, poses_of, track_of

SUFFIXES = (".txt", ".tum", ".csv")
"""What names of such files end in."""
_TUM, _KITTI = 8, (12, 16)
"""Numbers of a line: a time, a place and a quaternion; a 3x4 or a 4x4."""
_LATEST = 9e9
"""[s] after whenever a clock began: larger numbers are no seconds."""
_SAME = 1_000_000
"""[ns] between a frame and a line that are of one time: times are rounded where they are written."""


@dataclass(frozen=True)
class Trajectory:
    """What a file says of the frames of a log: ``poses`` [frame, 4, 4], world from what moves, NaN of a frame that has
    none; ``said`` are sentences of what is odd, without a full stop."""

    poses: NDArray[np.float64]
    said: tuple[str, ...]


def read_trajectory(path: Path, names: Sequence[str], times: Sequence[float], later: float) -> Trajectory:
    """Of a log whose frames have ``names`` and ``times`` [s], by a clock that is ``later`` [s] than the file's.

    Between two lines with times that are at most 0.3 s apart a frame has the pose of a motion in a straight line. Lines
    without times are of the frames in their order where there are as many, and line i of frame number i elsewhere.
    Raises BadLog for a file that cannot be read or holds no poses, and where it cannot be told whose they are.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadLog(f"{path} cannot be read: {error.strerror or error}") from error
    rows = [text for text in lines_of(content).texts if text and not text.startswith(COMMENTS)]
    sizes = Counter(len(fields_of(text)) for text in rows if numbers_of(text) is not None)
    size = sizes.most_common(1)[0][0] if sizes else 0
    if size == _TUM:
        found = _timed(path, content, names, times, later)
    elif size in _KITTI:
        found = _numbered(path, content, size, names)
    else:
        raise BadLog(
            f"{path} has {size or 'no'} numbers a line; a line is a time, x y z and the quaternion x y z w (TUM, 8 "
            "numbers), or a 3x4 or 4x4 matrix for each frame (KITTI, 12 or 16)"
        )
    lacking = [name for name, pose in zip(names, found.poses, strict=True) if np.isnan(pose).any()]
    if not lacking:
        return found
    return Trajectory(
        found.poses,
        (*found.said, f"{path} has no pose of {len(lacking)} of {len(names)} frames, such as {lacking[0]}"),
    )


def _timed(path: Path, content: bytes, names: Sequence[str], times: Sequence[float], later: float) -> Trajectory:
    lines = lines_of(content)
    rows = {n: text for n, text in enumerate(lines.texts, 1) if text and not text.startswith(COMMENTS)}
    values = values_of(list(rows.values()), _TUM)
    if not lines.ended and cut_short(list(rows.values())):
        values[-1] = np.nan
    seconds = values[np.isfinite(values[:, 0]), 0]
    if len(seconds) and np.median(np.abs(seconds)) > _LATEST:
        raise BadLog(
            f"{path} has times such as {seconds[0]:.0f}, which are no seconds: divide them by what they are of"
        )
    poses = poses_of(values[:, [7, 4, 5, 6]], values[:, 1:4])
    sound = are_rigid(poses) & (np.abs(values[:, 0]) < _LATEST)
    said = [f"{path}, {note}" for note in lines.notes]
    if not sound.any():
        raise BadLog(f"{path} holds no pose: on no line is a rotation and a place, such as on line {min(rows)}")
    if not sound.all():
        first = list(rows)[int(np.flatnonzero(~sound)[0])]
        said.append(f"{path}: {int((~sound).sum())} of {len(rows)} lines hold no pose, such as line {first}")
    stamps = np.round(values[sound, 0] * 1e9).astype(np.int64)
    track = track_of(stamps, poses[sound])
    assert track is not None  # there is a sound pose
    if len(track.times) < len(stamps):
        said.append(f"{path}: {len(stamps) - len(track.times)} lines are of times that others have; the first counts")
    asked = np.round((np.array(times) - later) * 1e9).astype(np.int64)
    found = np.array([_at(track, int(stamp)) for stamp in asked])
    if np.isnan(found).any(axis=(1, 2)).all():
        raise BadLog(
            f"{path} has poses from {track.times[0] / 1e9:.3f} to {track.times[-1] / 1e9:.3f} s, and no frame lies "
            f"between two that are at most 0.3 s apart: frames are from {times[0]:.3f} to {times[-1]:.3f} s; set "
            "geometry.later to what the log's clock is ahead of the file's"
        )
    return Trajectory(found, tuple(said))


def _at(track: PoseTrack, stamp: int) -> NDArray[np.float64]:
    near = int(np.abs(track.times - stamp).argmin())
    if abs(int(track.times[near]) - stamp) <= _SAME:
        return np.array(track.poses[near])
    pose = track.at(stamp)
    return np.full((4, 4), np.nan) if pose is None else pose


def _numbered(path: Path, content: bytes, size: int, names: Sequence[str]) -> Trajectory:
    rows = Rows(str(path), content, numbers_on(size))
    numbers = [int(name) for name in names] if all(n.isascii() and n.isdigit() for n in names) else range(len(names))
    if len(names) in rows.counts:
        numbers = range(len(names))
    placed = rows.placed(max(numbers), ())
    if placed.misfit is not None:
        raise BadLog(f"{placed.misfit}: whose each is cannot be told; write one for each frame, or times (TUM)")
    said = list(placed.warnings)
    if len(placed.texts) != len(names):
        said.append(f"{path} has {len(placed.texts)} poses for {len(names)} frames: line i is taken for frame number i")
    values = values_of(placed.of(numbers), size)
    poses = np.tile(np.eye(4), (len(names), 1, 1))
    poses[:, : size // 4] = values.reshape(len(names), -1, 4)
    poses[~are_rigid(poses)] = np.nan
    if np.isnan(poses).any(axis=(1, 2)).all():
        raise BadLog(f"{path} holds no pose: on no line is a rotation and a place")
    return Trajectory(poses, tuple(said))
