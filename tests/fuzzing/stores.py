"""A store with a version, a job, a history and a quarantine entry, and a city map; and all that is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from chain import MadeUpReader, Number, small_recipe
from fuzzing.reading import Reading

from occlabel.pipeline.delivery.city_map.files import export_ply
from occlabel.pipeline.delivery.city_map.make import MapReport, make_map
from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.pipeline.planning.fingerprint import digest_of
from occlabel.pipeline.published.version import open_version, version_names
from occlabel.pipeline.running import loop
from occlabel.pipeline.running.history import run_states
from occlabel.pipeline.running.jobs import Job, run_job
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.quarantine import ClipEntry, read_entry, write_entry
from occlabel.pipeline.running.workplace import Workplace
from occlabel.workers import trouble
from occlabel.workers.map_store import MapStore
from occlabel.workers.store import Store

LOGS = {"a": 3, "b": 1}
HERE = Workplace("local")
_ENTRY = "quarantine/run/completion-a-000000-000002.json"


class Count(Job):
    """A job whose result is a hundred times the name of its unit."""

    name: ClassVar[str] = "count"
    version: ClassVar[int] = 1

    def fingerprint(self, unit: str) -> str:
        return digest_of([self.name, unit])

    def work(self, unit: str) -> bytes:
        return unit.encode() * 100


def _label(root: Path, version: str) -> Report:
    reader = MadeUpReader(Path("/logs"), LOGS)
    recipe = small_recipe(clip_frames=2, third=Number())
    return label_logs(recipe, reader, Store(root / "store"), version, workplace=HERE, quiet=True)


def store(root: Path) -> None:
    """``store`` and, of its version, ``map``. From then on nobody waits for a store: here none comes back."""
    trouble._LOCAL = 0.05
    loop._PAUSE = loop._LONGEST_PAUSE = 0.001
    report, target = _label(root, "v1"), Store(root / "store")
    run_job(Count(), ["a", "b"], target, HERE, quiet=True)
    make_map(open_version(f"{root}/store@v1"), MapStore(f"{root}/map"))
    entry = ClipEntry(
        run="run",
        stage="completion",
        unit="a-000000-000002",
        cause="data",
        error="labels out of range",
        fingerprint="f00",
        log="a",
        start=0,
        stop=2,
        log_digest="d00",
        logs="/logs",
        reader=None,
        recipe=report.plan.recipe.to_yaml(),
    )
    write_entry(target, entry)


def read_store(root: Path) -> Reading:
    """Looks at all there is, labels again under the old name and under a new one, and runs the job again."""
    reading = Reading()
    reading.attempt(_look, Store(root / "store"))
    found = reading.attempt(open_version, f"{root}/store@latest")
    reading.words += [] if found is None else found.verify()
    _read_version(reading, root, "v1", "before")
    for version in ("v1", "v2"):
        report = reading.attempt(_label, root, version)
        if report is not None:
            reading.words += [entry.error for entry in report.entries] + [report.message] * bool(report.message)
            reading.put(f"{version}/content", None if report.info is None else report.info.content_digest)
            _read_version(reading, root, version, version)
    job = reading.attempt(run_job, Count(), ["a", "b"], Store(root / "store"), HERE, quiet=True)
    if job is not None:
        reading.put("job", np.frombuffer(b"".join(job.results.values()), np.uint8))
    return reading


def _look(target: Store) -> None:
    """As ``status`` and ``replay`` do. What runs say of themselves is for people: nothing is decided by it."""
    target.check_layout()
    version_names(target)
    sum(len(target.committed(*artifact)) for artifact in target.artifacts())
    run_states(target)
    read_entry(f"{target.location}/{_ENTRY}")


def _read_version(reading: Reading, root: Path, name: str, key: str) -> None:
    version = reading.attempt(open_version, f"{root}/store@{name}")
    for frame in version.frames() if version is not None else ():
        for array in frame.row.arrays:
            reading.put(f"{key}/{frame.log}/{frame.name}/{array}", reading.attempt(frame.load, array))
        reading.put(f"{key}/{frame.log}/{frame.name}/pose", frame.world_from_grid)


def read_map(root: Path) -> Reading:
    """Exports the map, and makes it again."""
    reading = Reading()
    _read_tiles(reading, root, "before")
    made = reading.attempt(_made, root)
    if made is not None:
        _read_tiles(reading, root, "after")
    return reading


def _made(root: Path) -> MapReport:
    return make_map(open_version(f"{root}/store@v1"), MapStore(f"{root}/map"))


def _read_tiles(reading: Reading, root: Path, key: str) -> None:
    target = MapStore(f"{root}/map")
    index = reading.attempt(target.index)
    if index is None:
        reading.words.append(f"there is no map in {root}/map: no index.json")
        return
    reading.put(f"{key}/index", index.model_dump_json())
    for tile in index.tiles:
        blocks = reading.attempt(load_tile, target, tile)
        if blocks is not None:
            for name in ("blocks", "semantics", "confidence", "support"):
                reading.put(f"{key}/{tile.path}/{name}", getattr(blocks, name))
    for world in index.worlds:
        ply = root / f"{key}.ply"
        if reading.attempt(export_ply, target, index, world, ply) is not None:
            reading.put(f"{key}/{world}/ply", np.frombuffer(ply.read_bytes(), np.uint8))
