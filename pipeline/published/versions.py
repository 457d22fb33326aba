"""Label versions: publishing, opening, listing and verifying them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from occlabel.pipeline.planning.plan import Plan
from occlabel.pipeline.planning.recipe import Recipe, parse_recipe
from occlabel.pipeline.published.gates import check_gates
from occlabel.schemas.errors import GateFailed, StoreError
from occlabel.schemas.receipt import Receipt
from occlabel.schemas.stage import LabelSpace
from occlabel.schemas.version import VersionFrame, VersionInfo, content_digest
from occlabel.workers.store import Store, safe_name

_INFO = b"occlabel"
_OBJECTS = ("digests", "sources")
"""Columns that hold JSON. Versions from before there were several stages to take arrays from have no sources."""


@dataclass(frozen=True)
class PublishedFrame:
    """One labelled frame of a published version."""

    store: Store
    row: VersionFrame

    @property
    def log(self) -> str:
        return self.row.log

    @property
    def name(self) -> str:
        return self.row.name

    def holds(self, array: str) -> bool:
        return array in self.row.digests

    def load(self, array: str) -> NDArray[np.generic]:
        """``array`` over the grid, [x, y, z]. Raises StoreError when the version has no such array."""
        from occlabel.workers.artifact import Artifact

        if not self.holds(array):
            raise StoreError(f"the version has no array {array!r}, only {', '.join(sorted(self.row.digests))}")
        artifact = Artifact(self.store, *self.row.source(array), self.row.log)
        return artifact.read(array, self.row.index, self.row.index + 1)[0]


class PublishedVersion:
    """A version, opened for reading."""

    def __init__(self, store: Store, info: VersionInfo, rows: list[VersionFrame]) -> None:
        self.store = store
        self.info = info
        self._rows = rows

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def logs(self) -> tuple[str, ...]:
        return self.info.logs

    @property
    def recipe(self) -> Recipe:
        return parse_recipe(yaml.safe_load(self.info.recipe), f"of version {self.name}")

    @property
    def space(self) -> LabelSpace:
        return self.recipe.space

    def frames(self, log: str | None = None) -> Iterator[PublishedFrame]:
        """The labelled frames, log by log in time. Raises StoreError for a log that is not in the version."""
        if log is not None and log not in self.logs:
            raise StoreError(f"version {self.name} has no log {log!r}; it has {', '.join(self.logs[:20])}")
        for row in self._rows:
            if log is None or row.log == log:
                yield PublishedFrame(self.store, row)

    def verify(self) -> list[str]:
        """Reads every voxel again; one sentence for each frame whose digest differs or that cannot be read."""
        from occlabel.workers.artifact import frame_digests

        problems = []
        for frame in self.frames():
            for array, expected in frame.row.digests.items():
                try:
                    found = frame_digests(frame.load(array)[None])[0]
                except Exception as error:  # a torn shard can fail in any codec; all of them are reported
                    problems.append(f"{frame.log} frame {frame.name}: {array} cannot be read: {error}")
                    continue
                if found != expected:
                    problems.append(f"{frame.log} frame {frame.name}: {array} is not what was published")
        return problems


def version_names(store: Store) -> list[str]:
    return [name.removesuffix(".parquet") for name in store.names("versions")[1] if name.endswith(".parquet")]


def open_version(spec: str) -> PublishedVersion:
    """The version ``STORE@NAME`` (``STORE@latest`` or ``STORE`` alone: the newest). Raises StoreError."""
    location, _, name = spec.rpartition("@") if "@" in spec else (spec, "", "latest")
    store = Store(location)
    if not store.exists():
        raise StoreError(f"there is no store at {location}")
    if name == "latest":
        name = (store.get("versions/latest") or b"").decode()
        if not name:
            raise StoreError(f"{location} has no published version yet")
    content = store.get(f"versions/{name}.parquet") if name in version_names(store) else None
    if content is None:
        raise StoreError(f"{location} has no version {name!r}; it has {', '.join(version_names(store)) or 'none'}")
    return PublishedVersion(store, *_decode(content))


def published(store: Store, name: str) -> VersionInfo | None:
    """What the version says about itself, None when there is no such version."""
    content = store.get(f"versions/{safe_name(name, 'version')}.parquet")
    return None if content is None else _decode(content)[0]


def collect(store: Store, plan: Plan) -> tuple[list[VersionFrame], list[float], dict[str, str]]:
    """The frames whose clips are committed to the end, the known share of each, and the clips that are not.

    An array is published as the last stage that writes it left it. A frame is damaged when any stage on its way had to
    do without one of its sensor files.
    """
    stages = plan.recipe.stages()
    last_writers = {name: index for index, stage in enumerate(stages) for name in stage.written}
    rows: list[VersionFrame] = []
    known: list[float] = []
    missing = dict(plan.refused)
    for log in plan.logs:
        for clip in log.clips(plan.recipe.clip_frames):
            pairs = zip(stages, log.fingerprints, strict=True)
            receipts = [store.receipt(stage.slot, fingerprint, clip) for stage, fingerprint in pairs]
            writers = {name: receipts[index] for name, index in last_writers.items()}
            there = {name: receipt for name, receipt in writers.items() if receipt is not None}
            final = receipts[-1]
            if final is None or len(there) < len(writers):
                missing[f"{log.id} {clip.name}"] = "not labelled; see the quarantine"
                continue
            damaged: dict[int, list[str]] = {}
            for damage in (damage for receipt in receipts if receipt is not None for damage in receipt.damaged):
                damaged.setdefault(damage.frame, []).append(f"{damage.sensor}: {damage.error}")
            rows.extend(_rows(final, there, damaged))
            known.extend(there["semantics"].known)
    return rows, known, missing


def publish(store: Store, plan: Plan, name: str) -> VersionInfo:
    """Publishes what the plan's last stage has committed, as version ``name``, in one atomic write.

    Publishing the same content under the same name again changes nothing. Raises GateFailed (nothing is published)
    and StoreError when the name is taken by other content.
    """
    rows, known, missing = collect(store, plan)
    planned = sum(log.frames for log in plan.logs)
    gates = check_gates(plan.recipe.gates, planned, known)
    info = VersionInfo(
        name=safe_name(name, "version"),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        code=metadata.version("occlabel"),
        recipe=plan.recipe.to_yaml(),
        logs=tuple(sorted({row.log for row in rows})),
        frames=len(rows),
        missing=missing,
        gates=gates,
        content_digest=content_digest(rows),
    )
    taken = published(store, name)
    if taken is None and (failed := [gate for gate in gates if not gate.passed]):
        found = "; ".join(f"{gate.gate} is {gate.found:.3f}, required {gate.required}" for gate in failed)
        raise GateFailed(f"version {name} was not published: {found}. The labels are in the store; see the quarantine")
    if taken is None and store.create(f"versions/{name}.parquet", _encode(info, rows)):
        store.put("versions/latest", name.encode())
        return info
    taken = taken or published(store, name)
    assert taken is not None  # it was there a moment ago, and versions are never deleted by a run
    if taken.content_digest != info.content_digest:
        raise StoreError(
            f"version {name} was published before with other content, and versions never change; "
            "the labels of this run are in the store, publish them by running again with another --version"
        )
    return taken


def _rows(final: Receipt, writers: dict[str, Receipt], damaged: dict[int, list[str]]) -> Iterator[VersionFrame]:
    elsewhere = {name: (r.slot, r.fingerprint) for name, r in writers.items() if r is not final}
    for i, name in enumerate(final.frames):
        yield VersionFrame(
            log=final.log,
            index=final.start + i,
            name=name,
            slot=final.slot,
            fingerprint=final.fingerprint,
            digests={array: receipt.digests[array][i] for array, receipt in writers.items()},
            sources=elsewhere,
            damaged=tuple(damaged.get(final.start + i, ())),
        )


def _encode(info: VersionInfo, rows: list[VersionFrame]) -> bytes:
    """A parquet table, one row a frame, with ``info`` in the schema's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in ("log", "index", "name")}
    columns |= {name: [getattr(row, name) for row in rows] for name in ("slot", "fingerprint")}
    columns |= {name: [json.dumps(getattr(row, name), sort_keys=True) for row in rows] for name in _OBJECTS}
    columns["damaged"] = [list(row.damaged) for row in rows]
    schema = pa.schema(
        [
            ("log", pa.string()),
            ("index", pa.int64()),
            ("name", pa.string()),
            ("slot", pa.string()),
            ("fingerprint", pa.string()),
            *((name, pa.string()) for name in _OBJECTS),
            ("damaged", pa.list_(pa.string())),
        ],
        metadata={_INFO: info.model_dump_json().encode()},
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _decode(content: bytes) -> tuple[VersionInfo, list[VersionFrame]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # In this thread alone: a reader thread of Arrow that lets go of ``content`` while Python ends aborts the process.
    table = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(use_threads=False)
    info = VersionInfo.model_validate_json(table.schema.metadata[_INFO])
    objects = [name for name in _OBJECTS if name in table.column_names]
    rows = [VersionFrame(**row | {name: json.loads(row[name]) for name in objects}) for row in table.to_pylist()]
    return info, rows
