"""What happens to files: each mutation is a pure function of a file's content and a generator of random numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

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


# Of text


def _edit(change: Callable[[list[bytes], int, Generator], list[bytes]]) -> Callable[[bytes, Generator], bytes]:
    """``change`` is given the lines and the number of one of them."""

    def apply(content: bytes, draw: Generator) -> bytes:
        lines = content.split(b"\n")
        last = [b""] if lines[-1] == b"" else []
        body = lines[: len(lines) - len(last)] or [b""]
        return b"\n".join(change(body, int(draw.integers(0, len(body))), draw) + last)

    return apply


def _word(change: Callable[[bytes, Generator], bytes]) -> Callable[[list[bytes], int, Generator], list[bytes]]:
    """Changes one number of a line, or what else stands between blanks."""

    def apply(lines: list[bytes], at: int, draw: Generator) -> list[bytes]:
        words = lines[at].split(b" ")
        numbers = [i for i, word in enumerate(words) if _is_number(word)] or [len(words) - 1]
        which = numbers[int(draw.integers(0, len(numbers)))]
        words[which] = change(words[which], draw)
        return [*lines[:at], b" ".join(words), *lines[at + 1 :]]

    return apply


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _put(word: bytes) -> Callable[[bytes, Generator], bytes]:
    return _edit(_word(lambda _, __: word))


def _digit(word: bytes, draw: Generator) -> bytes:
    digits = [i for i, char in enumerate(word) if chr(char).isdecimal()]
    if not digits:
        return word + b"1"
    at = digits[int(draw.integers(0, len(digits)))]
    return word[:at] + str(draw.integers(0, 10)).encode() + word[at + 1 :]


def _swapped(lines: list[bytes], at: int, draw: Generator) -> list[bytes]:
    other = int(draw.integers(0, len(lines)))
    result = list(lines)
    result[at], result[other] = lines[other], lines[at]
    return result


def _utf16(content: bytes, _: Generator) -> bytes:
    return content.decode("latin-1").encode("utf-16")


TEXT = (
    Mutation("byte-order mark", lambda content, _: b"\xef\xbb\xbf" + content),
    Mutation("as UTF-16", _utf16),
    Mutation("CRLF", lambda content, _: content.replace(b"\n", b"\r\n")),
    Mutation("CR alone", lambda content, _: content.replace(b"\n", b"\r")),
    Mutation("no end of line at the end", lambda content, _: content.rstrip(b"\n")),
    Mutation("blank first line", lambda content, _: b"\n" + content),
    Mutation("blank line inside", _edit(lambda lines, at, _: [*lines[:at], b"  ", *lines[at:]])),
    Mutation("blank last lines", lambda content, _: content + b"\n\n \n"),
    Mutation("comment", _edit(lambda lines, at, _: [*lines[:at], b"# a comment", *lines[at:]])),
    Mutation("header", lambda content, _: b"a b c d\n" + content),
    Mutation("tabs for blanks", lambda content, _: content.replace(b" ", b"\t")),
    Mutation("commas for blanks", lambda content, _: content.replace(b" ", b",")),
    Mutation("delete a line", _edit(lambda lines, at, _: lines[:at] + lines[at + 1 :])),
    Mutation("duplicate a line", _edit(lambda lines, at, _: [*lines[: at + 1], *lines[at:]])),
    Mutation("swap two lines", _edit(_swapped), value=True),
    Mutation("lose a word", _edit(lambda lines, at, _: [*lines[:at], lines[at].rpartition(b" ")[0], *lines[at + 1 :]])),
    Mutation("a word more", _edit(lambda lines, at, _: [*lines[:at], lines[at] + b" 1", *lines[at + 1 :]])),
    Mutation("other digit", _edit(_word(_digit)), value=True),
    Mutation("put nan", _put(b"nan")),
    Mutation("put -inf", _put(b"-inf")),
    Mutation("put 1e300", _put(b"1e300")),
    Mutation("put a number of 400 digits", _put(b"9" * 400)),
    Mutation("put -1", _put(b"-1"), value=True),
    Mutation("put a word", _put(b"n/a")),
    Mutation("a line of 1 MB", _edit(lambda lines, at, _: [*lines[:at], b"1 " * 500_000, *lines[at:]])),
)


# Of JSON

_WRONG: tuple[Any, ...] = (None, [], {}, "", "text", -1, 1e300, True, [None], 10**30)


def _inside(change: Callable[[Any, str | int, Generator], None]) -> Callable[[bytes, Generator], bytes]:
    """``change`` is given an object or a list, and one of the places in it."""

    def apply(content: bytes, draw: Generator) -> bytes:
        tree = json.loads(content)
        holder, rest = tree, int(draw.integers(1, 5))
        for _ in range(rest):
            inner = [value for value in (holder.values() if isinstance(holder, dict) else holder) if _holds(value)]
            if not inner:
                break
            holder = inner[int(draw.integers(0, len(inner)))]
        if not _holds(holder):
            return content
        places: list[str | int] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        change(holder, places[int(draw.integers(0, len(places)))], draw)
        return json.dumps(tree).encode()

    return apply


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list) and len(value) > 0


def _drop(holder: Any, place: Any, draw: Generator) -> None:
    del holder[place]


def _null(holder: Any, place: Any, draw: Generator) -> None:
    holder[place] = None


def _wrong(holder: Any, place: Any, draw: Generator) -> None:
    holder[place] = _WRONG[int(draw.integers(0, len(_WRONG)))]


def _nan(holder: Any, place: Any, draw: Generator) -> None:
    holder[place] = float("nan")


def _deep(holder: Any, place: Any, draw: Generator) -> None:
    holder[place] = "DEEP"


def _buried(content: bytes, draw: Generator) -> bytes:
    return _inside(_deep)(content, draw).replace(b'"DEEP"', b"[" * 100_000 + b"]" * 100_000)


JSON = (
    Mutation("drop a field", _inside(_drop)),
    Mutation("null", _inside(_null)),
    Mutation("wrong type", _inside(_wrong)),
    Mutation("NaN in JSON", _inside(_nan)),
    Mutation("nest 100,000 deep", _buried),
    Mutation("byte-order mark", lambda content, _: b"\xef\xbb\xbf" + content),
    Mutation("as UTF-16", _utf16),
    Mutation("another object", lambda _, __: b'{"a": 1}'),
    Mutation("null alone", lambda _, __: b"null"),
)


# Of the tables of nuScenes: a list of rows


def _rows(change: Callable[[list[Any], int, Generator], list[Any]]) -> Callable[[bytes, Generator], bytes]:
    def apply(content: bytes, draw: Generator) -> bytes:
        rows = json.loads(content)
        return json.dumps(change(rows, int(draw.integers(0, max(1, len(rows)))), draw)).encode()

    return apply


def _cyclic(rows: list[Any], at: int, draw: Generator) -> list[Any]:
    for row in rows:
        if "next" in row:
            row["next"] = rows[at]["token"]
    return rows


def _other_token(rows: list[Any], at: int, draw: Generator) -> list[Any]:
    if not rows:
        return rows
    tokens = [key for key in rows[at] if "token" in key and isinstance(rows[at][key], str)]
    other = rows[int(draw.integers(0, len(rows)))]
    key = tokens[int(draw.integers(0, len(tokens)))]
    rows[at][key] = other[key]
    return rows


TABLE = (
    *JSON,
    Mutation("lose a row", _rows(lambda rows, at, _: rows[:at] + rows[at + 1 :])),
    Mutation("duplicate a row", _rows(lambda rows, at, _: rows[: at + 1] + rows[at:])),
    Mutation("other order of rows", _rows(lambda rows, _, draw: [rows[i] for i in draw.permutation(len(rows))])),
    Mutation("next leads back", _rows(_cyclic)),
    Mutation("the token of another row", _rows(_other_token), value=True),
    Mutation("no rows", lambda _, __: b"[]"),
)


# Of YAML

YAML = (
    Mutation(
        "tab at the start of a line", _edit(lambda lines, at, _: [*lines[:at], b"\t" + lines[at], *lines[at + 1 :]])
    ),
    Mutation("an unknown option", _edit(lambda lines, at, _: [*lines, b"colour: blue"])),
    Mutation("an anchor that names itself", lambda content, _: b"x: &x [*x]\n" + content),
    Mutation("a Python object", lambda content, _: content + b'y: !!python/object/apply:os.system ["true"]\n'),
    Mutation("a billion laughs", lambda _, __: _laughs()),
    Mutation("a list", _edit(lambda lines, _, __: [b"- " + line for line in lines])),
    Mutation("put .inf", _put(b".inf")),
    Mutation("nest 10,000 deep", lambda content, _: content + b"z: " + b"[" * 10_000 + b"]" * 10_000 + b"\n"),
    Mutation("null alone", lambda _, __: b"null\n"),
)


def _laughs() -> bytes:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()
