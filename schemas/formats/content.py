"""What is in a file, as a digest: what decides the output and is neither an option nor weights."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def content_of(file: Path) -> str:
    """A digest, or that it cannot be read: a worker will say why."""
    try:
        stat = file.stat()
        return _digest(file, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    except OSError:
        return "unreadable"


@lru_cache(maxsize=1 << 16)
def _digest(file: Path, size: int, mtime_ns: int, ctime_ns: int) -> str:
    """Of the content. A file whose size and times are those of before is not read again."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
