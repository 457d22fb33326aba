"""How a file of a log is opened: only if it is one, and only if it is not larger than its kind can be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from occlabel.schemas.errors import BadLog, DamagedFile

TEXT = 256 << 20
"""Bytes of the largest text that is read; ten hours of poses at 10 Hz are 100 MB."""


def check_file(path: Path, most: int) -> int:
    """Bytes of the file. Raises DamagedFile when it cannot be read, is a folder or a pipe, or has more than ``most``
    bytes; a pipe that is opened waits for ever."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path} cannot be read: {reason(error)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise DamagedFile(f"{path} cannot be read: it is a folder, a pipe or a device, and no file")
    if found.st_size > most:
        raise DamagedFile(f"{path} has {found.st_size} bytes, and files of its kind have at most {most}: it is another")
    return found.st_size


def read_file(path: Path, most: int = TEXT) -> bytes:
    """The content of a file. Raises DamagedFile as ``check_file`` does."""
    check_file(path, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {reason(error)}") from error


def reason(error: Exception) -> str:
    """In words, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def is_there(path: Path) -> bool:
    """Whether there is anything of that name, a link that leads nowhere included."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def is_folder(path: Path) -> bool:
    """Whether it is one; a link in a circle is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def log_folders(folder: Path) -> list[str]:
    """Names of the folders in ``folder``, sorted, without hidden ones, and of links that lead nowhere: a log that
    cannot be read is listed. Raises BadLog when it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
            return sorted(entry.name for entry in found if _may_be_folder(entry))
    except OSError as error:
        raise BadLog(f"{folder} cannot be listed: {reason(error)}") from error


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True
