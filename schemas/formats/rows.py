"""Text files in which line i belongs to frame number i: what stands on which line, and what was no line of data.

Headers, comments and blank lines are common, and whether a blank line is nothing or the place of a missing row cannot
be seen from it. Counts decide: there must be a row for every number up to that of the last frame, or as many as
another such file of the log has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.formats.lines import COMMENTS, cut_short, fields_of, lines_of, numbers_of
from occlabel.schemas.spans import spans

_DIGITS = 8
"""A whole number of so many digits, alone above the rows, is no count of them but a time."""
_DATA = re.compile(r"[+-]?(\.?\d|nan\b|inf\b|infinity\b)", re.ASCII | re.IGNORECASE)


class _Gap(NamedTuple):
    """A line without data."""

    before: int
    """Rows of data above it."""
    line: int
    what: str
    place: bool
    """Whether it may stand for a row."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The text of each row, by frame number; None where there is none."""

    texts: list[str | None]
    misfit: str | None
    """A sentence where there are not as many as there must be: any row may be another frame's."""
    short: bool
    """Whether there are too few."""
    warnings: list[str]

    def of(self, numbers: Iterable[int]) -> list[str | None]:
        """The rows of the frames ``numbers``."""
        return [self.texts[number] if number < len(self.texts) else None for number in numbers]


class Rows:
    """The rows of the file ``name``. ``usable`` says whether a line can be one."""

    def __init__(self, name: str, content: bytes, usable: Callable[[str], bool]) -> None:
        self.name = name
        lines = lines_of(content)
        self._notes = [f"{name}, {note}" for note in lines.notes]
        self._rows: list[str | None] = []
        self._gaps: list[_Gap] = []
        for number, text in enumerate(lines.texts, 1):
            what = _what(text, not self._rows, usable)
            if what is None:
                self._rows.append(text)
            else:
                place = what == "blank" or (what == "a comment" and usable(text.lstrip("#%/; "))) or what == "words"
                self._gaps.append(_Gap(len(self._rows), number, what, place or _with_data(text, what)))
        if self._rows and not lines.ended and cut_short(self.texts):
            self._rows[-1] = None
            self._notes.append(f"{name}, line {len(lines.texts)}: cut off in the middle of a number, skipped")

    @property
    def texts(self) -> list[str]:
        """Those of data, without their places."""
        return [text for text in self._rows if text is not None]

    @property
    def counts(self) -> set[int]:
        """How many rows there may be."""
        return {len(self._rows), len(self._rows) + len(self._places())}

    def placed(self, last: int, others: Collection[int]) -> Placed:
        """The rows by frame number, where ``last`` is that of the last frame and ``others`` are the counts that
        another such file of the log may have."""
        need, found = last + 1, len(self._rows)
        longer = {count for count in others if count > need}
        wanted = {need} | longer
        blanks = [gap for gap in self._places() if gap.what == "blank"]
        inner = [gap for gap in self._places() if gap.before]
        # A log that was cut out of a longer one has rows to spare.
        spare = found > need and not longer and need not in others
        misfit = None
        for filled in ([], self._places(), blanks):
            if found + len(filled) in wanted:
                break
        else:
            filled = inner if spare or found < need else []
            if not spare:
                misfit = self._misfit(found + len(filled), last, others)
        warnings = [*self._notes, *self._sentences(filled)]
        return Placed(self._filled(filled), misfit, found + len(filled) < need, warnings)

    def _misfit(self, found: int, last: int, others: Collection[int]) -> str:
        needed = f"{last + 1}, one for each frame number from 0 to {last}"
        if found > last + 1:
            return f"{self.name} has {found} rows and another file of the log {max(others)}; there should be {needed}"
        return f"{self.name} has {found} rows, and there should be {needed}"

    def _places(self) -> list[_Gap]:
        return [gap for gap in self._gaps if gap.place]

    def _filled(self, gaps: Sequence[_Gap]) -> list[str | None]:
        texts = list(self._rows)
        for gap in reversed(gaps):
            texts.insert(gap.before, None)
        return texts

    def _sentences(self, filled: Sequence[_Gap]) -> list[str]:
        by_words: dict[str, list[str]] = {}
        for gap in self._gaps:
            words = f"{gap.what}, {'taken for a missing row' if gap in filled else 'skipped'}"
            by_words.setdefault(words, []).append(str(gap.line))
        return [
            f"{self.name}, line{'s' if len(lines) > 1 else ''} {spans(lines)}: {words}"
            for words, lines in by_words.items()
        ]


def _what(text: str, first: bool, usable: Callable[[str], bool]) -> str | None:
    """What a line is that holds no data, ``first`` if none above does; None for one that does."""
    if not text:
        return "blank"
    if text.startswith(COMMENTS):
        return "a comment"
    if not any(_DATA.match(field) for field in fields_of(text)):
        return "a header" if first else "words"
    if not first or usable(text):
        return None
    if text.isascii() and text.isdigit() and len(text) < _DIGITS:
        return "a count"
    return "a header" if re.search(r"(?i)\b(?!e\b|nan\b|inf)[a-z]", text) else None


def _with_data(text: str, what: str) -> bool:
    """Whether a header might be a row that was overwritten."""
    return what == "a header" and any(_DATA.match(field) for field in fields_of(text))


def numbers_on(*counts: int) -> Callable[[str], bool]:
    """Whether a line is one of so many numbers."""

    def usable(text: str) -> bool:
        numbers = numbers_of(text)
        return numbers is not None and len(numbers) in counts

    return usable


def values_of(texts: Sequence[str | None], columns: int) -> NDArray[np.float64]:
    """The numbers [n, columns] of rows; NaN in each that is missing or not ``columns`` numbers."""
    result = np.full((len(texts), columns), np.nan)
    for index, text in enumerate(texts):
        numbers = None if text is None else numbers_of(text)
        if numbers is not None and len(numbers) == columns:
            result[index] = numbers
    return result


def misplaced(steps: NDArray[np.float64], passed: NDArray[np.int64]) -> int | None:
    """The first of ``steps`` [n], each from one frame to the next of ``passed`` [n] frames, that is a frame or more
    too long or too short, where those around it are alike: rows were taken out or put in there. NaN is unknown."""
    rates = steps / passed
    for index, (step, frames) in enumerate(zip(steps.tolist(), passed.tolist(), strict=True)):
        near = np.concatenate([rates[max(0, index - 2) : index], rates[index + 1 : index + 3]])
        near = near[np.isfinite(near)]
        if len(near) < 2 or not np.isfinite(step):
            continue
        usual = float(np.median(near))
        if usual > 0 and np.abs(near - usual).max() < 0.2 * usual and abs(step / usual - frames) > 0.65:
            return index
    return None
