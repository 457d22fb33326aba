"""Single frames of arrays, read as a training loop does: thousands, in any order, by many processes.

zarr reads them too, in 10 to 20 ms each; here the two lookups that it repeats are remembered (what describes the array,
where in the shard a chunk lies), and a frame is one read and one decompression. What is laid out in another way than
``Artifact`` does it is left to zarr.

A disk is read without the client of object stores, whose threads do not survive a fork.
"""

from __future__ import annotations

import json
import math
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np
from google_crc32c import value as crc32c
from numcodecs import blosc, zstd
from numpy.typing import NDArray

from occlabel.schemas.errors import AlteredArtifact, StoreError
from occlabel.schemas.version import ArrayPlace
from occlabel.workers.artifact import FrameArray, frame_digests, lost, readable
from occlabel.workers.store import Store

_REMEMBERED = 20_000
"""Shards whose index is kept: 256 bytes each, for clips of 16 frames."""
_ABSENT = 2**64 - 1
_ALIGNED = 64
"""Bytes to which each array in a block is aligned."""
_ENTRY, _SUM = 16, 4
"""Bytes of an entry of the index (offset and length), and of the checksum after it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an array lies: shards of ``clip`` frames, of which each is a chunk of ``shape`` and ``dtype``."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: Any
    clip: int
    packed: Literal["zstd", "blosc"]
    """With a checksum of its own; or with one after it."""

    @property
    def nbytes(self) -> int:
        """Of a frame."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def index_bytes(self) -> int:
        return self.clip * _ENTRY + _SUM

    def shard(self, index: int) -> str:
        return "/".join(["c", str(index // self.clip), *("0" for _ in self.shape)])


class FrameReader:
    """Reads frames of the arrays of a store. Pickles as its store; what it remembers stays behind."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layouts: dict[str, _Layout | None] = {}
        self._indices: OrderedDict[str, NDArray[np.uint64] | None] = OrderedDict()
        self._process = os.getpid()
        blosc.set_nthreads(1)  # processes read side by side; and threads of its own do not survive a fork

    def __reduce__(self) -> tuple[type[FrameReader], tuple[Store]]:
        return FrameReader, (self._store,)

    def read(self, index: int, places: Sequence[ArrayPlace], verify: bool = False) -> list[NDArray[np.generic]]:
        """Frame ``index`` of each array. A flipped bit is found by the checksums of chunk and index; ``verify`` also
        compares all values with the digests, which finds a shard that was exchanged as a whole.

        They share one block of memory: a system gives large blocks in large pages, and fresh small pages cost more than
        the decompression. Raises AlteredArtifact for what is gone, damaged or another; StoreAway where the store cannot
        be read, or a folder lies where a file belongs; StoreError in a process that was forked from one that has read
        an object store.
        """
        layouts = [self._layout(place.path) for place in places]
        ends = list(accumulate((-(-layout.nbytes // _ALIGNED) * _ALIGNED if layout else 0) for layout in layouts))
        block = np.empty(ends[-1] if ends else 0, np.uint8)
        result = []
        for place, layout, end in zip(places, layouts, ends, strict=True):
            if layout is None:
                self._refuse_fork()
                values, sure = FrameArray(self._store, place.path, index).read(), False
            else:
                start = end - -(-layout.nbytes // _ALIGNED) * _ALIGNED
                room = block[start : start + layout.nbytes].view(layout.dtype).reshape(layout.shape)
                values, sure = self._chunk(place.path, layout, index, room)
            # What was never written holds the fill value, and so does what is gone: the digest tells them apart.
            if (verify or not sure) and frame_digests(values[None])[0] != place.digest:
                raise self._wrong(place.path, layout, index)
            result.append(values)
        return result

    def _wrong(self, path: str, layout: _Layout | None, index: int) -> AlteredArtifact:
        """Of a frame whose digest is another."""
        where = f"frame {index} of {self._store.location}/{path}"
        if layout is not None and self._index(f"{path}/{layout.shard(index)}", layout) is None:
            return lost(where)
        return AlteredArtifact(f"{where} is not what was published")

    def _layout(self, path: str) -> _Layout | None:
        if path not in self._layouts:
            self._layouts[path] = self._describe(path)
        return self._layouts[path]

    def _chunk(
        self, path: str, layout: _Layout, index: int, room: NDArray[np.generic]
    ) -> tuple[NDArray[np.generic], bool]:
        """``room`` with the values, and whether they were written."""
        shard = f"{path}/{layout.shard(index)}"
        entries = self._index(shard, layout)
        offset, length = (_ABSENT, 0) if entries is None else map(int, entries[index % layout.clip])
        if offset == _ABSENT:
            room.fill(layout.fill)
            return room, False
        part = self._part(shard, offset, length)
        if part is None:
            raise lost(f"frame {index} of {self._store.location}/{path}")
        with readable(f"frame {index} of {self._store.location}/{path}"):
            if layout.packed == "zstd":
                zstd.decompress(part, room)
            else:
                blosc.decompress(_summed(part), room)
        return room, True

    def _index(self, shard: str, layout: _Layout) -> NDArray[np.uint64] | None:
        """[frames of a clip, 2]: offset and length of each chunk; None where there is no shard."""
        if shard in self._indices:
            self._indices.move_to_end(shard)
            return self._indices[shard]
        tail = self._part(shard, -layout.index_bytes, layout.index_bytes)
        entries = None
        if tail is not None:
            try:
                entries = np.frombuffer(_summed(tail), "<u8").reshape(layout.clip, 2)
            except ValueError as error:
                sentence = f"{self._store.location}/{shard} is damaged: it was cut, or its index altered"
                raise AlteredArtifact(sentence) from error
        self._indices[shard] = entries
        if len(self._indices) > _REMEMBERED:
            self._indices.popitem(last=False)
        return entries

    def _describe(self, path: str) -> _Layout | None:
        """None for a layout that zarr has to read."""
        about = self._part(f"{path}/zarr.json", 0, None)
        if about is None:
            raise lost(f"{self._store.location}/{path}/zarr.json")
        with readable(f"{self._store.location}/{path}/zarr.json"):
            return _layout_of(json.loads(about))

    def _part(self, path: str, start: int, length: int | None) -> bytes | None:
        """So many bytes of an object, or all; a negative ``start`` counts from its end. None where there is none.

        Raises StoreAway as ``Patience.call`` does, StoreError as ``_refuse_fork`` does.
        """
        if "://" in self._store.location:
            self._refuse_fork()
            return self._store.get_part(path, start, length)
        try:
            return self._store.patience.call(lambda: _lying(Path(self._store.location) / path, start, length), path)
        except FileNotFoundError:
            return None

    def _refuse_fork(self) -> None:
        if os.getpid() != self._process:
            raise StoreError(
                f"{self._store.location} cannot be read by a process that was forked: give the DataLoader "
                'multiprocessing_context="spawn"'
            )


def _lying(path: Path, start: int, length: int | None) -> bytes:
    """The same of a file. Raises OSError."""
    file = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(file).st_size if length is None or start < 0 else 0
        return os.pread(file, size if length is None else length, max(0, start + size) if start < 0 else start)
    finally:
        os.close(file)


def _summed(part: bytes | None) -> memoryview:
    """``part`` without the checksum at its end. Raises ValueError when it is not that of what stands before it."""
    if part is None or crc32c(part[:-_SUM]) != int.from_bytes(part[-_SUM:], "little"):
        raise ValueError("the checksum is another")
    return memoryview(part)[:-_SUM]


def _layout_of(about: dict[str, Any]) -> _Layout | None:
    """What ``Artifact`` writes: one chunk a frame, by zstd alone or by Blosc and a checksum, in shards along frames;
    None for all else."""
    codec, *more = about["codecs"]
    if codec["name"] != "sharding_indexed" or more:
        return None
    inside = codec["configuration"]
    names = [one["name"] for one in inside["codecs"]]
    clip, *shape = about["chunk_grid"]["configuration"]["chunk_shape"]
    endian = inside["codecs"][0].get("configuration", {}).get("endian", "little")
    plain = (
        endian == "little"
        and names in (["bytes", "zstd"], ["bytes", "blosc", "crc32c"])
        and [one["name"] for one in inside["index_codecs"]] == ["bytes", "crc32c"]
        and inside.get("index_location") == "end"
        and inside["chunk_shape"] == [1, *shape]
        and about["shape"][1:] == shape
        and about["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "/"}}
    )
    dtype, fill = np.dtype(about["data_type"]).newbyteorder("<"), about["fill_value"]
    if not plain:
        return None
    packed: Literal["zstd", "blosc"] = "zstd" if names[1] == "zstd" else "blosc"
    return _Layout(tuple(shape), dtype, float(fill) if isinstance(fill, str) else fill, clip, packed)
