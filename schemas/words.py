"""How sentences say things: what was probably meant, and commands that can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def command(*words: object) -> str:
    """The command ``occlabel WORDS``, quoted where a shell would take it for something else."""
    return shlex.join(["occlabel", *map(str, words)])


def meant(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'radius'?)`` where one of ``known`` is near to ``name``, else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def counted(count: int, noun: str, more: str = "") -> str:
    """``1 frame``, ``12 frames``; ``more`` is the noun of several where it is not an s longer, such as "boxes"."""
    return f"{count} {inflected(count, noun, more or noun + 's')}"


def inflected(count: int, one: str, more: str) -> str:
    """``one`` or ``more``, by how many there are: ``is`` or ``are``."""
    return one if count == 1 else more


def in_points(share: float, form: str = ".1f") -> str:
    """``12.3`` for a share of 0.123, or a difference of shares; ``-`` where there is none (NaN)."""
    return "-" if isnan(share) else format(100 * share, form)


def in_bytes(size: int) -> str:
    """``1.3 GB``, in powers of 1000."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size} B"


def first_of(error: ValidationError) -> tuple[str, str]:
    """Where the first thing is that a model refuses (``corrections.0.box``), and what is wrong with it."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), str(first["msg"]).removeprefix("Value error, ")
