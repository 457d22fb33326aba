"""The messages of an MCAP file by topic, found without unpacking what nobody asks for.

A file is records, each an opcode, a length and its content; most messages lie in chunks that are packed, and after each
chunk stand the places of its messages. A file that ends early lacks its summary and the end of its last record: it is
read up to there. (The format: mcap.dev/spec.)
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.records import Channel, Schema

from occlabel.schemas.errors import DamagedFile
from occlabel.stages.ingest.files import check_file, reason

_MAGIC = b"\x89MCAP0\r\n"
_MOST = 1 << 44
"""Bytes of a recording."""
_CHUNK = 1 << 30
"""Bytes of a chunk, packed and unpacked; writers make them of some megabytes."""
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNKS, _PLACES = 2, 3, 4, 5, 6, 7
"""Opcodes."""
_RECORD = struct.Struct("<BQ")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is: at ``at`` of the file, or of the unpacked chunk that begins at ``chunk``."""

    log_time: int
    at: int
    chunk: int | None = None


@dataclass
class Recording:
    """What a file holds."""

    path: Path
    changed: int
    """When it was written, in nanoseconds: of a file that is written again nothing is known."""
    places: dict[int, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """By channel, in the order of the file."""
    channels: dict[int, Channel] = field(default_factory=dict)
    schemas: dict[int, Schema] = field(default_factory=dict)
    ends: str | None = None
    """Why the file cannot be read to its end, where it cannot."""

    def count(self, topic: str) -> int:
        return sum(len(self.places[id_]) for id_ in self._ids(topic))

    @property
    def topics(self) -> list[str]:
        return sorted({channel.topic for channel in self.channels.values()})

    def message(self, topic: str, index: int) -> tuple[Channel, Schema | None, bytes]:
        """Content of the message ``index`` of ``topic``, its channel and schema. Raises DamagedFile."""
        for id_ in self._ids(topic):
            if index < len(self.places[id_]):
                channel = self.channels[id_]
                return channel, self.schemas.get(channel.schema_id), self._content(self.places[id_][index])
            index -= len(self.places[id_])
        raise DamagedFile(f"{self.path} has no message {index} of {topic}; it was written again since it was listed")

    def _ids(self, topic: str) -> list[int]:
        return [id_ for id_, channel in self.channels.items() if channel.topic == topic]

    def _content(self, place: Place) -> bytes:
        if place.chunk is None:
            with self.path.open("rb") as file:
                file.seek(place.at)
                content = file.read(_RECORD.unpack(file.read(_RECORD.size))[1])
        else:
            chunk = _unpacked(self.path, place.chunk, self.changed)
            if place.at + _RECORD.size > len(chunk):
                raise DamagedFile(
                    f"{self.path}: the place of a message lies beyond its chunk; copy the recording again"
                )
            length = _RECORD.unpack_from(chunk, place.at)[1]
            content = chunk[place.at + _RECORD.size :][:length]
        return content[22:]


def open_recording(path: Path) -> Recording:
    """Raises DamagedFile for a file that is no MCAP. Walked through once per process while it stays as it is."""
    check_file(path, _MOST)
    found = path.stat()
    return _walked(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=8)
def _walked(path: Path, size: int, changed: int) -> Recording:
    result = Recording(path, changed)
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise DamagedFile(f"{path} is no MCAP file: it does not begin as one")
            _walk(result, file, size)
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {reason(error)}") from error
    return result


def _walk(into: Recording, file: IO[bytes], size: int) -> None:
    chunks: dict[int, bool] = {}
    last: int | None = None
    while True:
        at = file.tell()
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            into.ends = f"it ends early, at byte {at}"
            break
        opcode, length = _RECORD.unpack(head)
        if at + _RECORD.size + length > size:
            into.ends = f"it ends early, within a record at byte {at}"
            break
        if opcode == _FOOTER:
            break
        try:
            if opcode == _CHUNKS:
                last = at
                chunks[at] = False
            elif opcode == _PLACES and last is not None:
                _add_places(into, file.read(length), last)
                chunks[last] = True
            elif opcode in (_SCHEMA, _CHANNEL, _MESSAGE):
                _add(into, opcode, file.read(length if opcode != _MESSAGE else min(length, 22)), Place(0, at))
        except (struct.error, McapError, UnicodeDecodeError) as error:
            into.ends = f"the record at byte {at} cannot be read ({error})"
            break
        file.seek(at + _RECORD.size + length)
    if into.ends is not None and last is not None:
        _forget_places(into, last)  # each topic has a list of its own, and those of some may be lost
        chunks[last] = False
    _look_into(into, chunks)


def _look_into(into: Recording, chunks: dict[int, bool]) -> None:
    """Unpacks the chunks whose messages nobody has listed, and those that may hold what channels are."""
    for at, listed in chunks.items():
        if listed and all(id_ in into.channels for id_ in into.places):
            continue
        try:
            content = _unpacked(into.path, at, into.changed)
            for opcode, start, record in _records(content):
                if opcode in (_SCHEMA, _CHANNEL) or (opcode == _MESSAGE and not listed):
                    _add(into, opcode, record, Place(0, start, at))
        except (DamagedFile, struct.error, McapError, UnicodeDecodeError) as error:
            into.ends = into.ends or f"the chunk at byte {at} cannot be read ({error})"


def _records(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + _RECORD.size <= len(content):
        opcode, length = _RECORD.unpack_from(content, at)
        yield opcode, at, content[at + _RECORD.size : at + _RECORD.size + length]
        at += _RECORD.size + length


def _add(into: Recording, opcode: int, content: bytes, place: Place) -> None:
    if opcode == _MESSAGE:
        channel, _, log_time = struct.unpack_from("<HIQ", content)
        into.places[channel].append(Place(log_time, place.at, place.chunk))
        return
    stream = ReadDataStream(BytesIO(content))
    if opcode == _SCHEMA:
        schema = Schema.read(stream)
        into.schemas.setdefault(schema.id, schema)
    else:
        channel_ = Channel.read(stream)
        into.channels.setdefault(channel_.id, channel_)


def _add_places(into: Recording, content: bytes, chunk: int) -> None:
    channel, length = struct.unpack_from("<HI", content)
    for log_time, at in struct.iter_unpack("<QQ", content[6 : 6 + length]):
        into.places[channel].append(Place(log_time, at, chunk))


def _forget_places(into: Recording, chunk: int) -> None:
    for places in into.places.values():
        places[:] = [place for place in places if place.chunk != chunk]


@lru_cache(maxsize=4)
def _unpacked(path: Path, at: int, changed: int) -> bytes:
    """The records of the chunk whose record begins at ``at`` of a file ``changed`` then. Raises DamagedFile."""
    try:
        with path.open("rb") as file:
            file.seek(at + _RECORD.size)
            size, crc, name = struct.unpack("<16xQII", file.read(32))
            packing = file.read(min(name, 64))
            (length,) = struct.unpack("<Q", file.read(8))
            if max(size, length) > _CHUNK:
                raise DamagedFile(f"{path}: the chunk at byte {at} says that it has {max(size, length)} bytes")
            content = _unpack(packing, file.read(length), size)
    except Exception as error:  # packers raise what they like
        raise DamagedFile(
            f"{path}: the chunk at byte {at} cannot be unpacked: {error}; copy the recording again"
        ) from error
    if len(content) != size or (crc and zlib.crc32(content) != crc):
        raise DamagedFile(f"{path}: the chunk at byte {at} is damaged (its checksum differs); copy the recording again")
    return content


def _unpack(packing: bytes, packed: bytes, size: int) -> bytes:
    match packing:
        case b"":
            return packed
        case b"zstd":
            import zstandard

            return bytes(zstandard.ZstdDecompressor().decompress(packed, max_output_size=size))
        case b"lz4":
            import lz4.frame

            return bytes(lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=size))
    raise ValueError(f"it is packed by {packing!r}, which is none of zstd and lz4")
