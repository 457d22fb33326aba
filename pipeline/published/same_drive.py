"""Whether logs are those that were labelled: their ids and the names of their frames are alike in every root of a
layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.version import VersionFrame

_FEWEST = 2
"""Scans that tell: a single one may have been copied again since, whole."""


def scan_bytes(frame: Frame) -> int | None:
    """Bytes of the file of the frame's scan; None where it has none, or none of its own, or nobody can look."""
    if frame.sweep is None or frame.sweep.index is not None:
        return None
    try:
        return frame.sweep.path.stat().st_size
    except OSError:
        return None


def labelled_bytes(rows: Iterable[VersionFrame]) -> dict[str, int]:
    """Frame -> bytes of the scan that was labelled, where that is known."""
    return {row.name: row.scan_bytes for row in rows if row.scan_bytes is not None}


def labelled_drive(reader: LogReader, log: str, rows: Iterable[VersionFrame]) -> DriveLog:
    """The log that ``rows`` are labels of. Raises BadLog for one that lacks a frame of them, or is another drive."""
    found, labelled = next(iter(reader.logs([log]))), list(rows)
    if lacking := {row.name for row in labelled} - {frame.name for frame in found.frames}:
        raise BadLog(f"the logs have no frame {min(lacking)} of log {log}; with --logs give those that were labelled")
    refuse_other_drive(found, reader.root, labelled_bytes(labelled))
    return found


def refuse_other_drive(log: DriveLog, root: Path, labelled: Mapping[str, int]) -> None:
    """Raises BadLog where not one scan of ``log`` has as many bytes as that of the frame of its name that was
    ``labelled``: two drives of one layout have scans of the same names, and never of the same size."""
    found = {frame.name: scan_bytes(frame) for frame in log.frames if frame.name in labelled}
    sizes = {name: size for name, size in found.items() if size is not None}
    if len(sizes) < _FEWEST or any(size == labelled[name] for name, size in sizes.items()):
        return
    name, size = next(iter(sizes.items()))
    raise BadLog(
        f"log {log.id} under {root} is another drive than the one that was labelled: its {len(sizes)} scans all have "
        f"other sizes ({name}: {size:,} bytes, labelled were {labelled[name]:,}); name the root of the logs that were "
        "labelled"
    )
