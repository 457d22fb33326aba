"""Feather files of Argoverse 2: columns by name, of the kind they must be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.pose_track import poses_of
from occlabel.stages.ingest.files import read_file

_MOST = 512 << 20
"""Bytes of a file, packed and unpacked."""

TEXT, WHOLE, NUMBER = "text", "whole numbers", "numbers"
"""What a column may hold."""

POSE: dict[str, str] = dict.fromkeys(("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"), NUMBER)
"""The columns of a pose."""

Columns = dict[str, NDArray[Any]]


def read_columns(path: Path, wanted: Mapping[str, str]) -> tuple[Columns, bytes]:
    """The ``wanted`` columns (name -> what it holds) of a feather file, as str, int64 or float64 [n], and the content
    of the file. Raises DamagedFile for a file that is none, is cut off, lacks a column, or has one of another kind or
    with holes."""
    content = read_file(path, _MOST)
    try:
        with ipc.open_file(pa.py_buffer(content)) as file:
            absent = sorted({*wanted} - {*file.schema.names})
            if absent:
                raise DamagedFile(
                    f"{path} has no column {', '.join(absent)}; it has {', '.join(file.schema.names) or 'none'}"
                )
            table = file.read_all().select(list(wanted))
            table.validate(full=True)
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path} is no whole feather file: {str(error).splitlines()[0]}; copy it again") from error
    return {name: _column(path, name, table[name], kind) for name, kind in wanted.items()}, content


def _column(path: Path, name: str, values: Any, kind: str) -> NDArray[Any]:
    types = pa.types
    fits = {
        TEXT: types.is_string(values.type) or types.is_large_string(values.type) or types.is_dictionary(values.type),
        WHOLE: types.is_integer(values.type),
        NUMBER: types.is_integer(values.type) or types.is_floating(values.type),
    }[kind]
    if not fits:
        raise DamagedFile(f"{path}: the column {name} is of the type {values.type}, and must hold {kind}")
    if values.null_count:
        raise DamagedFile(f"{path}: {values.null_count} rows of the column {name} hold nothing")
    if kind == TEXT:
        return np.array(values.to_pylist(), np.str_)
    return np.asarray(values.to_numpy(), np.int64 if kind == WHOLE else np.float64)


def poses_in(columns: Columns) -> NDArray[np.float64]:
    """[n, 4, 4] of the columns ``POSE``; NaN for a row that is no pose."""
    return poses_of(
        np.column_stack([columns[name] for name in ("qw", "qx", "qy", "qz")]),
        np.column_stack([columns[name] for name in ("tx_m", "ty_m", "tz_m")]),
    )
