"""What happens to files: each mutation is a pure function of a file's content and a generator of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from numpy.random import Generator


class Place(Enum):
    """What may lie where a file was."""

    FOLDER = "a folder"
    LINK = "a link that leads nowhere"
    NOTHING = "nothing"


Mutated = bytes | Place


@dataclass(frozen=True)
class Mutation:
    """``value`` mutations leave a file of the same form with other content: where the content is bare numbers, nothing
    can tell. All others must be noticed or change nothing."""

    name: str
    apply: Callable[[bytes, Generator], Mutated]
    value: bool = False

    def __call__(self, content: bytes, draw: Generator) -> Mutated:
        return self.apply(content, draw)


def _at(content: bytes, draw: Generator) -> int:
    return int(draw.integers(0, max(1, len(content))))


# Of any file


def _truncated(content: bytes, draw: Generator) -> bytes:
    return content[: _at(content, draw)]


def _head(content: bytes, draw: Generator) -> bytes:
    return content[: int(draw.integers(1, 33))]


def _tail_lost(content: bytes, draw: Generator) -> bytes:
    return content[: max(0, len(content) - int(draw.integers(1, 17)))]


def _start_lost(content: bytes, draw: Generator) -> bytes:
    return content[int(draw.integers(1, 17)) :]


def _bit(content: bytes, draw: Generator) -> bytes:
    if not content:
        return b"\x01"
    result = bytearray(content)
    result[_at(content, draw)] ^= 1 << int(draw.integers(0, 8))
    return bytes(result)


def _some_bytes(content: bytes, draw: Generator) -> bytes:
    result = bytearray(content)
    for _ in range(int(draw.integers(2, 9))):
        if result:
            result[_at(content, draw)] = int(draw.integers(0, 256))
    return bytes(result)


def _block_of_zeros(content: bytes, draw: Generator) -> bytes:
    start = _at(content, draw)
    stop = min(len(content), start + int(draw.integers(16, 4096)))
    return content[:start] + bytes(stop - start) + content[stop:]


def _zeros_behind(content: bytes, draw: Generator) -> bytes:
    return content + bytes(int(draw.integers(1, 512)))


def _random_behind(content: bytes, draw: Generator) -> bytes:
    return content + draw.bytes(int(draw.integers(1, 512)))


def _noise(content: bytes, draw: Generator) -> bytes:
    return draw.bytes(max(1, len(content)))


ANY = (
    Mutation("truncate", _truncated),
    Mutation("only the head", _head),
    Mutation("lose the last bytes", _tail_lost),
    Mutation("lose the first bytes", _start_lost),
    Mutation("flip a bit", _bit, value=True),
    Mutation("overwrite bytes", _some_bytes, value=True),
    Mutation("zero a block", _block_of_zeros, value=True),
    Mutation("append zeros", _zeros_behind),
    Mutation("append noise", _random_behind),
    Mutation("append itself", lambda content, _: content * 2),
    Mutation("empty", lambda _, __: b""),
    Mutation("only noise", _noise, value=True),
    Mutation("a folder in its place", lambda _, __: Place.FOLDER),
    Mutation("a dangling link in its place", lambda _, __: Place.LINK),
)
LOST = Mutation("delete", lambda _, __: Place.NOTHING)


# Of any text


def utf16(content: bytes, _: Generator) -> bytes:
    return content.decode("latin-1").encode("utf-16")


WITH_MARK = Mutation("byte-order mark", lambda content, _: b"\xef\xbb\xbf" + content)
AS_UTF16 = Mutation("as UTF-16", utf16)
