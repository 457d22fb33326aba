"""Digests of a log: its stamp, which a glance at its folder gives, and its content, for which every file is read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from occlabel.schemas.drive_log import DriveLog, Frame

_AT_ONCE = 8
"""Frames whose files are read at the same time: enough to keep a disk or a network drive busy. Hashing lets go of the
interpreter, so that several cores help too."""

_LARGE = 1 << 18
"""Bytes of a frame from which that is worth it."""


class LogDigest:
    """What a reader notes while it reads a log: the texts it interprets, by content, and its sensor files, by name,
    size and time of change.

    Truth is not part of it: no stage reads it.
    """

    def __init__(self) -> None:
        self._texts = blake2b(digest_size=16)
        self._files = blake2b(digest_size=16)

    def add_text(self, name: str, content: bytes) -> None:
        """Calibration, poses, times, rows of tables. ``name`` must not depend on where the log lies."""
        self._texts.update(f"{name} {len(content)}\n".encode())
        self._texts.update(content)

    def add_files(self, folder: str, files: Iterable[tuple[str, os.stat_result | None]]) -> None:
        """``files`` are the names in ``folder``, in a fixed order; None for a link that leads nowhere."""
        rows = "".join(f"{name} {found and (found.st_size, found.st_mtime_ns)}\n" for name, found in files)
        self._files.update(f"{folder} {len(rows)}\n{rows}".encode())

    @property
    def text(self) -> str:
        """See ``DriveLog.text``."""
        return self._texts.hexdigest()

    @property
    def stamp(self) -> str:
        """See ``DriveLog.stamp``."""
        return blake2b(self._texts.digest() + self._files.digest(), digest_size=16).hexdigest()


class Content(NamedTuple):
    """The content of a log."""

    digest: str
    lasting: bool
    """Whether it holds as long as the log's stamp does: what is there and cannot be read may be readable tomorrow."""


def content_of(log: DriveLog) -> Content:
    """Digest of all that a stage may read from ``log``: its texts, its frames by name, and the bytes of their scans and
    images. The same for a copy elsewhere, of another time. A file that cannot be read counts as such and raises
    nothing. Reads every sensor file once, a film or a recording as a whole.
    """
    state = blake2b(log.text.encode(), digest_size=16)
    lasting = True
    films = {camera.path for frame in log.frames for camera in frame.cameras if camera.index is not None}
    films |= {frame.sweep.path for frame in log.frames if frame.sweep is not None and frame.sweep.index is not None}
    for film in sorted(films):  # read once each, and not for each frame
        digest = _file_digest(film)
        state.update(json.dumps([film.name, digest]).encode())
        lasting = lasting and digest != _UNREADABLE
    for frame, digests in zip(log.frames, _digests_of(log.frames), strict=True):
        state.update(json.dumps([frame.name, *digests]).encode())
        lasting = lasting and all(digest != _UNREADABLE for _, _, digest in digests)
    return Content(state.hexdigest(), lasting)


_MISSING, _UNREADABLE = "missing", "unreadable"
Named = tuple[str, str, str]
"""Sensor, name and digest of a file."""


def _digests_of(frames: tuple[Frame, ...]) -> Iterator[list[Named]]:
    """Of the files of each frame."""
    # Threads that read small files wait for each other longer than for the files.
    if sum(_size(path) for frame in frames[:1] for _, path in _files_of(frame)) < _LARGE:
        yield from map(_digests_in, frames)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(_digests_in, frames)


def _digests_in(frame: Frame) -> list[Named]:
    return [(sensor, path.name, _file_digest(path)) for sensor, path in _files_of(frame)]


def _files_of(frame: Frame) -> list[tuple[str, Path]]:
    """Sensor and path of each file of the frame, in an order that no reader decides."""
    files = [(camera.name, camera.path) for camera in frame.cameras if camera.index is None]
    alone = frame.sweep is not None and frame.sweep.index is None
    return sorted([("", frame.sweep.path), *files] if alone and frame.sweep is not None else files)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _file_digest(path: Path) -> str:
    try:
        # A pipe that is opened waits for ever, and a device never ends.
        if not stat.S_ISREG(path.stat().st_mode):
            return _UNREADABLE
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
    except FileNotFoundError:
        return _MISSING
    except OSError:
        return _UNREADABLE
