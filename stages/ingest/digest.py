"""The digest of a log: changes when anything a stage may read from the log changes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b


class LogDigest:
    """Small text (calibration, poses, times, table rows) counts by content, sensor files by name, size and time of
    change: reading every scan of a night's logs only to plan would take longer than labelling them.

    Truth is not part of it: no stage reads it.
    """

    def __init__(self) -> None:
        self._state = blake2b(digest_size=16)

    def text(self, name: str, content: bytes) -> None:
        self._state.update(f"text {name} {len(content)}\n".encode())
        self._state.update(content)

    def files(self, folder: str, files: Iterable[tuple[str, os.stat_result]]) -> None:
        """``files`` are the names in ``folder`` that exist, in a fixed order."""
        rows = "".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in files)
        self._state.update(f"files {folder} {len(rows)}\n{rows}".encode())

    def hexdigest(self) -> str:
        return self._state.hexdigest()
