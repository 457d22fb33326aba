"""What a plan must know of logs, remembered in the store for readers that take long to say it."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.workers.store import Store


class LogFacts(BaseModel):
    """A log without its frames. ``scans``, ``cameras`` and ``poses`` count the frames that have them."""

    model_config = ConfigDict(frozen=True)

    id: str
    digest: str
    frames: int
    scans: int
    cameras: int
    poses: int
    warnings: tuple[str, ...]


def facts_of(log: DriveLog) -> LogFacts:
    return LogFacts(
        id=log.id,
        digest=log.digest,
        frames=len(log.frames),
        scans=sum(frame.sweep is not None for frame in log.frames),
        cameras=sum(bool(frame.cameras) for frame in log.frames),
        poses=sum(frame.world_from_ego is not None for frame in log.frames),
        warnings=log.warnings,
    )


class _Remembered(BaseModel):
    stamp: str
    ids: list[str]
    logs: dict[str, LogFacts] = {}


class Catalogue:
    """The facts of a reader's logs. While the reader's ``stamp`` stays the same, a log is read once per store."""

    def __init__(self, reader: LogReader, store: Store) -> None:
        self._reader = reader
        self._store = store
        self._path = f"catalogue/{hashlib.blake2b(str(reader.root).encode(), digest_size=12).hexdigest()}.json"
        self._stamp = reader.stamp()
        self._remembered = self._recall()
        self._changed = False

    def log_ids(self) -> list[str]:
        return self._remembered.ids

    def facts(self, log_id: str) -> LogFacts:
        """Raises BadLog when the log cannot be read; that is never remembered."""
        known = self._remembered.logs.get(log_id)
        if known is None:
            known = facts_of(next(iter(self._reader.logs([log_id]))))
            if self._stamp is not None:
                self._remembered.logs[log_id] = known
                self._changed = True
        return known

    def remember(self) -> None:
        """Writes what was learned, for the next plan."""
        if self._changed:
            self._store.put(self._path, self._remembered.model_dump_json().encode())

    def _recall(self) -> _Remembered:
        content = self._store.get(self._path) if self._stamp is not None else None
        if content is not None:
            remembered = _Remembered.model_validate_json(content)
            if remembered.stamp == self._stamp:
                return remembered
        return _Remembered(stamp=self._stamp or "", ids=self._reader.log_ids())
