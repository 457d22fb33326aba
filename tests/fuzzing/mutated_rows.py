"""What happens to files that are rows of numbers: what else might lie in them, and what numbers might be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from fuzzing.mutations import Mutation
from numpy.random import Generator
from numpy.typing import NDArray

Rows = NDArray[Any]
Apply = Callable[[bytes, Generator], bytes]


@dataclass(frozen=True)
class _Rows:
    """Rows of ``columns`` numbers of ``kind``."""

    kind: np.dtype[Any]
    columns: int

    def of(self, change: Callable[[Rows, Generator], Rows]) -> Apply:
        """``change`` of the whole rows of a content."""
        size = self.kind.itemsize * self.columns

        def apply(content: bytes, draw: Generator) -> bytes:
            rows = np.frombuffer(content[: len(content) // size * size], self.kind).reshape(-1, self.columns)
            return np.ascontiguousarray(change(rows.copy(), draw)).tobytes()

        return apply

    def cast(self, to: str) -> Apply:
        def change(rows: Rows, _: Generator) -> Rows:
            with np.errstate(all="ignore"):
                return rows.astype(to)

        return self.of(change)

    def put(self, value: float) -> Apply:
        def change(rows: Rows, draw: Generator) -> Rows:
            with np.errstate(all="ignore"):
                rows[draw.integers(0, len(rows)), draw.integers(0, self.columns)] = np.array(value).astype(self.kind)
            return rows

        return self.of(change)

    def another_column(self, rows: Rows, draw: Generator) -> Rows:
        extra = (draw.random((len(rows), 1)) * 30).astype(self.kind)
        return np.hstack([rows[:, : self.columns - 1], extra, rows[:, self.columns - 1 :]])


def _lose_row(rows: Rows, draw: Generator) -> Rows:
    return np.delete(rows, draw.integers(0, len(rows)), axis=0)


def _swap_rows(rows: Rows, draw: Generator) -> Rows:
    a, b = draw.integers(0, len(rows), 2)
    rows[[a, b]] = rows[[b, a]]
    return rows


def rows_of(dtype: str, columns: int) -> tuple[Mutation, ...]:
    """Of a file of rows of ``columns`` numbers."""
    kind = np.dtype(dtype)
    rows = _Rows(kind, columns)
    wider = {"f": "<f8", "u": "<u8" if kind.itemsize > 4 else f"<u{2 * kind.itemsize}"}[kind.kind]
    narrower = {"f": "<f2", "u": f"<u{max(1, kind.itemsize // 2)}"}[kind.kind]
    result = [
        Mutation(f"as {np.dtype(wider)}", rows.cast(wider)),
        Mutation("as int64", rows.cast("<i8")),
        Mutation("swap two rows", rows.of(_swap_rows), value=True),
        Mutation("lose a row", rows.of(_lose_row), value=kind.kind == "f"),
    ]
    if kind.itemsize > 1:
        result += [
            Mutation("big-endian", rows.of(lambda found, _: found.byteswap())),
            Mutation(f"as {np.dtype(narrower)}", rows.cast(narrower)),
        ]
    if kind.kind == "f":
        result += [
            Mutation("as int16", rows.cast("<i2")),
            Mutation("put nan", rows.put(np.nan)),
            Mutation("put inf", rows.put(np.inf)),
            Mutation("put 1e30", rows.put(1e30)),
            Mutation("in millimetres", rows.of(lambda found, _: found * kind.type(1000))),
        ]
    if columns > 1:
        result += [
            Mutation("one column more", rows.of(rows.another_column)),
            Mutation("one column fewer", rows.of(lambda found, _: found[:, :-1])),
            Mutation("column by column", rows.of(lambda found, _: found.T)),
        ]
    return tuple(result)
