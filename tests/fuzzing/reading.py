"""What the product makes of files: the values that come out, and the words that are said; and the judgement on both."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np
from fuzzing.mutations import Mutated, Mutation
from numpy.typing import ArrayLike, NDArray

from occlabel.schemas.errors import OcclabelError

T = TypeVar("T")
P = ParamSpec("P")
Outcome = Literal["sentence", "equal", "another", "fault"]
OUTCOMES: tuple[Outcome, ...] = ("sentence", "equal", "another", "fault")

_INTERNALS = re.compile(
    r"Traceback|\b(?:Key|Type|Index|Attribute|Assertion|ZeroDivision|Recursion|Memory|Validation)Error\b|struct\.error"
    r"|errors\.pydantic\.dev"
)
"""What no sentence for a user holds: the errors of those who write programs."""


@dataclass
class Reading:
    """``values``: what came out, by ``log/frame/what``; ``words``: sentences that a user gets to see."""

    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def put(self, key: str, value: ArrayLike | None) -> None:
        """``value`` under ``key``; nothing where there is none."""
        if value is not None:
            self.values[key] = np.asarray(value)

    def attempt(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | None:
        """The result of ``call``, or a sentence."""
        try:
            return call(*args, **options)
        except OcclabelError as error:
            self.words.append(str(error))
            return None


Plausible = Callable[[NDArray[Any], NDArray[Any]], bool]
"""Whether the second array may be taken for a file of its own, beside the first: of the clean file."""


def same_form(clean: NDArray[Any], found: NDArray[Any]) -> bool:
    return clean.shape == found.shape and clean.dtype == found.dtype


@dataclass(frozen=True)
class FileType:
    """One type of file that we read: how a clean one is made, how it is mutated, and how it is read.

    ``make`` writes a folder that holds ``files`` (globs); ``read`` does with the folder what a user does.
    """

    name: str
    make: Callable[[Path], None]
    files: tuple[str, ...]
    mutations: tuple[Mutation, ...]
    read: Callable[[Path], Reading]
    bare: dict[str, Plausible] = field(default_factory=dict)
    """Of a file of bare numbers or words, of which nobody can tell whether they are those that were written: the values
    (the last part of their key) that may differ, and within what."""
    credible: Callable[[bytes], bool] = lambda content: True
    """Whether the content of such a file may have been written by anybody."""
    edited: frozenset[str] = frozenset()
    """Mutations that are what an editor may do to a text by hand."""
    called: tuple[str, ...] = ()
    """What sentences may call the file, besides its own name."""
    costly: bool = False
    """Whether reading one takes seconds: one case is done where others have ten."""

    def paths(self, root: Path) -> list[Path]:
        return sorted(path for pattern in self.files for path in root.glob(pattern) if path.is_file())

    def names(self, file: Path) -> tuple[str, ...]:
        return (file.name, file.stem, *self.called)


@dataclass(frozen=True)
class Judgement:
    outcome: Outcome
    what: str = ""


def judge(
    type_: FileType, mutation: Mutation, file: Path, content: Mutated, clean: Reading, found: Reading
) -> Judgement:
    """What became of a ``file`` that was mutated to ``content``, of which ``found`` was read."""
    new = [word for word in found.words if word not in clean.words]
    if leaked := [word for word in new if _INTERNALS.search(word)]:
        return Judgement("fault", f"not a sentence: {leaked[0]}")
    different = sorted(key for key in {*clean.values, *found.values} if not _equal(key, clean, found))
    if new:
        named = [word for word in new if any(name in word for name in type_.names(file))]
        if not named:
            return Judgement("fault", f"does not name the file: {new[0]}")
        # What is sealed with a digest is as it was or is not there, whatever was said of it.
        if not type_.bare and (wrong := [key for key in different if key in clean.values and key in found.values]):
            return Judgement("fault", f"other values of {', '.join(wrong[:4])}, and only this was said: {named[0]}")
        return Judgement("sentence", named[0])
    if not different:
        return Judgement("equal")
    may_differ = (mutation.value and isinstance(content, bytes) and type_.credible(content)) or (
        mutation.name in type_.edited
    )
    if may_differ and all(_plausible(type_, key, clean, found) for key in different):
        return Judgement("another", ", ".join(different[:3]))
    return Judgement("fault", f"other values without a word: {', '.join(different[:4])}")


def _equal(key: str, clean: Reading, found: Reading) -> bool:
    if key not in clean.values or key not in found.values:
        return False
    a, b = clean.values[key], found.values[key]
    return same_form(a, b) and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _plausible(type_: FileType, key: str, clean: Reading, found: Reading) -> bool:
    holds = type_.bare.get(key.rpartition("/")[2])
    if holds is None or key not in clean.values or key not in found.values:
        return False
    return holds(clean.values[key], found.values[key])
