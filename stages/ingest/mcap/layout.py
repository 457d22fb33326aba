"""What a root of recordings holds."""

from __future__ import annotations

from pathlib import Path

SUFFIX = ".mcap"


def is_recording(root: Path) -> bool:
    """Whether it is a recording, or a folder that holds some."""
    return root.suffix.lower() == SUFFIX if root.is_file() else bool(recordings(root))


def recordings(root: Path) -> dict[str, Path]:
    """The recordings of a root by name of their log."""
    if root.is_file():
        return {root.stem: root}
    found = (path for path in root.glob("*") if path.suffix.lower() == SUFFIX and not path.name.startswith("."))
    return {path.stem: path for path in sorted(found)}
