"""What functions of the public face are given, before any of it is used."""

from __future__ import annotations

from collections.abc import Collection

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import meant


def refuse_none(ids: Collection[str], name: str) -> None:
    """Raises OcclabelError for ``ids`` of logs that are text, of which each letter would be one, or none at all: that
    would be all of them to one and nothing to another."""
    if isinstance(ids, str):
        raise OcclabelError(f"{name}={ids!r} is text: give a list of ids of logs, as in {name}=[{ids!r}]")
    if not ids:
        raise OcclabelError(f"{name} names no log: give ids of logs, or None for all")


def one_of(name: str, value: object, known: Collection[str]) -> None:
    """Raises OcclabelError for a ``value`` that is none of those ``known``."""
    if value not in known:
        raise OcclabelError(f"{name}={value!r}{meant(str(value), list(known))}: it is one of {', '.join(known)}")
