"""Logs that are told apart: what is learned from, what is judged by, and what has no labels share none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, OcclabelError


def refuse_shared(logs: Mapping[str, Sequence[DriveLog]]) -> None:
    """Raises OcclabelError when a log is under the roots of two options, by whose names ``logs`` are: it would be
    learned from and judged by. BadLog for an option without logs."""
    owners: dict[tuple[str, tuple[int, ...]], tuple[str, str]] = {}
    for name, found in logs.items():
        title = f"--{name.replace('_', '-')}"
        if not found:
            raise BadLog(f"{title} has no logs; name the root of some")
        for log in found:
            other, id_ = owners.setdefault((log.text, _sizes(log)), (title, log.id))
            if other != title:
                both = {title, other} == {"--labelled", "--unlabelled"}
                why = "what has no labels must not have them" if both else "what is judged by must not be learned from"
                raise OcclabelError(
                    f"log {log.id} of {title} is log {id_} of {other}: {why}; name roots that share no log"
                )


def _sizes(log: DriveLog) -> tuple[int, ...]:
    """Bytes of the files of its first frames: logs of one car without poses and times have the same text."""
    found = []
    for frame in log.frames[:2]:
        sweep = [] if frame.sweep is None else [frame.sweep.path]
        for path in (*(camera.path for camera in frame.cameras), *sweep):
            with suppress(OSError):
                found.append(path.stat().st_size)
    return tuple(found)
