"""Which version of a store is the newest: a pointer that a flipped bit cannot turn to another one."""

from __future__ import annotations

from pydantic import BaseModel

from occlabel.schemas.errors import AlteredArtifact, StoreError
from occlabel.schemas.seal import sealed, unsealed
from occlabel.workers.store import Store

_PATH = "versions/latest"


class _Latest(BaseModel):
    version: str


def point_to(store: Store, name: str) -> None:
    """Makes ``name`` the newest version."""
    store.put(_PATH, sealed(_Latest(version=name)))


def latest(store: Store) -> str:
    """Name of the newest version. Raises StoreError when nothing was published yet, or the pointer is not whole."""
    content = store.get(_PATH)
    if content is None:
        there = [name for name in store.names("versions")[1] if name.endswith(".parquet")]
        raise StoreError(
            f"{store.location}/{_PATH} is not there: "
            + ("name a version, STORE@VERSION" if there else "no version is published yet")
        )
    found = unsealed(_Latest, content)
    if found is None:
        raise AlteredArtifact(f"{store.location}/{_PATH} was altered: name a version, STORE@VERSION")
    return found.version
