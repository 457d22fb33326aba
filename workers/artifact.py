"""Zarr in, zarr out: the arrays of one stage over one log.

A chunk is one frame and a shard one clip, so one writer owns each shard: two writers in one shard lose data without
an error (facts of zarr 3.1). Arrays are padded to whole clips; the group's attribute ``frames`` is the true length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.errors import ContainsArrayError, ContainsGroupError

from occlabel.schemas.arrays import ArraySpec, Extent, family
from occlabel.schemas.errors import StoreError
from occlabel.schemas.stage import Arrays, Clip
from occlabel.workers.store import Store, artifact_path


def frame_digests(array: NDArray[np.generic]) -> tuple[str, ...]:
    """One digest per frame, of the values alone."""
    return tuple(hashlib.blake2b(np.ascontiguousarray(frame).tobytes(), digest_size=16).hexdigest() for frame in array)


class Artifact:
    """The arrays that one stage wrote for one log, under one fingerprint."""

    def __init__(self, store: Store, stage: str, fingerprint: str, log: str) -> None:
        self.store = store
        self.path = artifact_path(stage, fingerprint, log)

    def create(self, specs: Sequence[ArraySpec[Any]], log: Extent, clip_frames: int) -> None:
        """Writes the metadata unless it is there; any number of workers may do so, with the same bytes.

        ``log`` is the extent of the whole log; arrays over images are given one a camera.
        """
        padded, shard = (replace(log, frames=n) for n in (-(-log.frames // clip_frames) * clip_frames, clip_frames))
        attributes = {"frames": log.frames, "grid": log.grid.model_dump(mode="json", exclude={"ranges"})}
        for path in (self.path, *sorted({f"{self.path}/{family(s.name)}" for s in specs if "/" in s.name})):
            with suppress(ContainsGroupError):
                zarr.create_group(self.store.zarr, path=path, attributes=attributes)
        for spec in specs:
            whole = spec.chunk is None
            chunk = replace(log, frames=clip_frames if spec.chunk is None else spec.chunk)
            with suppress(ContainsArrayError):
                zarr.create_array(
                    self.store.zarr,
                    name=f"{self.path}/{spec.name}",
                    shape=padded.shape(spec),
                    chunks=chunk.shape(spec),
                    shards=None if whole else shard.shape(spec),
                    dtype=spec.dtype,
                    fill_value=spec.dtype.type(spec.fill),
                    compressors=ZstdCodec(level=spec.codec.level, checksum=spec.codec.checksum),
                    dimension_names=spec.dims,
                    attributes={"meaning": spec.meaning},
                )

    def write(self, clip: Clip, arrays: Arrays, specs: Sequence[ArraySpec[Any]], clip_frames: int) -> int:
        """Writes the clip's shard of every array and returns the uncompressed bytes."""
        fills = {spec.name: spec.fill for spec in specs}
        written = 0
        for name, array in arrays.items():
            padding = [(0, clip_frames - clip.frames), *[(0, 0)] * (array.ndim - 1)]
            shard = np.pad(array, padding, constant_values=fills[name])
            self._open(name)[clip.start : clip.start + clip_frames] = shard
            written += array.nbytes
        return written

    def read(self, name: str, start: int, stop: int) -> NDArray[np.generic]:
        """Frames [start, stop) of an array. Frames that were never written hold the fill value."""
        return np.asarray(self._open(name)[start:stop])

    def verify(self, clip: Clip, digests: dict[str, tuple[str, ...]]) -> None:
        """Reads the clip back. Raises StoreError when a frame is not what ``digests`` say."""
        for name, expected in digests.items():
            found = frame_digests(self.read(name, clip.start, clip.stop))
            wrong = [clip.start + i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
            if wrong:
                raise StoreError(
                    f"{self.store.location}/{self.path}/{name}: frames {wrong} are not what the receipt says; "
                    "the shard was altered or torn, delete the clip's receipt and run again"
                )

    def _open(self, name: str) -> zarr.Array[Any]:
        try:
            return zarr.open_array(self.store.zarr, path=f"{self.path}/{name}", mode="r+")
        except FileNotFoundError as error:
            raise StoreError(f"{self.store.location}/{self.path} has no array {name!r}") from error


class FrameArray:
    """One frame of an array, by the path of the array in its store."""

    def __init__(self, store: Store, path: str, index: int) -> None:
        self._store, self._path, self._index = store, path, index

    @property
    def where(self) -> str:
        """What sentences call it."""
        return f"frame {self._index} of {self._store.location}/{self._path}"

    def read(self) -> NDArray[np.generic]:
        """Raises StoreError when the array is not there."""
        try:
            return np.asarray(zarr.open_array(self._store.zarr, path=self._path, mode="r")[self._index])
        except FileNotFoundError as error:
            raise StoreError(f"{self._store.location} has no array {self._path}, which a version names") from error
