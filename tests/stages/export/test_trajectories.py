"""The table on disk."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from occlabel.schemas.errors import StoreError
from occlabel.schemas.trajectories import Trajectories, concatenated
from occlabel.stages.export.trajectories import from_parquet, to_parquet


def table() -> Trajectories:
    return Trajectories(
        track=np.array([1, 1, 70_000], np.uint32),
        frame=np.array([0, 1, 1]),
        time=np.array([0.0, 0.1, 0.1]),
        place=np.array([[1.0, 2, 3], [4, 5, 6], [np.nan] * 3]),
        velocity=np.array([[0.5, 0, 0], [0.5, 0, 0], [np.nan] * 3]),
        cut=np.array([True, False, False]),
        moving=np.array([True, True, False]),
        class_id=np.array([4, 4, 7], np.uint8),
    )


def assert_equal(a: Trajectories, b: Trajectories) -> None:
    for name in Trajectories.__slots__:
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


def test_comes_back_as_it_was_in_the_same_bytes() -> None:
    content = to_parquet(table())
    assert_equal(from_parquet(content, "t"), table())
    assert to_parquet(table()) == content


def test_anybody_can_read_it() -> None:
    columns = pq.read_table(io.BytesIO(to_parquet(table()))).to_pydict()
    assert columns["track"] == [1, 1, 70_000] and columns["class"] == [4, 4, 7] and columns["y"][:2] == [2.0, 5.0]
    assert list(columns) == ["track", "frame", "time", "x", "y", "z", "vx", "vy", "vz", "cut", "moving", "class"]


def test_an_empty_log_has_an_empty_table() -> None:
    empty = concatenated([])
    assert len(empty) == 0 and empty.place.shape == (0, 3)
    assert_equal(from_parquet(to_parquet(empty), "t"), empty)


def test_rows_are_in_order_whatever_the_order_of_the_parts() -> None:
    whole = table()
    parts = [Trajectories(*(getattr(whole, name)[n : n + 1] for name in Trajectories.__slots__)) for n in (2, 1, 0)]
    assert_equal(concatenated(parts), whole)


def test_what_is_no_such_table_is_refused() -> None:
    content = to_parquet(table())
    for broken in (b"", content[:100], b"PAR1" + content[200:]):
        with pytest.raises(StoreError, match="log 7 is not a readable trajectory table"):
            from_parquet(broken, "log 7")
    other = io.BytesIO()
    pq.write_table(pa.table({"track": [1]}), other)
    with pytest.raises(StoreError, match="log 7 has the columns track int64"):
        from_parquet(other.getvalue(), "log 7")
    pq.write_table(pa.table({"log": ["a"]}), other := io.BytesIO())
    with pytest.raises(StoreError, match="log 7 has the columns log"):
        from_parquet(other.getvalue(), "log 7")
