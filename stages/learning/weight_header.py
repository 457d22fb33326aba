"""What the header of a weight file says, and whether the file is what was written; for this nobody needs torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import safe_open

from occlabel.schemas.errors import BadWeights

CONTENT = "content"
"""The fact that holds the digest of everything else in the file."""
_SUMS = "SHA256SUMS"
"""Beside weights that were written before they held their digest: what ``sha256sum`` says of them."""


def named_with_digest(path: Path) -> str:
    """The name of a weight file that a training starts from, and a digest of its content, for the facts."""
    return f"{path.name}, digest {hashlib.blake2b(path.read_bytes(), digest_size=12).hexdigest()}"


def provenance(texts: Iterable[str]) -> str:
    """How many logs a training learned from and which, by their ``DriveLog.text``, for the facts."""
    texts = list(texts)
    return f"{len(texts)} logs, digest {hashlib.blake2b(chr(10).join(texts).encode(), digest_size=12).hexdigest()}"


def read_facts(path: Path) -> dict[str, str]:
    """The facts in the header of a weight file. Raises BadWeights when it is missing, truncated or something else."""
    with readable(path), safe_open(path, framework="numpy") as file:
        facts = dict(file.metadata() or {})
    facts.pop(CONTENT, None)
    return facts


def check_content(path: Path) -> None:
    """Raises BadWeights unless the file is what was written: by the digest in it, or by that beside it. Nobody can tell
    of a file that has neither."""
    with readable(path):
        stat = path.stat()
        intact = _is_intact(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if not intact:
        raise BadWeights(
            f"{path} is damaged: it is not what was written, by the digest of its content; fetch it again or train it "
            "with occlabel train"
        )


@lru_cache(maxsize=64)
def _is_intact(path: Path, size: int, mtime_ns: int, ctime_ns: int) -> bool:
    content = path.read_bytes()
    header, data = parts(content)
    if (told := header.get("__metadata__", {}).get(CONTENT)) is not None:
        return bool(told == digest_of_parts(header, data))
    sums = path.with_name(_SUMS)
    lines = sums.read_text().splitlines() if sums.is_file() else []
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return known.get(path.name) in (None, hashlib.sha256(content).hexdigest())


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a file: 8 bytes of length, the header as JSON, the data."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def digest_of_parts(header: dict[str, Any], data: bytes) -> str:
    """Of what is in a file, but for the digest itself."""
    facts = {name: fact for name, fact in header.get("__metadata__", {}).items() if name != CONTENT}
    text = json.dumps(header | {"__metadata__": facts}, sort_keys=True)
    return hashlib.blake2b(text.encode() + data, digest_size=16).hexdigest()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what safetensors, torch and json raise for a damaged file is of many types
        raise BadWeights(
            f"{path} is not a readable weight file ({error}); fetch it again or train it with occlabel train"
        ) from error
