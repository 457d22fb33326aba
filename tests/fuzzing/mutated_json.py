"""Mutations of JSON, and of tables of rows in it as nuScenes has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fuzzing.mutations import AS_UTF16, WITH_MARK, Mutation
from numpy.random import Generator

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


def _huge(holder: Any, place: Any, draw: Generator) -> None:
    holder[place] = 10**12


def _deep(holder: Any, place: Any, draw: Generator) -> None:
    holder[place] = "DEEP"


def _buried(content: bytes, draw: Generator) -> bytes:
    return _inside(_deep)(content, draw).replace(b'"DEEP"', b"[" * 100_000 + b"]" * 100_000)


JSON = (
    Mutation("drop a field", _inside(_drop)),
    Mutation("null", _inside(_null)),
    Mutation("wrong type", _inside(_wrong)),
    Mutation("a huge number", _inside(_huge)),
    Mutation("NaN in JSON", _inside(_nan)),
    Mutation("nest 100,000 deep", _buried),
    WITH_MARK,
    AS_UTF16,
    Mutation("another object", lambda _, __: b'{"a": 1}'),
    Mutation("null alone", lambda _, __: b"null"),
)


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
