"""Removing a version, and calling one by a tag: small steps of which each leaves a store that is whole."""

from __future__ import annotations

from occlabel.pipeline.published.judged import forget, is_blocked
from occlabel.pipeline.published.latest import (
    is_newest,
    newest,
    point_to,
    point_to_none,
    remove_tag,
    set_tag,
    tagged,
    tags,
)
from occlabel.pipeline.published.spec import LATEST, spec_of, split, version_name
from occlabel.pipeline.published.version import manifest_path, version_names
from occlabel.schemas.errors import StoreError
from occlabel.schemas.words import meant
from occlabel.workers.store import Store


def remove_version(store: Store, name: str, newest_then: str | None = None) -> None:
    """Removes the manifest of a version, with what its gates said, and nothing else: what it shares with others is
    theirs, and what nobody reads any more is for ``collect``. A manifest that is damaged is removed too.

    ``newest_then`` is the version that ``latest`` means from now on. Raises StoreError for a version that is not there
    or has a tag, for a ``newest_then`` that a gate blocks, and for the newest one while others are there that none
    blocks and none of them was named.
    """
    others = [other for other in version_names(store) if other != name]
    _demand(store, name)
    let_be = [other for other in others if not is_blocked(store, other)]
    called = [tag for tag, version in tags(store).items() if version == name]
    if called:
        raise StoreError(
            f"version {name} is tagged {', '.join(called)}: take the tag away first "
            f"(occlabel versions untag {spec_of(store, called[0])}), or give it to another version"
        )
    if newest_then is not None and newest_then not in others:
        raise StoreError(
            f"{newest_then!r} cannot be the latest then: {store.location} keeps {', '.join(others) or 'no version'}"
        )
    if newest_then is not None and newest_then not in let_be:
        raise StoreError(
            f"version {newest_then} cannot be the latest: a gate blocks it (occlabel versions check "
            f"{spec_of(store, newest_then)}); there is {', '.join(let_be) or 'no other that none blocks'}"
        )
    if newest_then is None and let_be and newest(store) == name:
        raise StoreError(
            f"version {name} is the latest of {store.location}: say which one is to be it then, --latest with one of "
            f"{', '.join(let_be)}"
        )
    # The pointer first: it never names what is not there, wherever this ends.
    if newest_then is not None:
        point_to(store, newest_then)
    elif not others or is_newest(store, name):
        point_to_none(store)
    store.delete(manifest_path(name))
    forget(store, name)  # left behind it harms nobody: it is of other content than a version that takes the name


def tag_version(store: Store, name: str, tag: str) -> str | None:
    """Calls the version ``tag``, so that ``STORE@TAG`` means it; returns what was called so before. Raises StoreError
    for a version that is not there, and a tag that is the name of a version."""
    _demand(store, name)
    if tag in version_names(store):
        raise StoreError(f"{tag} is a version of {store.location}, and a tag must not be taken for one")
    before = tagged(store, version_name(tag, "tag"))
    set_tag(store, tag, name)
    return before


def untag(store: Store, tag: str) -> str:
    """Takes the tag away; returns the version that had it. Raises StoreError where there is no such tag."""
    found = tags(store)
    if tag not in found:
        raise StoreError(f"{store.location} has no tag {tag!r}{meant(tag, found)}; it has {', '.join(found) or 'none'}")
    remove_tag(store, tag)
    return found[tag]


def named(spec: str, what: str = "version") -> str:
    """The name in ``STORE@NAME``. Raises StoreError where none is given, or ``latest`` is."""
    _, name = split(spec)
    if name == LATEST:
        raise StoreError(f"{spec} does not name the {what}: say STORE@{what.upper()}")
    return name


def _demand(store: Store, name: str) -> None:
    names = version_names(store)
    if name not in names:
        called = tagged(store, version_name(name))
        known = f"it is a tag of version {called}" if called else f"it has {', '.join(names) or 'none'}"
        raise StoreError(f"{store.location} has no version {name!r}{meant(name, names)}; {known}")
