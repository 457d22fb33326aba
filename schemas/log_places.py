"""Files of which each log has its own: a path in which ``{log}`` stands for the id of the log."""

from __future__ import annotations

import os
import re
from pathlib import Path

from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.words import meant

LOG = "{log}"
_PART = re.compile(r"\{(\w*)\}")


class BadPlace(BadRecipe, ValueError):
    """A path that names in braces what no path can."""


def of_each_log(path: Path | None) -> bool:
    """Whether ``path`` names a file, or a folder, of each log. Raises BadPlace for one that is not there and names
    something else in braces."""
    if path is None:
        return False
    other = next((part for part in _PART.findall(str(path)) if part != "log"), None)
    if other is not None and not os.path.lexists(path):
        raise BadPlace(f"{path} names {{{other}}}{meant(other, ['log'])}; a path can name {LOG}, the id of the log")
    return LOG in str(path)


def place_of(path: Path, log: str) -> Path:
    """Where that of a log should lie. Ids come from logs, so they must not lead elsewhere: raises BadLog."""
    if log in {"", ".", ".."} or "/" in log or "\\" in log:
        raise BadLog(f"log {log!r} cannot be in the name of a file")
    return Path(str(path).replace(LOG, log))
