"""The manifest of a version as a parquet file that any reader of parquet understands.

One row a frame: ``log``, ``index``, ``name``, ``time``, ``world_from_ego`` and ``ego_from_grid`` (16 numbers, row by
row), ``damaged``, ``scan_bytes``, and for each array a column of its name, the path of the zarr array in the store, and
one named ``digest of <array>``. The schema's metadata holds, under ``occlabel``, a JSON object with everything else,
and under ``occlabel digest`` a digest of that object and all rows: parquet's own checksums do not cover every byte.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import ValidationError

from occlabel.schemas.errors import AlteredArtifact, StoreError
from occlabel.schemas.version import ArrayPlace, VersionFrame, VersionInfo

_INFO, _SEAL = b"occlabel", b"occlabel digest"
_DIGEST = "digest of "
_ANEW = "take it from a copy of the store, or publish again under another --version"


def encode(info: VersionInfo, rows: list[VersionFrame]) -> bytes:
    """The manifest file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    matrix = pa.list_(pa.float64())  # not of fixed size: Arrow writes nulls among such lists and cannot read them
    fields = [
        ("log", pa.string()),
        ("index", pa.int64()),
        ("name", pa.string()),
        ("time", pa.float64()),
        ("world_from_ego", matrix),
        ("ego_from_grid", matrix),
        ("damaged", pa.list_(pa.string())),
        ("scan_bytes", pa.int64()),
    ]
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name, _ in fields}
    for array in sorted(info.arrays):
        places = [row.arrays.get(array) for row in rows]
        columns[array] = [None if place is None else place.path for place in places]
        columns[_DIGEST + array] = [None if place is None else place.digest for place in places]
        fields += [(array, pa.string()), (_DIGEST + array, pa.string())]
    table, text = pa.table(columns, schema=pa.schema(fields)), info.model_dump_json().encode()
    sink = pa.BufferOutputStream()
    sealed = table.replace_schema_metadata({_INFO: text, _SEAL: _digest(text, table.to_pylist())})
    pq.write_table(sealed, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def decode(content: bytes, where: str) -> tuple[VersionInfo, list[VersionFrame]]:
    """What ``encode`` wrote; ``where`` names it in errors. Raises StoreError for anything else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # In this thread alone: a reader thread of Arrow that holds ``content`` while Python ends aborts the process.
        table = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(use_threads=False)
        metadata, rows = table.schema.metadata or {}, table.to_pylist()
        text, seal = metadata[_INFO], metadata.get(_SEAL)
    except Exception as error:  # what Arrow raises for a file that was cut or altered is of many types
        raise AlteredArtifact(f"{where} is damaged or no manifest of a version; {_ANEW}") from error
    if seal is not None and seal != _digest(text, rows):
        raise AlteredArtifact(f"{where} was altered: it is not what was published; {_ANEW}")
    try:
        info = VersionInfo.model_validate_json(text)
    except ValidationError as error:
        said = _json(text)
        if isinstance(said, dict) and "layout" not in said:
            raise StoreError(
                f"{where} was written by occlabel {said.get('code', '0.1')} in the first layout, which is not read any "
                "more; label the logs again into another --store"
            ) from error
        raise StoreError(f"{where} is no manifest that this occlabel reads: {error}") from error
    if seal is None:
        raise AlteredArtifact(
            f"{where} has no digest of its rows: altered, or written by an occlabel of before; {_ANEW}"
        )
    return info, [_frame(row, info) for row in rows]


def _digest(text: bytes, rows: list[dict[str, Any]]) -> bytes:
    state = hashlib.blake2b(text, digest_size=16)
    state.update(json.dumps(rows).encode())
    return state.hexdigest().encode()


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _frame(row: dict[str, Any], info: VersionInfo) -> VersionFrame:
    arrays = {
        array: ArrayPlace(path=row[array], digest=row[_DIGEST + array])
        for array in info.arrays
        if row.get(array) is not None
    }
    # What a manifest of before does not say stays unknown.
    return VersionFrame(arrays=arrays, **{name: row[name] for name in VersionFrame.model_fields if name in row})
