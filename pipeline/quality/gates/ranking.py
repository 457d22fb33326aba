"""Which of many changes is named first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

_ALONE = 2.0
"""A class that changed so many times more in one log than over all is named with that log."""


class Change(Protocol):
    """A change of one class, over all logs or in one of them."""

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> str | None:
        """None: over all logs."""

    @property
    def size(self) -> float:
        """Larger is worse."""

    @property
    def allowed(self) -> float: ...

    @property
    def held(self) -> bool:
        """Whether it is no more than is allowed, or chance."""


C = TypeVar("C", bound=Change)


def worst_first(changes: Sequence[C]) -> list[C]:
    """What does not hold comes before what does, then the class that takes most of what is allowed; of a class what is
    worst, a log before all logs where it is that log alone."""
    classes: dict[str, list[C]] = {}
    for change in sorted(changes, key=_excess):
        classes.setdefault(change.name, []).append(change)
    return sorted((one for name in classes for one in _of_class(classes[name])), key=lambda change: change.held)


def _excess(change: Change) -> tuple[bool, float]:
    return change.held, -change.size / max(change.allowed, 1e-9)


def _of_class(changes: list[C]) -> list[C]:
    over_all = next((change.size for change in changes if change.log is None), 0.0)

    def place(change: C) -> tuple[bool, bool, float]:
        alone = change.log is not None and change.size >= _ALONE * over_all
        return change.held, not (alone or change.log is None), -change.size

    return sorted(changes, key=place)
