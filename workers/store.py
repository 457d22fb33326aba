"""The store: a folder or an object-store URL that holds artifacts, receipts, versions and the history of runs.

    artifacts/<stage>/<fingerprint>/<log>/             zarr v3 group; chunk = one frame, shard = one clip
    receipts/<stage>/<fingerprint>/<log>/<clip>.json
    versions/<name>.parquet, versions/latest, versions/tags/<tag>
    jobs/<job>/<fingerprint>/<unit>.json, .bin        receipts and results of work over a log or a version
    catalogue/<root>/<part>.json                      what plans remember of logs
    quarantine/<run>/<stage>-<log>-<clip>.json
    review/<version>/                                 what people said of a version
    runs/<run>/recipe.yaml, state.json, holds.json, aborted
    collecting                                        when unread artifacts were removed last, or that they are now
    layout                                            which of occlabel's layouts this is

Every object is written whole and appears at once; what must not be written twice is created if absent.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from os import W_OK, X_OK, access
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, from_url

from occlabel.schemas.errors import StoreError
from occlabel.schemas.receipt import Receipt
from occlabel.schemas.seal import unsealed
from occlabel.schemas.stage import Clip
from occlabel.workers.trouble import ABSENT, PRESENT, Patience, explained

if TYPE_CHECKING:
    from occlabel.workers.zarr_store import PatientStore

LAYOUT = b"2"
"""Raised when a store of before can no longer be read."""
_NO_RETRIES: Any = {"max_retries": 0}
"""Patience is ours: the client's own ends a clip in a minute in which nobody was told anything."""
_OURS = {
    "artifacts", "catalogue", "collecting", "jobs", "layout", "quarantine", "receipts", "review", "runs", "versions",
}  # fmt: skip
"""What lies at the top of a store, see above."""
_NOBODYS = {"lost+found"}
"""What a disk of its own has before anything is in it; hidden files are as little."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def safe_name(name: str, what: str) -> str:
    """``name`` if it can be one part of a path everywhere. Raises StoreError otherwise."""
    if not _SAFE_NAME.fullmatch(name):
        raise StoreError(f"{what} {name!r} cannot be a name in a store; use letters, digits, '.', '_' and '-'")
    return name


@dataclass(frozen=True, slots=True)
class Lying:
    """One object of a store."""

    path: str
    size: int
    """Bytes."""
    written: float
    """When, in seconds since 1970, by the clock of the store."""


class Store:
    """One store, by path or URL. Holds no open files; pickles as its location.

    Raises StoreAway from whatever cannot be done when the store has been away for too long; see ``trouble.py``.
    """

    def __init__(self, location: str | Path, reached: bool = False) -> None:
        """``reached``: it answered before, so that it is waited for when it does not."""
        self.location = str(location) if "://" in str(location) else str(Path(location).absolute())
        self.patience = Patience(self.location, reached)

    def __reduce__(self) -> tuple[type[Store], tuple[str, bool]]:
        return Store, (self.location, self.patience.reached)

    @cached_property
    def objects(self) -> Any:
        """The obstore client; a folder is made for it."""
        try:
            if "://" in self.location:
                return from_url(self.location, retry_config=_NO_RETRIES)
            return LocalStore(prefix=self.location, mkdir=True)
        except (BaseError, OSError, ValueError) as error:
            raise explained(self.location, error, writes=True) from error

    @property
    def _read(self) -> Any:
        """The client that reads: of a folder that is not there and can be made, one that holds nothing, so that who
        asks what would be done leaves nothing behind."""
        return self.objects if "objects" in self.__dict__ or not self._can_be_made() else MemoryStore()

    def _can_be_made(self) -> bool:
        if "://" in self.location:
            return False
        with suppress(OSError, ValueError):  # a name that no folder can have, or one below a file
            try:
                Path(self.location).lstat()
            except FileNotFoundError:
                above = next(folder for folder in Path(self.location).parents if lexists(folder))
                return above.is_dir() and access(above, W_OK | X_OK)
        return False

    def exists(self) -> bool:
        """Whether anything was ever written here."""
        return "://" in self.location or Path(self.location).is_dir()

    def check_layout(self, mark: bool = False) -> None:
        """Raises StoreError when the store was written in another layout than this occlabel's, and for a folder that
        holds something else. ``mark`` claims an empty one."""
        found = self.get("layout")
        labels = self._holds_labels() if found is None else not found.isdigit()
        if found is None and not labels:
            self._refuse_other()
        if labels:
            # The mark is lost. Receipts of this layout have a seal, those of the first had none.
            found = None if self._is_sealed() else b"1"
        if found is None and mark:
            self.put("layout", LAYOUT)
        elif found is not None and found != LAYOUT:
            raise StoreError(
                f"{self.location} is a store of layout {found.decode(errors='replace')}, and this occlabel reads and "
                f"writes layout {LAYOUT.decode()}; label the logs again into another --store"
            )

    def _refuse_other(self) -> None:
        """Raises StoreError where things lie in the folder that no store has: labels do not belong among logs."""
        there = [] if "://" in self.location else [name for names in self.names("") for name in names]
        if other := [name for name in there if name not in _OURS | _NOBODYS and not name.startswith(".")]:
            raise StoreError(
                f"{self.location} holds {', '.join(other[:3])}{', ...' if other[3:] else ''} and is no store of "
                "occlabel: name another place for the store, or an empty folder"
            )

    def _holds_labels(self) -> bool:
        return any(self.names(folder) != ([], []) for folder in ("receipts", "versions"))

    def _is_sealed(self) -> bool:
        """Whether the first receipt that is found is one of this layout."""
        for stage, fingerprint, log in self.artifacts():
            for clip in self.committed(stage, fingerprint, log):
                content = self.get(f"receipts/{stage}/{fingerprint}/{log}/{clip}.json")
                if content is not None:
                    return unsealed(Receipt, content) is not None
        return False

    @cached_property
    def zarr(self) -> PatientStore:
        """The same objects as a zarr store; arrays are addressed by their path in it."""
        from occlabel.workers.zarr_store import PatientStore

        return PatientStore(self.objects, self.patience)

    # Small objects

    def get(self, path: str) -> bytes | None:
        """Content of the object, None when it is absent."""
        try:
            return self.patience.call(lambda: bytes(obstore.get(self._read, path).bytes()), path)
        except ABSENT:
            return None

    def get_part(self, path: str, start: int, length: int | None) -> bytes | None:
        """So many bytes of the object, or all from ``start`` on; a negative ``start`` counts from its end. None when it
        is absent."""
        part: Any = {"suffix": -start} if start < 0 else {"offset": start}
        if start >= 0 and length is not None:
            part = (start, start + length)
        try:
            options: Any = {"range": part}
            return self.patience.call(lambda: bytes(obstore.get(self._read, path, options=options).bytes()), path)
        except ABSENT:
            return None

    def put(self, path: str, content: bytes) -> None:
        """Writes or replaces the object, atomically."""
        with self._there():
            self.patience.call(lambda: obstore.put(self.objects, path, content), path, writes=True)

    def create(self, path: str, content: bytes) -> bool:
        """Writes the object unless it exists; whether this call created it. Exactly one of many racing calls does."""
        try:
            with self._there():
                self.patience.call(lambda: obstore.put(self.objects, path, content, mode="create"), path, writes=True)
        except PRESENT:
            return False
        return True

    def delete(self, path: str) -> None:
        """Removes the object, if it is there."""
        with suppress(*ABSENT):
            self.patience.call(lambda: obstore.delete(self._read, path), path, writes=True)

    def folders_in_the_way(self, path: str) -> list[str]:
        """Paths of the folders directly below ``path``, where only files belong. A server has no folders."""
        return [] if "://" in self.location else [f"{path}/{name}" for name in self.names(path)[0]]

    def clear(self, path: str) -> None:
        """Removes the folder, with all that is in it, that lies where a file of a store on a disk belongs, if one
        does."""
        if "://" not in self.location and (place := Path(self.location) / path).is_dir():
            shutil.rmtree(place)

    def remove(self, path: str) -> None:
        """Removes everything below ``path``, and on a disk the folders that are empty without it. What is left when
        this ends in the middle is removed by calling it again."""
        if "://" not in self.location:
            self.clear(path)
            with suppress(OSError):  # somebody else's objects are in it
                for folder in (Path(self.location) / path).parents[:2]:
                    folder.rmdir()
        elif paths := [one.path for one in self.lying(path)]:
            self.patience.call(lambda: obstore.delete(self._read, paths), path, writes=True)

    def lying(self, path: str = "") -> list[Lying]:
        """All objects below ``path``, in no order."""
        with self._there():
            found = self.patience.call(lambda: [meta for part in obstore.list(self._read, path) for meta in part])
        return [Lying(meta["path"], meta["size"], meta["last_modified"].timestamp()) for meta in found]

    def names(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the objects directly below ``path``, sorted."""
        with self._there():
            listed = self.patience.call(lambda: obstore.list_with_delimiter(self._read, path))
        folders = sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in listed["common_prefixes"])
        return folders, sorted(meta["path"].rsplit("/", 1)[-1] for meta in listed["objects"])

    def tags(self, path: str) -> dict[str, str]:
        """Everything below ``path``: its path from there -> its tag, which changes whenever the object is written."""
        with self._there():
            found = self.patience.call(lambda: [meta for part in obstore.list(self._read, path) for meta in part])
        return {meta["path"].removeprefix(path).lstrip("/"): _tag(meta) for meta in found}

    def tag(self, path: str) -> str:
        """The tag of one object, empty when it is absent."""
        try:
            return _tag(self.patience.call(lambda: obstore.head(self._read, path)))
        except ABSENT:
            return ""

    @contextmanager
    def _there(self) -> Iterator[None]:
        """Where nothing can be absent but the store itself."""
        try:
            yield
        except ABSENT as error:
            raise explained(self.location, error) from error

    # Receipts

    @staticmethod
    def receipt_path(stage: str, fingerprint: str, clip: Clip) -> str:
        return f"receipts/{stage}/{fingerprint}/{clip.log}/{clip.name}.json"

    def receipt(self, stage: str, fingerprint: str, clip: Clip) -> Receipt | None:
        """None where there is none, or none that can be read."""
        content = self.get(self.receipt_path(stage, fingerprint, clip))
        receipt = None if content is None else unsealed(Receipt, content)
        mine = receipt is not None and (receipt.stage, receipt.fingerprint, receipt.clip) == (stage, fingerprint, clip)
        return receipt if mine else None

    def committed(self, stage: str, fingerprint: str, log: str) -> set[str]:
        """Names of the clips of ``log`` that have a receipt."""
        _, names = self.names(f"receipts/{stage}/{fingerprint}/{log}")
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def artifacts(self) -> Iterator[tuple[str, str, str]]:
        """Every (stage, fingerprint, log) that has receipts."""
        for stage in self.names("receipts")[0]:
            for fingerprint in self.names(f"receipts/{stage}")[0]:
                for log in self.names(f"receipts/{stage}/{fingerprint}")[0]:
                    yield stage, fingerprint, log


def _tag(meta: Any) -> str:
    return f"{meta['size']} {meta.get('e_tag') or meta['last_modified']}"


def artifact_path(stage: str, fingerprint: str, log: str) -> str:
    return f"artifacts/{stage}/{fingerprint}/{log}"
