"""Zarr in, zarr out: the arrays of one stage over one log.

A chunk is one frame and a shard one clip, so one writer owns each shard: two writers in one shard lose data without
an error (facts of zarr 3.1). Arrays are padded to whole clips; the group's attribute ``frames`` is the true length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from occlabel.schemas.arrays import ArraySpec, Codec, Extent, family
from occlabel.schemas.errors import AlteredArtifact, StoreAway
from occlabel.schemas.stage import Arrays, Clip
from occlabel.workers.store import Store, artifact_path

_ABOUT = "zarr.json"


def frame_digests(array: NDArray[np.generic]) -> tuple[str, ...]:
    """One digest per frame, of the values alone."""
    return tuple(hashlib.blake2b(np.ascontiguousarray(frame).tobytes(), digest_size=16).hexdigest() for frame in array)


class Artifact:
    """The arrays that one stage wrote for one log, under one fingerprint."""

    def __init__(self, store: Store, stage: str, fingerprint: str, log: str) -> None:
        self.store = store
        self.path = artifact_path(stage, fingerprint, log)
        self._opened: dict[str, zarr.Array[Any]] = {}

    def create(self, specs: Sequence[ArraySpec[Any]], log: Extent, clip_frames: int) -> None:
        """Writes what describes the arrays, where something else or nothing lies there; any number of workers may do
        so, with the same bytes. What was begun with the codec that all arrays once had goes on with it.

        ``log`` is the extent of the whole log; arrays over images are given one a camera.
        """
        described = _descriptions(specs, log, clip_frames)
        lying = {path: self.store.get(f"{self.path}/{path}") for path in described}
        missing = {path: content for path, content in described.items() if lying[path] != content}
        if any(lying[path] is not None for path in missing):
            former = _descriptions([replace(spec, codec=Codec()) for spec in specs], log, clip_frames)
            missing = {path: content for path, content in missing.items() if lying[path] != former[path]}
        for path, content in missing.items():
            self.store.put(f"{self.path}/{path}", content)

    def write(self, clip: Clip, arrays: Arrays, specs: Sequence[ArraySpec[Any]], clip_frames: int) -> int:
        """Writes the clip's shard of every array and returns the uncompressed bytes."""
        fills = {spec.name: spec.fill for spec in specs}
        written = 0
        for name, array in arrays.items():
            padding = [(0, clip_frames - clip.frames), *[(0, 0)] * (array.ndim - 1)]
            self._replace(clip, name, np.pad(array, padding, constant_values=fills[name]))
            written += array.nbytes
        return written

    def _replace(self, clip: Clip, name: str, shard: NDArray[np.generic]) -> None:
        """Writes a whole shard. zarr looks at the one that is there first, and cannot always."""
        rows = slice(clip.start, clip.start + len(shard))
        try:
            with readable(f"{self.store.location}/{self.path}/{name}"):
                self._open(name)[rows] = shard
        except AlteredArtifact:
            self.store.delete(f"{self.path}/{self.shard(name, clip.start)}")
            self._open(name)[rows] = shard

    def objects(self, clip: Clip, names: Iterable[str]) -> dict[str, str]:
        """See ``Receipt.objects``: what of these arrays holds the clip now."""
        return {path: self.store.tag(f"{self.path}/{path}") for name in names for path in self._places(clip, name)}

    def shard(self, name: str, row: int) -> str:
        """Path below the artifact of what holds frame ``row``. Raises AlteredArtifact when the array is not there."""
        return f"{name}/{_shard(self._open(name), row)}"

    def read(self, name: str, start: int, stop: int) -> NDArray[np.generic]:
        """Frames [start, stop) of an array. Frames that were never written hold the fill value. Raises AlteredArtifact
        when what lies there cannot be decoded."""
        with readable(f"{self.store.location}/{self.path}/{name}"):
            return np.asarray(self._open(name)[start:stop])

    def verify(self, clip: Clip, digests: dict[str, tuple[str, ...]]) -> None:
        """Reads the clip back. Raises AlteredArtifact when a frame is not what ``digests`` say."""
        for name, expected in digests.items():
            found = frame_digests(self.read(name, clip.start, clip.stop))
            wrong = [clip.start + i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
            if wrong:
                raise AlteredArtifact(
                    f"{self.store.location}/{self.path}/{name}: frames {wrong} are not what was written; run again to "
                    "make them anew"
                )

    def _places(self, clip: Clip, name: str) -> tuple[str, str]:
        """What describes the array, and the shard of the clip."""
        return f"{name}/{_ABOUT}", self.shard(name, clip.start)

    def _open(self, name: str) -> zarr.Array[Any]:
        if name not in self._opened:
            self._opened[name] = open_array(self.store, f"{self.path}/{name}")
        return self._opened[name]


class FrameArray:
    """One frame of an array, by the path of the array in its store."""

    def __init__(self, store: Store, path: str, index: int) -> None:
        self._store, self._path, self._index = store, path, index

    @property
    def where(self) -> str:
        """What sentences call it."""
        return f"frame {self._index} of {self._store.location}/{self._path}"

    def read(self) -> NDArray[np.generic]:
        """Raises AlteredArtifact when the array is not there or cannot be decoded."""
        with readable(self.where):
            return np.asarray(open_array(self._store, self._path)[self._index])

    def altered(self) -> AlteredArtifact:
        """What is said of values with another digest: what is gone reads as values that were never written."""
        shard = _shard(open_array(self._store, self._path), self._index)
        if not self._store.tag(f"{self._path}/{shard}"):
            return lost(self.where)
        return AlteredArtifact(f"{self.where} is not what was published")


def _shard(array: zarr.Array[Any], row: int) -> str:
    """Path below ``array`` of what holds frame ``row``."""
    rows = (array.shards or array.chunks)[0]
    return array.metadata.encode_chunk_key((row // rows, *[0] * (array.ndim - 1)))


def open_array(store: Store, path: str) -> zarr.Array[Any]:
    """Raises AlteredArtifact when there is none."""
    with readable(f"{store.location}/{path}/{_ABOUT}"):
        return zarr.open_array(store.zarr, path=path, mode="r+")


def lost(where: str) -> AlteredArtifact:
    """Of what was published and is gone, as all is that a removed version alone held once the store was cleaned."""
    return AlteredArtifact(f"{where} is not in the store any more: it was removed, or its version was")


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Whatever zarr and its codecs raise on what lies in a store becomes a sentence about ``where``."""
    try:
        yield
    except (StoreAway, AlteredArtifact):
        raise
    except FileNotFoundError as error:
        raise lost(where) from error
    except Exception as error:  # a torn shard or description fails in any codec, each with errors of its own; one that
        # claims to be huge is a MemoryError
        raise AlteredArtifact(f"{where} is damaged: it cannot be decoded") from error


def _descriptions(specs: Sequence[ArraySpec[Any]], log: Extent, clip_frames: int) -> dict[str, bytes]:
    """Path below the artifact -> what zarr writes there to describe the groups and arrays."""
    padded, shard = (replace(log, frames=n) for n in (-(-log.frames // clip_frames) * clip_frames, clip_frames))
    attributes = {"frames": log.frames, "grid": log.grid.model_dump(mode="json", exclude={"ranges"})}
    described = MemoryStore()
    for path in ("", *sorted({family(s.name) for s in specs if "/" in s.name})):
        zarr.create_group(described, path=path, attributes=attributes)
    for spec in specs:
        whole = spec.chunk is None
        chunk = replace(log, frames=clip_frames if spec.chunk is None else spec.chunk)
        zarr.create_array(
            described,
            name=spec.name,
            shape=padded.shape(spec),
            chunks=chunk.shape(spec),
            shards=None if whole else shard.shape(spec),
            dtype=spec.dtype,
            fill_value=spec.dtype.type(spec.fill),
            compressors=_compressors(spec),
            dimension_names=spec.dims,
            attributes={"meaning": spec.meaning},
        )
    return {path: buffer.to_bytes() for path, buffer in described._store_dict.items()}


def _compressors(spec: ArraySpec[Any]) -> list[BytesBytesCodec]:
    level, checksum = spec.codec.level, spec.codec.checksum
    if spec.codec.name == "zstd":
        return [ZstdCodec(level=level, checksum=checksum)]
    size = spec.dtype.itemsize
    packed = BloscCodec(typesize=size, cname="lz4hc", clevel=level, shuffle="shuffle" if size > 1 else "noshuffle")
    return [packed, Crc32cCodec()] if checksum else [packed]
