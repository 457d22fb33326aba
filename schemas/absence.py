"""What is said of a file or a folder that is not where a path says."""

from __future__ import annotations

from pathlib import Path


def no_file(path: Path) -> str:
    """What lies there in place of a file, as the end of a sentence."""
    return "is a folder, and a file is wanted" if path.is_dir() else "does not exist"


def no_folder(path: Path) -> str:
    """What lies there in place of a folder, as the end of a sentence."""
    return "is a file, and a folder is wanted" if path.is_file() else "does not exist"
