"""What happens to files: each mutation is a pure function of a file's content and a generator of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
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


# Of rows of numbers


def rows_of(dtype: str, columns: int) -> tuple[Mutation, ...]:
    """Of a file of rows of ``columns`` numbers: what else might lie in it, and what numbers might be."""
    kind = np.dtype(dtype)

    def whole(content: bytes) -> np.ndarray:
        size = kind.itemsize * columns
        return np.frombuffer(content[: len(content) // size * size], kind).reshape(-1, columns)

    def of(change: Callable[[np.ndarray, Generator], np.ndarray]) -> Callable[[bytes, Generator], bytes]:
        return lambda content, draw: np.ascontiguousarray(change(whole(content).copy(), draw)).tobytes()

    def cast(to: str) -> Callable[[bytes, Generator], bytes]:
        def change(rows: np.ndarray, _: Generator) -> np.ndarray:
            with np.errstate(all="ignore"):
                return rows.astype(to)

        return of(change)

    def put(value: float) -> Callable[[bytes, Generator], bytes]:
        def change(rows: np.ndarray, draw: Generator) -> np.ndarray:
            with np.errstate(all="ignore"):
                rows[draw.integers(0, len(rows)), draw.integers(0, columns)] = np.array(value).astype(kind)
            return rows

        return of(change)

    def another_column(rows: np.ndarray, draw: Generator) -> np.ndarray:
        extra = (draw.random((len(rows), 1)) * 30).astype(kind)
        return np.hstack([rows[:, : columns - 1], extra, rows[:, columns - 1 :]])

    def lose_row(rows: np.ndarray, draw: Generator) -> np.ndarray:
        return np.delete(rows, draw.integers(0, len(rows)), axis=0)

    def swap_rows(rows: np.ndarray, draw: Generator) -> np.ndarray:
        a, b = draw.integers(0, len(rows), 2)
        rows[[a, b]] = rows[[b, a]]
        return rows

    wider = {"f": "<f8", "u": "<u8" if kind.itemsize > 4 else f"<u{2 * kind.itemsize}"}[kind.kind]
    narrower = {"f": "<f2", "u": f"<u{max(1, kind.itemsize // 2)}"}[kind.kind]
    result = [
        Mutation(f"as {np.dtype(wider)}", cast(wider)),
        Mutation("as int64", cast("<i8")),
        Mutation("swap two rows", of(swap_rows), value=True),
        Mutation("lose a row", of(lose_row), value=kind.kind == "f"),
    ]
    if kind.itemsize > 1:
        result += [
            Mutation("big-endian", of(lambda rows, _: rows.byteswap())),
            Mutation(f"as {np.dtype(narrower)}", cast(narrower)),
        ]
    if kind.kind == "f":
        result += [
            Mutation("as int16", cast("<i2")),
            Mutation("put nan", put(np.nan)),
            Mutation("put inf", put(np.inf)),
            Mutation("put 1e30", put(1e30)),
            Mutation("in millimetres", of(lambda rows, _: rows * kind.type(1000))),
        ]
    if columns > 1:
        result += [
            Mutation("one column more", of(another_column)),
            Mutation("one column fewer", of(lambda rows, _: rows[:, :-1])),
            Mutation("column by column", of(lambda rows, _: rows.T)),
        ]
    return tuple(result)


# Of any text


def utf16(content: bytes, _: Generator) -> bytes:
    return content.decode("latin-1").encode("utf-16")


WITH_MARK = Mutation("byte-order mark", lambda content, _: b"\xef\xbb\xbf" + content)
AS_UTF16 = Mutation("as UTF-16", utf16)
