"""What functions of the public face are given, before any of it is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import UnionType

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import meant

_SHOWN = 80
"""Characters of a wrong value that a sentence repeats."""


def is_a(
    name: str, value: object, kind: type | UnionType, expected: str, error: type[OcclabelError] = OcclabelError
) -> None:
    """Raises ``error`` for a ``value`` that is no ``kind``; ``expected`` says what to give in its place."""
    if not isinstance(value, kind):
        raise error(f"{name}={shown(value)}: give {expected}")


def listed(name: str, values: object, what: str, error: type[OcclabelError] = OcclabelError) -> list[str]:
    """``values``, which are ``what``, as a list. Raises ``error`` for text, of which each letter would be one, and for
    all else that is no list of texts."""
    if isinstance(values, str):
        raise error(f"{name}={values!r} is text: give a list of {what}, as in {name}=[{values!r}]")
    if not isinstance(values, Collection) or not all(isinstance(one, str) for one in values):
        raise error(f"{name}={shown(values)}: give a list of {what}, which are text")
    return list(values)


def refuse_none(ids: Collection[str], name: str) -> None:
    """Raises OcclabelError for ``ids`` of logs that are no list of texts, or none at all: that would be all of them to
    one and nothing to another."""
    if not listed(name, ids, "ids of logs"):
        raise OcclabelError(f"{name} names no log: give ids of logs, or None for all")


def one_of(name: str, value: object, known: Collection[str]) -> None:
    """Raises OcclabelError for a ``value`` that is none of those ``known``."""
    if value not in known:
        raise OcclabelError(f"{name}={value!r}{meant(str(value), list(known))}: it is one of {', '.join(known)}")


def maps_classes(told: object) -> None:
    """Raises OcclabelError for what ``told`` says of classes, where it does not map texts to texts or None."""
    pairs = told.items() if isinstance(told, Mapping) else [] if told is None else [(None, None)]
    if not all(isinstance(own, str) and isinstance(other, str | None) for own, other in pairs):
        raise OcclabelError(
            f"told={shown(told)}: give a dictionary from class to class, as in told={{'van': 'car'}}, or to None where "
            "there is none"
        )


def shown(value: object) -> str:
    """A wrong value as a sentence repeats it: in one line that is not long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
