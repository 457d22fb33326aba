"""One thing that two versions have differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ABSENT = "(no such option)"
"""In place of a value that only one of two versions knows."""
OFF = "off"
"""In place of a value of a gate that one of two versions did not ask."""
_LONGEST = 60


@dataclass(frozen=True)
class Change:
    """``what`` is ``a`` in the first version and ``b`` in the second."""

    what: str
    """``voting.radius``, ``weights of completion``, ``device``."""
    a: Any
    b: Any
    step: str | None = None
    """The step of the chain whose output it decides; None: that of all steps."""
    decides: bool = True
    """Whether labels can differ by it at all: a gate or a limit changes none."""

    @property
    def sentence(self) -> str:
        """``voting.radius 25 -> 10``"""
        return f"{self.what} {_shown(self.a)} -> {_shown(self.b)}"

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {"what": self.what, "a": self.a, "b": self.b, "step": self.step, "decides_labels": self.decides}


def _shown(value: Any) -> str:
    """As it stands in a recipe, cut where it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return shortened(text, _LONGEST)


def shortened(text: str, most: int = 160) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else f"{text[:most]}..."


def leaves(value: Any, place: str = "") -> dict[str, Any]:
    """The plain values in nested ``value`` by their dotted place; lists are values."""
    if not isinstance(value, dict) or not value:
        return {place: value}
    result: dict[str, Any] = {}
    for name, part in value.items():
        result |= leaves(part, f"{place}.{name}" if place else str(name))
    return result


def changed_leaves(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(place, value in ``a``, value in ``b``) where two of the kind that ``leaves`` gives differ."""
    places = dict.fromkeys([*a, *b])
    pairs = ((place, a.get(place, ABSENT), b.get(place, ABSENT)) for place in places)
    return [(place, mine, other) for place, mine, other in pairs if mine != other]
