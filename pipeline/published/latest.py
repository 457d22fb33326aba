"""Names that point to a version: which one is the newest, and tags such as ``production``. A flipped bit cannot turn
one to another version.

versions/latest        the newest
versions/tags/<tag>    what a user called so
"""

from __future__ import annotations

from pydantic import BaseModel

from occlabel.schemas.errors import AlteredArtifact, StoreError
from occlabel.schemas.seal import sealed, unsealed
from occlabel.workers.store import Store, safe_name

_PATH = "versions/latest"
_TAGS = "versions/tags"
_TAG_AGAIN = "set it again with occlabel versions tag"


class _Pointer(BaseModel):
    version: str


def point_to(store: Store, name: str) -> None:
    """Makes ``name`` the newest version."""
    store.put(_PATH, sealed(_Pointer(version=name)))


def point_to_none(store: Store) -> None:
    """No version is the newest any more: before the last one is removed."""
    store.delete(_PATH)


def latest(store: Store) -> str:
    """Name of the newest version. Raises StoreError when nothing was published yet, or the pointer is not whole."""
    found = newest(store)
    if found is None:
        there = [name for name in store.names("versions")[1] if name.endswith(".parquet")]
        raise StoreError(
            f"{store.location}/{_PATH} is not there: "
            + ("name a version, STORE@VERSION" if there else "no version is published yet")
        )
    return found


def newest(store: Store) -> str | None:
    """The same, None where there is no pointer. Raises AlteredArtifact for one that is not whole."""
    return _pointed(store, _PATH, "name a version, STORE@VERSION")


def is_newest(store: Store, name: str) -> bool:
    """Whether ``name`` is the newest version; none is where the pointer is not whole."""
    try:
        return newest(store) == name
    except AlteredArtifact:
        return False


def tags(store: Store) -> dict[str, str]:
    """Tag -> version, sorted. Raises AlteredArtifact for a tag that is not whole."""
    pairs = ((tag, _pointed(store, f"{_TAGS}/{tag}", _TAG_AGAIN)) for tag in store.names(_TAGS)[1])
    return {tag: version for tag, version in pairs if version is not None}


def tagged(store: Store, tag: str) -> str | None:
    """The version that is called ``tag``, None where there is no such tag. Raises AlteredArtifact."""
    return _pointed(store, f"{_TAGS}/{tag}", _TAG_AGAIN) if tag in store.names(_TAGS)[1] else None


def set_tag(store: Store, tag: str, name: str) -> None:
    """Calls the version ``name`` by the tag, and no other one any more."""
    store.put(f"{_TAGS}/{safe_name(tag, 'tag')}", sealed(_Pointer(version=name)))


def remove_tag(store: Store, tag: str) -> None:
    """The version that it names stays."""
    store.delete(f"{_TAGS}/{safe_name(tag, 'tag')}")


def _pointed(store: Store, path: str, cure: str) -> str | None:
    content = store.get(path)
    if content is None:
        return None
    found = unsealed(_Pointer, content)
    if found is None:
        raise AlteredArtifact(f"{store.location}/{path} was altered: {cure}")
    return found.version
