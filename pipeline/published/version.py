"""Published versions: opening, listing, reading and verifying them. No recipe is ever parsed for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.latest import latest, tagged
from occlabel.pipeline.published.manifest import decode
from occlabel.pipeline.published.spec import existing_store, spec_of, split
from occlabel.schemas.arguments import is_a
from occlabel.schemas.arrays import INSTANCE, ArraySpec
from occlabel.schemas.errors import AlteredArtifact, InTheWay, StoreAway, StoreError
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.version import VersionFrame, VersionInfo
from occlabel.workers.store import Store, safe_name

if TYPE_CHECKING:
    from occlabel.workers.artifact import FrameArray

T = TypeVar("T", bound=np.generic)

_ANEW = "to make it anew, run occlabel versions verify with --repair, then the command that labelled it again"


@dataclass(frozen=True)
class PublishedFrame:
    """One labelled frame of a published version."""

    store: Store
    row: VersionFrame

    @property
    def log(self) -> str:
        return self.row.log

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def world_from_grid(self) -> Matrix | None:
        """[4, 4], by the pose that the labels were made with; None without one."""
        return self.row.world_from_grid

    def holds(self, array: ArraySpec[Any] | str) -> bool:
        return (array.name if isinstance(array, ArraySpec) else array) in self.row.arrays

    @overload
    def __getitem__(self, array: ArraySpec[T]) -> NDArray[T]: ...

    @overload
    def __getitem__(self, array: str) -> NDArray[np.generic]: ...

    def __getitem__(self, array: ArraySpec[Any] | str) -> NDArray[Any]:
        """The frame's values of an array: ``frame[SEMANTICS]`` and ``frame["semantics"]`` are uint8 [x, y, z]. Raises
        StoreError when the version has no such array, or what lies there is not what was published."""
        if isinstance(array, ArraySpec):
            return self.load(array.name).astype(array.dtype, copy=False)
        return self.load(array)

    def load(self, array: str) -> NDArray[np.generic]:
        """The same by stored name: ``depth/CAM_FRONT``."""
        is_a("array", array, str, "the stored name of an array, as 'semantics'", StoreError)
        try:
            return self._values(array)
        except AlteredArtifact as error:
            raise AlteredArtifact(f"{error}; {_ANEW}") from error

    def _values(self, array: str) -> NDArray[np.generic]:
        """The same; AlteredArtifact says what is wrong alone, and not what to do."""
        from occlabel.workers.artifact import frame_digests

        lying = self._lying(array)
        values = lying.read()
        if frame_digests(values[None])[0] != self.row.arrays[array].digest:
            raise lying.altered()
        return values

    def _lying(self, array: str) -> FrameArray:
        from occlabel.workers.artifact import FrameArray

        if not self.holds(array):
            raise StoreError(f"the version has no array {array!r}, only {', '.join(sorted(self.row.arrays))}")
        return FrameArray(self.store, self.row.arrays[array].path, self.row.index)


_TRACKED = ("tracking", "audit")
"""Slots whose ids hold over time."""


class PublishedVersion:
    """A version, opened for reading."""

    def __init__(self, store: Store, info: VersionInfo, rows: list[VersionFrame]) -> None:
        self.store = store
        self.info = info
        self._rows: dict[str, list[VersionFrame]] = {}
        for row in rows:
            self._rows.setdefault(row.log, []).append(row)

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def spec(self) -> str:
        """STORE@VERSION."""
        return spec_of(self.store, self.name)

    @property
    def logs(self) -> tuple[str, ...]:
        return self.info.logs

    @property
    def space(self) -> LabelSpace:
        return self.info.space

    @property
    def tracked(self) -> bool:
        """Whether an object keeps its id through a log."""
        instance = self.info.arrays.get(INSTANCE.name)
        return instance is not None and instance.stage.startswith(_TRACKED)

    def frames(self, log: str | None = None) -> Iterator[PublishedFrame]:
        """The labelled frames, log by log in time. Raises StoreError for a log that is not in the version."""
        if log is not None and log not in self.logs:
            raise StoreError(f"{self.spec} has no log {log!r}; it has {', '.join(self.logs[:20])}")
        for rows in self._rows.values() if log is None else (self._rows.get(log, ()),):
            for row in rows:
                yield PublishedFrame(self.store, row)

    def frame(self, log: str, name: str) -> PublishedFrame:
        """Raises StoreError when the version has no such frame."""
        found = next((frame for frame in self.frames(log) if frame.name == name), None)
        if found is None:
            names = [frame.name for frame in self.frames(log)]
            raise StoreError(f"{self.spec} has no frame {name!r} in log {log}; it has {', '.join(names[:3])} ...")
        return found

    def verify(self, void: bool = False) -> list[str]:
        """Reads every value again; one sentence for each frame whose digest differs or that cannot be read, and for
        each folder where a file belongs. ``void`` takes back the receipts of what was found, and removes such folders,
        so that the next run makes it anew."""
        from occlabel.workers.ledger import receipts_of, void_frame

        problems = []
        for receipts in dict.fromkeys(receipts_of(p.path) for f in self.frames() for p in f.row.arrays.values()):
            for path in self.store.folders_in_the_way(receipts):
                problems.append(_wrong(InTheWay(self.store.location, path)))
                if void:
                    self.store.clear(path)
        for frame in self.frames():
            for array, place in frame.row.arrays.items():
                try:
                    frame._values(array)
                except (AlteredArtifact, InTheWay) as error:
                    problems.append(f"{frame.log} frame {frame.name}: {array}: {_wrong(error)}")
                    if void:
                        void_frame(self.store, place.path, frame.row.index)
                    if void and isinstance(error, InTheWay):
                        self.store.clear(error.path)
        return problems


def _wrong(error: AlteredArtifact | InTheWay) -> str:
    """What is wrong, without what to do: that is the same for all that is found."""
    if isinstance(error, InTheWay):
        return f"{error.location}/{error.path} is a folder where a file belongs"
    return str(error)


def version_names(store: Store) -> list[str]:
    return [name.removesuffix(".parquet") for name in store.names("versions")[1] if name.endswith(".parquet")]


def open_version(spec: str | Path) -> PublishedVersion:
    """The version ``STORE@NAME``, by its name or a tag (``STORE@latest`` or ``STORE`` alone: the newest). Raises
    StoreError."""
    location, name = split(str(spec))
    store = existing_store(str(spec))
    store.check_layout()
    if name == "latest":
        name = latest(store)
    names = version_names(store)
    if name not in names:
        name = tagged(store, name) or name
    content = store.get(manifest_path(name)) if name in names else None
    if content is None:
        raise StoreError(f"{location} has no version {name!r}; it has {', '.join(names) or 'none'}")
    return PublishedVersion(store, *decode(content, f"{store.location}/{manifest_path(name)}"))


def manifest_of(store: Store, name: str) -> tuple[VersionInfo, list[VersionFrame]] | None:
    """The manifest of a version, None when there is no such version."""
    content = store.get(manifest_path(safe_name(name, "version")))
    return None if content is None else decode(content, f"{store.location}/{manifest_path(name)}")


def infos_of(store: Store) -> tuple[list[VersionInfo], list[str]]:
    """What every version of the store says about itself, the oldest first, and a sentence for each that cannot be
    read."""
    infos, damaged = [], []
    for name in version_names(store):
        try:
            found = manifest_of(store, name)
        except StoreAway:
            raise
        except StoreError as error:
            damaged.append(str(error))
            continue
        infos += [] if found is None else [found[0]]
    return sorted(infos, key=lambda info: info.created), damaged


def manifest_path(name: str) -> str:
    return f"versions/{name}.parquet"
