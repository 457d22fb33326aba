"""What a user types for a store or a version: ``STORE``, ``STORE@VERSION``. Split here and nowhere else.

A store's own name may hold an ``@``: a folder of the whole text is that store, and only an ``@`` in the last part of
the path splits.
"""

from __future__ import annotations

import re
from pathlib import Path

from occlabel.schemas.errors import StoreError
from occlabel.workers.store import Store, safe_name

LATEST = "latest"
_LONGEST = 100


def split(spec: str) -> tuple[str, str]:
    """The store's location and the version's name (``latest`` where none is given) in ``spec``.

    Raises StoreError for an empty text, an ``@`` without a version, and where both readings exist.
    """
    location, name = _at_last(spec)
    if not spec.strip():
        raise StoreError("an empty text names no store; give a folder or an s3:// URL")
    if name is None:
        return spec, LATEST
    if not _is_folder(spec):
        if not location or not name:
            raise StoreError(f"{spec} names no {'version after' if location else 'store before'} the '@'")
        return location, name
    if _is_folder(location) and f"{name}.parquet" in Store(location).names("versions")[1]:
        raise StoreError(
            f"{spec} can mean version {name} of the store {location}, or the store in the folder {spec}; say "
            f"{location}/@{name} for the one, {spec}/ for the other"
        )
    return spec, LATEST


def spec_of(store: Store, name: str) -> str:
    """The text that ``split`` takes apart into this store and version."""
    spec = f"{store.location}@{name}"
    return f"{store.location}/@{name}" if _is_folder(spec) else spec


def existing_store(spec: str) -> Store:
    """The store in ``STORE`` or ``STORE@VERSION``. Raises StoreError when there is none."""
    location, _ = split(spec)
    store = Store(location)
    marks = [] if not store.exists() else [*store.names("")[0], *store.names("")[1]]
    if not {"layout", "receipts", "versions", "runs", "jobs", "catalogue"} & set(marks):
        other = f", nor at {spec}" if location != spec else ""
        if manifest := re.fullmatch(r"(.+)/versions/([^/]+)\.parquet", location):
            raise StoreError(f"{spec} is a file in a store; the version in it is {manifest[1]}@{manifest[2]}")
        found = " (what lies there was not made by occlabel)" if marks else ""
        raise StoreError(f"there is no store at {location}{found}{other}")
    return store


def store_to_fill(location: str) -> Store:
    """The store that labels go to, which need not exist. Raises StoreError for a text that names none, and for
    ``STORE@VERSION``, which would become a folder of that name."""
    if not location.strip():
        raise StoreError("the store is named by an empty text; give a folder or an s3:// URL")
    if re.match(r"[a-z][a-z0-9]*:/(?!/)", location) and not Path(location).exists():
        raise StoreError(f"store {location}: a URL has two slashes, {location.replace(':/', '://', 1)}")
    store = Store(location)
    before, name = _at_last(location)
    there = _is_folder(location) or ("://" in location and name is not None and store.names("") != ([], []))
    if name is not None and not there:
        raise StoreError(
            f"store {location}: there is no such folder, and what is to be published is not named here; give "
            f"{before or 'STORE'} as the store and {name or 'VERSION'} as the version, or make the folder first if "
            "that is its name"
        )
    return store


def version_name(name: str, what: str = "version") -> str:
    """``name`` if a version, or what else ``what`` says, can have it. Raises StoreError otherwise."""
    if name == LATEST:
        raise StoreError(f"a {what} cannot be named {LATEST!r}: that is how the newest version is called")
    if len(name) > _LONGEST:
        raise StoreError(f"the {what}'s name has {len(name)} characters, at most {_LONGEST} can be one")
    return safe_name(name, what)


def _at_last(text: str) -> tuple[str, str | None]:
    """The text before and after the last ``@``, which must stand in its last part; None where it does not."""
    before, at, after = text.rpartition("@")
    if not at or "/" in after or before.endswith("://"):
        return text, None
    return before, after


def _is_folder(location: str) -> bool:
    try:
        return "://" not in location and Path(location).is_dir()
    except OSError:  # a name that no folder can have
        return False
