"""The trajectory table: where every object of a log was, and how it moved, one row per object and frame."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from schemas.errors import StoreError

_COLUMNS = (
    ("track", "uint32"),
    ("frame", "int64"),
    ("time", "double"),
    *((axis, "double") for axis in ("x", "y", "z", "vx", "vy", "vz")),
    ("cut", "bool"),
    ("moving", "bool"),
    ("class", "uint8"),
)


@dataclass(frozen=True, slots=True)
class Trajectories:
    """n rows, by track and then by frame. World frame."""

    track: NDArray[np.uint32]
    """[n]: 1, 2, 3, ... in the order in which tracks begin."""
    frame: NDArray[np.int64]
    """[n]: index in the log."""
    time: NDArray[np.float64]
    """[n]: seconds, on the log's clock."""
    place: NDArray[np.float64]
    """[n, 3]: centroid of the object's voxels [m]; NaN in a frame without a pose."""
    velocity: NDArray[np.float64]
    """[n, 3]: smoothed [m/s]; NaN for an object seen once."""
    cut: NDArray[np.bool_]
    """[n]: whether the object reaches the border of the grid, so that its place is that of a part of it."""
    moving: NDArray[np.bool_]
    """[n]: whether the object ever moves (``motion.has_moved``), the same in all its rows."""
    class_id: NDArray[np.uint8]
    """[n]: the class of most voxels over the object's life, the same in all its rows."""

    def __len__(self) -> int:
        return len(self.track)


def concatenated(parts: list[Trajectories]) -> Trajectories:
    """The rows of ``parts`` as one table, in its order."""
    if not parts:
        none = np.zeros((0, 3))
        return Trajectories(
            np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0), none, none,
            np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, np.uint8),
        )  # fmt: skip
    columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Trajectories)]
    order = np.lexsort((columns[1], columns[0]))
    return Trajectories(*(column[order] for column in columns))


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
