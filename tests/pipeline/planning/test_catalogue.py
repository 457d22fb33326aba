"""What plans remember of logs: a file is read again when it changed, and only then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from occlabel.pipeline.planning import catalogue
from occlabel.pipeline.planning.catalogue import Catalogue, facts_of
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader, Sweep
from occlabel.schemas.errors import BadLog
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import RigCamera
from occlabel.stages.ingest.digest import Content, LogDigest, content_of
from occlabel.workers.store import Store

READ: list[str] = []
DIGESTED: list[str] = []


@dataclass(frozen=True)
class FolderReader:
    """A folder a log, a scan a file. ``monday`` is the stamp of the root, None for a reader that has none."""

    root: Path
    monday: str | None = None

    def log_ids(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir())

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log_id in ids or self.log_ids():
            READ.append(log_id)
            files = sorted((self.root / log_id).iterdir())
            if not files:
                raise BadLog(f"{log_id} is empty")
            digest = LogDigest()
            digest.add_text("log", log_id.encode())
            digest.add_files("scans", ((path.name, path.stat()) for path in files))
            frames = tuple(
                Frame(path.stem, i / 10, np.eye(4), (), Sweep(path, np.eye(4), 0.0)) for i, path in enumerate(files)
            )
            yield DriveLog(log_id, digest.stamp, digest.text, frames)

    def stamp(self) -> str | None:
        return self.monday


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for log in ("a", "b"):
        (tmp_path / "logs" / log).mkdir(parents=True)
        for scan in range(3):
            (tmp_path / "logs" / log / f"{scan}.bin").write_bytes(f"scan {scan} of {log}".encode())
    return tmp_path / "logs"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    def noted(log: DriveLog) -> Content:
        DIGESTED.append(log.id)
        return content_of(log)

    monkeypatch.setattr(catalogue, "content_of", noted)
    (tmp_path / "store").mkdir()
    return Store(tmp_path / "store")


def test_of_a_store_that_is_not_there_nothing_is_made(root: Path, tmp_path: Path) -> None:
    asked = catalogue_of(root, Store(tmp_path / "none/store"))
    assert asked.facts("a").frames == 3
    asked.remember()
    assert not (tmp_path / "none").exists()


def catalogue_of(root: Path, store: Store, monday: str | None = None) -> Catalogue:
    """It asks for no more than folders can say."""
    return Catalogue(cast("LogReader", FolderReader(root, monday)), store)


def look(root: Path, store: Store, monday: str | None = None) -> tuple[dict[str, LogFacts], list[str], list[str]]:
    """The facts as a plan asks for them, the logs that were read for them, and those whose files were."""
    READ.clear()
    DIGESTED.clear()
    found = catalogue_of(root, store, monday)
    facts = {log: found.facts(log) for log in found.log_ids()}
    found.remember()
    return facts, list(READ), list(DIGESTED)


def objects(store: Store) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(store.location).rglob("*.json")}


def test_files_are_read_once(root: Path, store: Store) -> None:
    facts, _, digested = look(root, store)
    assert digested == ["a", "b"]
    before = objects(store)
    assert look(root, store) == (facts, ["a", "b"], [])
    assert objects(store) == before


def test_a_touched_log_is_read_again_and_says_the_same(root: Path, store: Store) -> None:
    facts, *_ = look(root, store)
    os.utime(root / "a/1.bin", ns=(1, 1))
    again, *rest = look(root, store)
    assert rest == [["a", "b"], ["a"]]
    assert again["a"].stamp != facts["a"].stamp
    assert again == {**facts, "a": facts["a"].model_copy(update={"stamp": again["a"].stamp})}
    assert look(root, store) == (again, ["a", "b"], [])


def test_a_changed_log_changes_alone(root: Path, store: Store) -> None:
    facts, *_ = look(root, store)
    before = objects(store)
    (root / "a/1.bin").write_bytes(b"another scan")
    again, _, digested = look(root, store)
    assert digested == ["a"]
    assert again["a"].digest != facts["a"].digest
    assert again["a"].geometry == facts["a"].geometry
    assert again["b"] == facts["b"]
    after = objects(store)
    assert before.keys() == after.keys()
    assert sum(before[path] != after[path] for path in before) == 1


def test_a_copy_of_a_root_has_the_same_digests(root: Path, store: Store, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    facts, *_ = look(root, store)
    copied, _, digested = look(tmp_path / "copy", store)
    assert digested == ["a", "b"]
    assert {log: known.model_dump(exclude={"stamp"}) for log, known in copied.items()} == {
        log: known.model_dump(exclude={"stamp"}) for log, known in facts.items()
    }


def test_nothing_is_read_while_the_root_says_that_nothing_changed(root: Path, store: Store) -> None:
    facts, *_ = look(root, store, "monday")
    assert look(root, store, "monday") == (facts, [], [])
    assert look(root, store, "tuesday") == (facts, ["a", "b"], [])
    assert look(root, store, "tuesday") == (facts, [], [])


def test_a_log_of_before_is_not_taken_for_one_of_now(root: Path, store: Store) -> None:
    """Only some logs were looked at since the root changed: the others are, when they are asked for."""
    look(root, store, "monday")
    (root / "b/0.bin").write_bytes(b"another scan")
    found = catalogue_of(root, store, "tuesday")
    found.facts("a")
    found.remember()
    _, read, digested = look(root, store, "tuesday")
    assert (read, digested) == (["b"], ["b"])


@pytest.mark.parametrize("damage", [b"", b"{", b'{"logs": {"a": 5}}', b"\xff\xfe\x00"])
def test_damaged_objects_are_made_again(root: Path, store: Store, damage: bytes) -> None:
    facts, *_ = look(root, store, "monday")
    whole = objects(store)
    for path in whole:
        path.write_bytes(damage)
    assert look(root, store, "monday") == (facts, ["a", "b"], ["a", "b"])
    assert objects(store) == whole


def test_a_log_that_cannot_be_read_is_tried_again(root: Path, store: Store) -> None:
    for path in (root / "b").iterdir():
        path.unlink()
    found = catalogue_of(root, store, "monday")
    for _ in range(2):
        READ.clear()
        with pytest.raises(BadLog):
            found.facts("b")
        found.remember()
        assert READ == ["b"]


def test_what_could_not_be_read_is_not_remembered(root: Path, store: Store) -> None:
    (root / "a/1.bin").unlink()
    (root / "a/1.bin").mkdir()
    assert look(root, store)[2] == ["a", "b"]
    assert look(root, store)[2] == ["a"]


def test_work_is_saved_on_the_way(root: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_SAVE_SECONDS", -1.0)
    catalogue_of(root, store).facts("a")
    assert look(root, store)[2] == ["b"]


def drive(**changes: Any) -> DriveLog:
    fields: dict[str, Any] = {"name": "front", "path": Path("front.png"), "size": (64, 48), "time": 0.0}
    seen_from = {"intrinsics": np.diag([40.0, 40, 1]), "ego_from_camera": np.eye(4)}
    front = Camera(**{**fields, **seen_from, **changes})
    rear = Camera("rear", Path("rear.png"), None, None, 0.0, None)
    pose = np.eye(4)
    pose[:3, 3] = 1000 / 3, 0, -0.0
    frames = (
        Frame("f0", 0.0, pose, (front, rear), Sweep(Path("0.bin"), np.eye(4), 0.0)),
        Frame("f1", 0.1, None, (front,)),
    )
    return DriveLog("a", "stamp", "text", frames, ("odd",), "town")


def test_facts_say_what_a_log_has_and_lacks() -> None:
    facts = facts_of(drive(), "content")
    assert (facts.id, facts.digest, facts.warnings, facts.world) == ("a", "content", ("odd",), "town")
    assert (facts.names, facts.scans, facts.images, facts.poses) == (("f0", "f1"), 1, {"front": 2, "rear": 1}, 1)
    assert facts.rig.cameras[1] == RigCamera(name="rear", intrinsics=False, extrinsics=False)
    assert [facts.knows(array) for array in ("poses", "intrinsics", "extrinsics")] == [True] * 3


def test_geometry_is_what_the_log_wrote_and_nothing_else() -> None:
    log = drive()
    before = facts_of(log, "x").geometry
    assert facts_of(log, "y").geometry == before
    assert facts_of(drive(path=Path("elsewhere.png")), "x").geometry == before
    assert facts_of(drive(intrinsics=np.diag([41.0, 40, 1])), "x").geometry != before
    assert facts_of(drive(ego_from_camera=None), "x").geometry != before
    assert facts_of(log.part(0, 1), "x").geometry != before
    frame = log.frames[0]
    for moved in (1e-3, 1e-9):
        pose = frame.world_from_ego.copy()
        pose[1, 3] += moved
        other = DriveLog("a", "", "", (Frame("f0", 0.0, pose, frame.cameras, frame.sweep), log.frames[1]))
        assert (facts_of(other, "x").geometry == before) == (moved < 1e-6), "the last bits are the processor's"
