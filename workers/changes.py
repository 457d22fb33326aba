"""Whether the sensor files of frames are still those that were looked at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from occlabel.schemas.drive_log import Frame

Glance = dict[Path, tuple[int, int] | None]
"""Of each file its size and time of change [ns]; None where there is none."""


def sensor_files(frames: Iterable[Frame]) -> list[Path]:
    """The scans and images of ``frames``, each once: a film or a recording of all is one file."""
    taken = (shot for frame in frames for shot in (frame.sweep, *frame.cameras) if shot is not None)
    return list(dict.fromkeys(shot.path for shot in taken))


def glance_at(frames: Iterable[Frame]) -> Glance:
    """At the sensor files of ``frames``, of which none is read."""
    return {path: _stat(path) for path in sensor_files(frames)}


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
