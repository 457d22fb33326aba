"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from occlabel.schemas.errors import OcclabelError


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` when the block ends well; folders are made. A device or a pipe, as
    /dev/null is, is written to as it is.

    Raises OcclabelError where it cannot be written: no room, no right.
    """
    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    try:
        if path.is_char_device() or path.is_fifo():
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OcclabelError(f"{path} cannot be written: {error.strerror or error}") from error


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8. Raises as ``appearing``."""
    with appearing(path) as partial:
        partial.write_text(text, encoding="utf-8")
