"""The store: a folder or an object-store URL that holds artifacts, receipts, versions and the history of runs.

    artifacts/<slot>/<fingerprint>/<log>/             zarr v3 group; chunk = one frame, shard = one clip
    receipts/<slot>/<fingerprint>/<log>/<clip>.json
    versions/<name>.parquet, versions/latest
    catalogue/<root>.json                             what plans remember of logs that are slow to read
    quarantine/<run>/<slot>-<log>-<clip>.json
    runs/<run>/recipe.yaml, state.json

Every object is written whole and appears at once; what must not be written twice is created if absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import LocalStore, from_url

from occlabel.schemas.errors import StoreError
from occlabel.schemas.receipt import Receipt
from occlabel.schemas.stage import Clip

if TYPE_CHECKING:
    from zarr.storage import ObjectStore as ZarrStore

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def safe_name(name: str, what: str) -> str:
    """``name`` if it can be one part of a path everywhere. Raises StoreError otherwise."""
    if not _SAFE_NAME.fullmatch(name):
        raise StoreError(f"{what} {name!r} cannot be a name in a store; use letters, digits, '.', '_' and '-'")
    return name


class Store:
    """One store, by path or URL. Holds no open files; pickles as its location."""

    def __init__(self, location: str | Path) -> None:
        self.location = str(location) if "://" in str(location) else str(Path(location).absolute())

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.location,)

    @cached_property
    def objects(self) -> Any:
        """The obstore client."""
        if "://" in self.location:
            return from_url(self.location)
        return LocalStore(prefix=self.location, mkdir=True)

    def exists(self) -> bool:
        """Whether anything was ever written here."""
        return "://" in self.location or Path(self.location).is_dir()

    @cached_property
    def zarr(self) -> ZarrStore[Any]:
        """The same objects as a zarr store; arrays are addressed by their path in it."""
        from zarr.storage import ObjectStore as ZarrStore

        return ZarrStore(self.objects)

    # Small objects

    def get(self, path: str) -> bytes | None:
        """Content of the object, None when it is absent."""
        try:
            return bytes(obstore.get(self.objects, path).bytes())
        except (NotFoundError, FileNotFoundError):
            return None

    def put(self, path: str, content: bytes) -> None:
        """Writes or replaces the object, atomically."""
        obstore.put(self.objects, path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Writes the object unless it exists; whether this call created it. Exactly one of many racing calls does."""
        try:
            obstore.put(self.objects, path, content, mode="create")
        except (AlreadyExistsError, FileExistsError):
            return False
        return True

    def names(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the objects directly below ``path``, sorted."""
        listed = obstore.list_with_delimiter(self.objects, path)
        folders = sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in listed["common_prefixes"])
        return folders, sorted(meta["path"].rsplit("/", 1)[-1] for meta in listed["objects"])

    # Receipts

    @staticmethod
    def receipt_path(slot: str, fingerprint: str, clip: Clip) -> str:
        return f"receipts/{slot}/{fingerprint}/{clip.log}/{clip.name}.json"

    def receipt(self, slot: str, fingerprint: str, clip: Clip) -> Receipt | None:
        content = self.get(self.receipt_path(slot, fingerprint, clip))
        return None if content is None else Receipt.model_validate_json(content)

    def committed(self, slot: str, fingerprint: str, log: str) -> set[str]:
        """Names of the clips of ``log`` that have a receipt."""
        _, names = self.names(f"receipts/{slot}/{fingerprint}/{log}")
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def artifacts(self) -> Iterator[tuple[str, str, str]]:
        """Every (slot, fingerprint, log) that has receipts."""
        for slot in self.names("receipts")[0]:
            for fingerprint in self.names(f"receipts/{slot}")[0]:
                for log in self.names(f"receipts/{slot}/{fingerprint}")[0]:
                    yield slot, fingerprint, log


def artifact_path(slot: str, fingerprint: str, log: str) -> str:
    return f"artifacts/{slot}/{fingerprint}/{log}"
