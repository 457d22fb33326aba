"""Quarantine: what went wrong with one unit of work, kept with the command that replays it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from occlabel.schemas.errors import StoreError
from occlabel.schemas.words import command
from occlabel.workers.store import Store
from occlabel.workers.unit import Cause


class QuarantineEntry(BaseModel):
    """One unit that was given up, or what was damaged in one that was done without it."""

    model_config = ConfigDict(frozen=True)

    run: str
    stage: str
    """Name of the stage in its chain, or of the job."""
    unit: str
    """Which one, as a part of a file name: log and clip, or the job's unit."""
    cause: Cause
    error: str
    traceback: str = ""
    attempts: int = 1
    fingerprint: str
    skipped: tuple[str, ...] = ()
    """Work that was left out because it depends on this unit."""
    replay: str = ""
    """The command that does this unit again, in one process, with the traceback; none for a job."""

    @property
    def path(self) -> str:
        return f"quarantine/{self.run}/{self.stage}-{self.unit}.json"

    @property
    def place(self) -> str:
        """What sentences call the unit."""
        return f"{self.stage} {self.unit}"


class ClipEntry(QuarantineEntry):
    """One clip of one stage."""

    log: str
    start: int
    stop: int
    log_digest: str
    logs: str
    """Root of the logs."""
    reader: str | None
    """Its name; None where the root is recognised."""
    recipe: str
    """The effective recipe as YAML."""
    device: Literal["cpu", "cuda"] = "cpu"
    """What stages that use a GPU ran on."""

    @property
    def place(self) -> str:
        return f"{self.stage} {self.log} frames {self.start}-{self.stop - 1}"


def write_entry(store: Store, entry: QuarantineEntry) -> QuarantineEntry:
    """Writes the entry and returns it, with its replay command if it is a clip's."""
    if isinstance(entry, ClipEntry):
        entry = entry.model_copy(update={"replay": _replays(store, entry.path)})
    store.put(entry.path, entry.model_dump_json(indent=1).encode())
    return entry


def read_entry(location: str) -> tuple[Store, ClipEntry]:
    """The entry at ``STORE/quarantine/RUN/ENTRY.json`` and its store. Raises StoreError when there is none."""
    path = location if "://" in location else str(Path(location).absolute())
    root, *place = path.rsplit("/", 3)
    named = len(place) == 3 and place[0] == "quarantine" and root != ""
    store = Store(root)
    content = store.get("/".join(place)) if named and store.exists() else None
    if content is None:
        raise StoreError(f"{location} is not a quarantine entry; expected STORE/quarantine/RUN/ENTRY.json")
    entry = _parsed(content)
    if entry is None:
        raise StoreError(f"{location} is damaged, or of another occlabel; run again to have what is wrong said")
    if isinstance(entry, ClipEntry):
        return store, entry
    raise StoreError(f"{location} is of job {entry.stage}, not of a clip: {entry.error}\n{entry.traceback}")


def told(store: Store, path: str) -> list[str]:
    """Of the entry at ``path`` of the store, what went wrong with which unit, and how to see more; a line each."""
    content = store.get(path)
    entry = None if content is None else _parsed(content)
    if entry is None:
        return [f"{store.location}/{path} is damaged, or of another occlabel"]
    said = f"({entry.cause}) {entry.place}: {entry.error}"
    return [said, f"  replay: {_replays(store, path)}"] if isinstance(entry, ClipEntry) else [said]


def _replays(store: Store, path: str) -> str:
    return command("replay", f"{store.location}/{path}")  # where the store is now: it may have been moved


def _parsed(content: bytes) -> QuarantineEntry | None:
    """None for what is no entry."""
    kind = ClipEntry if b'"log_digest"' in content else QuarantineEntry
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        return None
