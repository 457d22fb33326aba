"""Zarr in, zarr out: the voxels of one stage over one log.

A chunk is one frame and a shard one clip, so one writer owns each shard: two writers in one shard lose data without
an error (facts of zarr 3.1). Arrays are padded to whole clips; the group's attribute ``frames`` is the true length.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.errors import ContainsArrayError, ContainsGroupError

from occlabel.schemas.arrays import ARRAYS
from occlabel.schemas.errors import StoreError
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Arrays, Clip
from occlabel.workers.store import Store, artifact_path


def frame_digests(array: NDArray[np.generic]) -> tuple[str, ...]:
    """One digest per frame, of the voxels alone."""
    return tuple(hashlib.blake2b(np.ascontiguousarray(frame).tobytes(), digest_size=16).hexdigest() for frame in array)


class Artifact:
    """The arrays that one stage wrote for one log, under one fingerprint."""

    def __init__(self, store: Store, slot: str, fingerprint: str, log: str) -> None:
        self.store = store
        self.path = artifact_path(slot, fingerprint, log)

    def create(self, names: tuple[str, ...], frames: int, clip_frames: int, grid: Grid) -> None:
        """Writes the metadata unless it is there; any number of workers may do so, with the same bytes."""
        padded = -(-frames // clip_frames) * clip_frames
        attributes = {"frames": frames, "grid": grid.model_dump(mode="json", exclude={"ranges"})}
        with suppress(ContainsGroupError):
            zarr.create_group(self.store.zarr, path=self.path, attributes=attributes)
        for name in names:
            spec = ARRAYS[name]
            with suppress(ContainsArrayError):
                zarr.create_array(
                    self.store.zarr,
                    name=f"{self.path}/{name}",
                    shape=spec.shape(padded, grid),
                    chunks=spec.shape(1, grid),
                    shards=spec.shape(clip_frames, grid),
                    dtype=spec.dtype,
                    fill_value=spec.fill,
                    compressors=ZstdCodec(level=1),
                    dimension_names=spec.dims,
                    attributes={"meaning": spec.meaning},
                )

    def write(self, clip: Clip, arrays: Arrays, clip_frames: int) -> int:
        """Writes the clip's shard of every array and returns the uncompressed bytes."""
        written = 0
        for name, array in arrays.items():
            padding = [(0, clip_frames - clip.frames), *[(0, 0)] * (array.ndim - 1)]
            shard = np.pad(array, padding, constant_values=ARRAYS[name].fill)
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
