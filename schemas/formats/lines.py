"""The lines of a text file as people, editors and recorders write them: with a byte-order mark, other line ends, in
UTF-16, padded with zeros, cut off."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

COMMENTS = ("#", "%", "//", ";")
"""How a line begins that is a comment."""

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|inf(inity)?)", re.ASCII | re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a file, without blanks around them; line ``n`` of the file is ``texts[n - 1]``. Blank lines at the
    end are left out."""

    texts: list[str]
    notes: list[str]
    """What was odd about the file as a whole, as ``line 1: a byte-order mark, skipped``."""
    ended: bool
    """Whether the last line has its line end; where it has not, it may have been cut off."""


def lines_of(content: bytes) -> Lines:
    """The lines of ``content``. Raises nothing: what is no text makes lines that mean nothing."""
    text, notes = _decoded(content)
    whole = text.rstrip("\0\x1a")
    if text.endswith("\0"):
        notes.append(f"the end: {len(text) - len(whole)} zeros, skipped")
    whole = whole.replace("\r\n", "\n").replace("\r", "\n")
    texts = [line.strip() for line in whole.split("\n")]
    while texts and not texts[-1]:
        texts.pop()
    return Lines(texts, notes, whole.endswith("\n"))


def _decoded(content: bytes) -> tuple[str, list[str]]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace"), ["line 1: a byte-order mark, skipped"]
    # Of UTF-16 without a mark every other byte is zero.
    head = content[:400]
    for zeros, encoding in ((head[1::2], "utf-16-le"), (head[::2], "utf-16-be")):
        if len(head) > 3 and zeros.count(0) > 0.9 * len(zeros) and head.count(0) < 0.6 * len(head):
            return content.decode(encoding, "replace"), ["line 1: UTF-16 without a byte-order mark, read as such"]
    return content.decode("utf-8", "replace"), []


def fields_of(text: str) -> list[str]:
    """The fields of a line, with blanks, tabs, commas or semicolons between them."""
    return text.split() if "," not in text and ";" not in text else [field for field in _BETWEEN.split(text) if field]


def numbers_of(text: str) -> list[float] | None:
    """The numbers of a line; None when it holds anything else."""
    fields = fields_of(text)
    return [float(field) for field in fields] if fields and all(map(is_number, fields)) else None


def is_number(field: str) -> bool:
    """Whether it is one as files of numbers write them. Python reads more: ``1_000``, digits of other scripts."""
    return _NUMBER.fullmatch(field) is not None


def cut_short(rows: Sequence[str]) -> bool:
    """Whether the last number of ``rows`` was cut off, of a file without a line end behind its last: it is shorter than
    any other at the end of a row."""
    ends = [len(fields_of(row)[-1]) for row in rows if fields_of(row)]
    return len(ends) > 2 and ends[-1] < min(ends[:-1])
