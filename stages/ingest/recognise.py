"""Which reader reads a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from occlabel.schemas.arguments import is_a, shown
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.kinds import Layout, layout_of, layouts
from occlabel.stages.ingest.several import SeveralReaders


def open_logs(root: Path | str | Sequence[Path | str], reader: str | None = None) -> LogReader:
    """The reader for ``root``, recognised by what the folder holds, or the one named ``reader``; of several roots, one
    for the logs of all.

    Raises BadLog for what is no path, when a folder is missing, fits no layout or not the named one, or fits several;
    or when a log has the same id under two roots.
    """
    is_a("reader", reader, str | None, "the name of a reader, or None", BadLog)
    readers = [recognise(path, reader).open(path) for path in dict.fromkeys(_paths(root))]
    if not readers:
        raise BadLog("there is no root of logs; name at least one")
    return readers[0] if len(readers) == 1 else SeveralReaders(tuple(readers))


def _paths(root: object) -> list[Path]:
    """Raises BadLog for what is no path, and for an empty text: it would be the current folder, which nobody named."""
    several = isinstance(root, Iterable) and not isinstance(root, Path | str | bytes)
    paths = []
    for path in cast("Iterable[object]", root) if several else [root]:
        if not isinstance(path, Path | str) or not str(path).strip():
            raise BadLog(f"{shown(path)} is no root of logs: give the path of a folder, or a list of such")
        paths.append(Path(path).absolute())
    return paths


def recognise(root: Path, reader: str | None = None) -> Layout:
    """The layout that ``root`` has. Raises BadLog as ``open_logs`` does."""
    if not root.exists():
        raise BadLog(f"{root} is not a folder, and no film: there is nothing of that name")
    every, broken = layouts() if reader is None else ([layout_of(reader)], [])
    fitting = [layout for layout in every if not layout.last and layout.fits(root)]
    fitting = fitting or [layout for layout in every if layout.last and layout.fits(root)]
    if not fitting:
        expected = ", ".join(layout.words for layout in every)
        if not root.is_dir():
            raise BadLog(f"{root} is not a folder, and no film by its name; there is no {expected}")
        sentence = f"{root} holds no drive logs: there is no {expected}; give the folder that directly holds it"
        raise BadLog(". ".join([sentence, *broken]))
    if len(fitting) > 1:
        names = ", ".join(layout.reader for layout in fitting)
        raise BadLog(
            f"{root} holds several layouts ({names}); name one with --reader, or in Python by "
            f"open_logs(..., reader={fitting[0].reader!r})"
        )
    return fitting[0]
