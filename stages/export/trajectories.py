"""Trajectory tables as parquet files."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.errors import StoreError
from occlabel.schemas.trajectories import Trajectories

_COLUMNS = (
    ("track", "uint32"),
    ("frame", "int64"),
    ("time", "double"),
    *((axis, "double") for axis in ("x", "y", "z", "vx", "vy", "vz")),
    ("cut", "bool"),
    ("moving", "bool"),
    ("class", "uint8"),
)


def to_parquet(trajectories: Trajectories) -> bytes:
    """A parquet file with the columns track, frame, time, x, y, z, vx, vy, vz, cut, moving and class.

    Equal tables give equal bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    t = trajectories
    arrays = [t.track, t.frame, t.time, *t.place.T, *t.velocity.T, t.cut, t.moving, t.class_id]
    names = [name for name, _ in _COLUMNS]
    table = pa.table([pa.array(np.ascontiguousarray(array)) for array in arrays], names=names)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_parquet(content: bytes, name: str) -> Trajectories:
    """The table that ``to_parquet`` wrote. ``name`` says in errors which it is. Raises StoreError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # In this thread alone: a reader thread of Arrow that holds ``content`` while Python ends aborts the process.
        table = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(
            f"{name} is not a readable trajectory table: {error}; run the instances stage again"
        ) from error
    found = tuple((field.name, str(field.type)) for field in table.schema)
    if found != _COLUMNS:
        raise StoreError(
            f"{name} has the columns {', '.join(f'{n} {t}' for n, t in found)}; a trajectory table has "
            f"{', '.join(f'{n} {t}' for n, t in _COLUMNS)}"
        )
    column = {field: table[field].to_numpy() for field, _ in _COLUMNS}
    return Trajectories(
        column["track"], column["frame"], column["time"],
        np.stack([column[axis] for axis in ("x", "y", "z")], axis=1),
        np.stack([column[axis] for axis in ("vx", "vy", "vz")], axis=1),
        column["cut"], column["moving"], column["class"],
    )  # fmt: skip
