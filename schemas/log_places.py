"""Files of which each log has its own: a path in which ``{log}`` stands for the id of the log."""

from __future__ import annotations

from pathlib import Path

from occlabel.schemas.errors import BadLog

LOG = "{log}"


def of_each_log(path: Path | None) -> bool:
    """Whether ``path`` names a file, or a folder, of each log."""
    return path is not None and LOG in str(path)


def place_of(path: Path, log: str) -> Path:
    """Where that of a log should lie. Ids come from logs, so they must not lead elsewhere: raises BadLog."""
    if log in {"", ".", ".."} or "/" in log or "\\" in log:
        raise BadLog(f"log {log!r} cannot be in the name of a file")
    return Path(str(path).replace(LOG, log))
