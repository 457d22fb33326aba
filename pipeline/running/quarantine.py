"""Quarantine: what went wrong with one clip, kept with the command that replays it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.errors import StoreError
from occlabel.workers.store import Store


class QuarantineEntry(BaseModel):
    """One clip of one stage that was given up, or one damaged file of a clip that was labelled without it."""

    model_config = ConfigDict(frozen=True)

    run: str
    slot: str
    log: str
    start: int
    stop: int
    cause: str
    """``data``, ``store``, ``crash``, ``timeout``, or ``damaged`` for a file that could not be read."""
    error: str
    traceback: str = ""
    attempts: int = 1
    fingerprint: str
    log_digest: str
    logs: str
    """Root of the logs."""
    reader: str
    recipe: str
    """The effective recipe as YAML."""
    skipped: tuple[str, ...] = ()
    """Work that was left out because it depends on this clip."""
    replay: str = ""
    """The command that does this clip again, in one process, with the traceback."""

    @property
    def path(self) -> str:
        return f"quarantine/{self.run}/{self.slot}-{self.log}-{self.start:06d}-{self.stop:06d}.json"


def write_entry(store: Store, entry: QuarantineEntry) -> QuarantineEntry:
    """Writes the entry and returns it with its replay command."""
    command = f"occlabel replay {store.location}/{entry.path}"
    complete = entry.model_copy(update={"replay": command})
    store.put(entry.path, complete.model_dump_json(indent=1).encode())
    return complete


def read_entry(location: str) -> tuple[Store, QuarantineEntry]:
    """The entry at ``STORE/quarantine/RUN/ENTRY.json`` and its store. Raises StoreError when there is none."""
    root, marker, rest = location.partition("/quarantine/")
    store = Store(root)
    content = store.get(f"quarantine/{rest}") if marker and store.exists() else None
    if content is None:
        raise StoreError(f"{location} is not a quarantine entry; expected STORE/quarantine/RUN/ENTRY.json")
    return store, QuarantineEntry.model_validate_json(content)
