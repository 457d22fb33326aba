"""What is done to a store from outside: whoever reads it says so, and the next run mends it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chain import MadeUpReader, Number, small_recipe
from numpy.typing import NDArray
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.history import run_states
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import Sweep
from occlabel.schemas.errors import AlteredArtifact, StoreAway, StoreDenied, StoreError
from occlabel.schemas.receipt import Receipt
from occlabel.workers.store import Store

LOGS = {"a": 10, "b": 6}


def label(root: Path, version: str = "v1", recipe: Recipe | None = None) -> Report:
    place = Workplace("local")
    reader = MadeUpReader(root, LOGS)
    return label_logs(recipe or small_recipe(), reader, root / "store", version, workplace=place, quiet=True)


def shards(root: Path, stage: str, log: str = "a") -> list[Path]:
    """The shards of the clips of a log, of its semantics, in time."""
    (chunks,) = root.glob(f"store/artifacts/{stage}/*/{log}/semantics/c")
    return sorted(chunks.rglob("*/0/0/0"), key=lambda path: int(path.parts[-4]))


def receipts(root: Path, stage: str, log: str = "a") -> list[Path]:
    return sorted(root.glob(f"store/receipts/{stage}/*/{log}/*.json"))


def flip(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 16
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "cut": cut,
    "emptied": lambda path: path.write_bytes(b""),
    "a bit flipped": flip,
    "its index flipped": lambda path: flip(path, 0.99),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_shard_is_named_by_its_readers_and_made_again_by_a_run(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    first = label(tmp_path)
    damage(shards(tmp_path, "voting")[1])
    frames = list(open_version(f"{tmp_path}/store@v1").frames("a"))
    with pytest.raises(AlteredArtifact, match=r"artifacts/voting/.*/a/semantics"):
        for frame in frames[4:8]:
            frame[SEMANTICS]
    assert (frames[0][SEMANTICS] < 255).any()  # the other clips are as they were
    second = label(tmp_path, "v2")  # a new version is never published over it
    assert second.run is not None
    assert [(stage.stage, stage.done) for stage in second.run.stages] == [("completion", 0), ("voting", 1)]
    assert first.info is not None
    assert second.info is not None
    assert second.info.content_digest == first.info.content_digest
    assert open_version(f"{tmp_path}/store@v1").verify() == []


def test_rot_that_no_tag_tells_is_found_by_verify_and_then_made_again(tmp_path: Path) -> None:
    label(tmp_path)
    shard = shards(tmp_path, "voting")[0]
    before = shard.stat()
    with shard.open("r+b") as file:  # the same file, size and time: as a disk does it
        content = bytearray(file.read())
        content[len(content) // 2] ^= 1
        file.seek(0)
        file.write(content)
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    version = open_version(f"{tmp_path}/store@v1")
    assert label(tmp_path).run is None
    found = CliRunner().invoke(app, ["versions", "verify", f"{tmp_path}/store@v1", "--repair"])
    assert found.exit_code == 1
    assert "artifacts/voting" in found.output
    assert label(tmp_path).run is not None
    assert version.verify() == []


@pytest.mark.parametrize("damage", [*DAMAGE.values(), "exchanged"], ids=[*DAMAGE.keys(), "exchanged"])
def test_what_a_stage_reads_is_what_was_committed(tmp_path: Path, damage: Callable[[Path], object] | str) -> None:
    expected = label(tmp_path / "clean").info
    label(tmp_path, "single", small_recipe(second=None))  # completion is there, voting is not
    first, second, *_ = shards(tmp_path, "completion")
    if isinstance(damage, str):
        shutil.copy(second, first)
    else:
        damage(first)
    report = label(tmp_path)
    assert expected is not None
    assert report.info is not None
    assert report.info.content_digest == expected.content_digest
    assert report.state == "complete"


@dataclass(frozen=True)
class LosingReader(MadeUpReader):
    """Removes a folder of the store, once, when the second half of the last log is read."""

    lose: Path = Path()

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        mark = self.root / "lost"
        if sweep.path == Path("b/000004") and not mark.exists():
            mark.touch()
            shutil.rmtree(self.lose)
        return super().points(sweep)


@pytest.mark.parametrize("lost", ["artifacts", "receipts", "receipts/completion", "artifacts/voting"])
def test_what_is_lost_in_the_middle_of_a_run_is_made_again_in_it(tmp_path: Path, lost: str) -> None:
    expected = label(tmp_path / "clean", recipe=small_recipe(third=Number())).info
    report = label_logs(
        small_recipe(third=Number()),
        LosingReader(tmp_path / "clean", LOGS, lose=tmp_path / "store" / lost),
        tmp_path / "store",
        "v1",
        workplace=Workplace("local"),
        quiet=True,
    )
    assert (tmp_path / "clean/lost").exists()
    assert expected is not None
    assert report.info is not None
    assert report.info.content_digest == expected.content_digest
    assert (report.state, report.entries) == ("complete", [])
    assert open_version(f"{tmp_path}/store@v1").verify() == []


def test_a_damaged_receipt_counts_as_none(tmp_path: Path) -> None:
    first = label(tmp_path)
    for number, damage in enumerate((cut, flip, lambda path: path.write_bytes(b"\xff\xfe"), Path.unlink)):
        damage(receipts(tmp_path, "voting")[number % 2])
    shutil.copy(receipts(tmp_path, "voting", "b")[0], receipts(tmp_path, "completion", "b")[0])  # of another clip
    second = label(tmp_path, "v2")
    assert first.info is not None
    assert second.info is not None
    assert second.info.content_digest == first.info.content_digest
    assert second.run is not None


def test_receipts_without_arrays_count_as_none(tmp_path: Path) -> None:
    label(tmp_path, recipe=small_recipe(third=Number()))
    shutil.rmtree(tmp_path / "store/artifacts/voting")
    said = CliRunner().invoke(app, ["status", f"{tmp_path}/store"]).output
    assert "committed clips: completion 5, tracking 5, voting 0\n" in said
    report = label(tmp_path, "v2", small_recipe(third=Number(remembered=2)))
    assert report.state == "complete"
    assert open_version(f"{tmp_path}/store@v2").verify() == []


def test_a_copy_of_a_store_is_believed_after_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label(tmp_path)
    shutil.copytree(tmp_path / "store", tmp_path / "other/store", copy_function=shutil.copyfile)
    compared: list[str] = []
    real = Receipt.model_copy

    def model_copy(self: Receipt, **more: Any) -> Receipt:
        compared.append(self.log)
        return real(self, **more)

    monkeypatch.setattr(Receipt, "model_copy", model_copy)
    place, reader = Workplace("local"), MadeUpReader(tmp_path, LOGS)
    reports = [
        label_logs(small_recipe(), reader, tmp_path / "other/store", "v1", workplace=place, quiet=True) for _ in "ab"
    ]
    assert [report.run for report in reports] == [None, None]  # nothing was computed
    assert len(compared) == len(list(tmp_path.glob("store/receipts/*/*/*/*.json")))


def test_an_altered_manifest_is_never_believed(tmp_path: Path) -> None:
    label(tmp_path)
    manifest = tmp_path / "store/versions/v1.parquet"
    whole, found = manifest.read_bytes(), opened(tmp_path)
    refused = 0
    for place in np.linspace(0, 0.999, 60):
        flip(manifest, float(place))
        try:
            assert opened(tmp_path) == found  # a byte that no reader of parquet looks at
        except AlteredArtifact as error:
            assert "versions/v1.parquet" in str(error)
            refused += 1
        manifest.write_bytes(whole)
    assert refused > 20


def opened(root: Path) -> list[Any]:
    version = open_version(f"{root}/store@v1")
    return [version.info, *(frame.row for frame in version.frames())]


def test_one_damaged_version_is_named_and_the_others_are_listed(tmp_path: Path) -> None:
    label(tmp_path)
    label(tmp_path, "v2")
    cut(tmp_path / "store/versions/v1.parquet")
    listed = CliRunner().invoke(app, ["versions", "list", f"{tmp_path}/store", "--json"])
    assert listed.exit_code == 1
    assert [info["name"] for info in json.loads(listed.stdout)] == ["v2"]
    assert "versions/v1.parquet is damaged" in listed.stderr


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"\0"])
def test_a_lost_mark_of_the_layout_is_written_again(tmp_path: Path, content: bytes | None) -> None:
    label(tmp_path)
    (tmp_path / "store/layout").unlink()
    if content is not None:
        (tmp_path / "store/layout").write_bytes(content)
    assert open_version(f"{tmp_path}/store@v1").verify() == []
    assert label(tmp_path, "v2").state == "complete"
    assert (tmp_path / "store/layout").read_bytes() == b"2"


def test_a_copy_that_can_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label(tmp_path)
    shutil.copytree(tmp_path / "store", tmp_path / "copy/store", copy_function=shutil.copyfile)

    def refuse(self: Store, path: str, content: bytes) -> None:
        raise StoreAway(f"{self.location} is read-only")

    monkeypatch.setattr(Store, "put", refuse)
    said = CliRunner().invoke(app, ["status", f"{tmp_path}/copy/store"])
    assert said.exit_code == 0 and "committed clips: completion 5, voting 5" in said.output
    place, reader = Workplace("local"), MadeUpReader(tmp_path, LOGS)
    assert label_logs(small_recipe(), reader, tmp_path / "copy/store", "v1", workplace=place, quiet=True).info


def test_a_run_says_what_it_makes_again(tmp_path: Path) -> None:
    label(tmp_path)
    shards(tmp_path, "voting")[1].unlink()
    (said,) = label(tmp_path, "v2").plan.cautions
    assert said.startswith("1 clip is not in the store as its receipt says (voting a 000004-000008)")


def test_a_description_of_an_array_that_was_cut_is_written_again(tmp_path: Path) -> None:
    label(tmp_path)
    (about,) = tmp_path.glob("store/artifacts/voting/*/a/semantics/zarr.json")
    about.write_text(about.read_text()[:100])
    assert label(tmp_path, "v2").state == "complete"
    assert open_version(f"{tmp_path}/store@v1").verify() == []


def test_a_store_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        with pytest.raises(StoreAway, match="a file of that name, or of a folder above it, is in the way"):
            Store(tmp_path / place).put("a", b"1")
    with pytest.raises(StoreAway, match="s3://"):
        Store("foo://labels").put("a", b"1")


@pytest.mark.parametrize(
    ("place", "said"), [(shards, "a frame 000004: semantics: "), (receipts, "is a folder where a file belongs")]
)
def test_a_folder_where_a_file_belongs_is_named_and_repair_removes_it(
    tmp_path: Path, place: Callable[[Path, str], list[Path]], said: str
) -> None:
    label(tmp_path)
    path = place(tmp_path, "voting")[1]
    before = path.read_bytes()
    path.unlink()
    (path / "more").mkdir(parents=True)
    words = ["versions", "verify", f"{tmp_path}/store@v1"]
    for repair in ([], ["--repair"]):
        found = CliRunner().invoke(app, [*words, *repair])
        assert found.exit_code == 1
        assert said in found.output and "remove it" not in found.output
        with pytest.raises(StoreAway, match="is a folder where a file belongs") if not repair else nullcontext():
            label(tmp_path, "v2" if repair else "never")
    assert CliRunner().invoke(app, words).exit_code == 0
    assert place is receipts or path.read_bytes() == before


def test_a_full_disk_ends_the_run_in_a_sentence_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlabel.workers.trouble._LOCAL", 0.0)
    monkeypatch.setattr("occlabel.pipeline.running.loop._PAUSE", 0.001)
    real, written = Store.put, 0

    def put(self: Store, path: str, content: bytes) -> None:
        nonlocal written
        written += 1
        if written > 12 and content:
            self.patience.call(no_room)
        real(self, path, content)

    def no_room() -> None:
        raise OSError(28, "No space left on device (os error 28)")

    monkeypatch.setattr(Store, "put", put)
    with pytest.raises(StoreError, match=r"has no room left: make room; what is committed stays, run the same"):
        label(tmp_path)
    assert not list(tmp_path.glob("store/quarantine/*/*"))  # no clip is to blame
    told = CliRunner().invoke(app, ["status", f"{tmp_path}/store"]).output
    assert "aborted (the store had no room to say why)" in told and "running" not in told
    monkeypatch.setattr(Store, "put", real)
    assert label(tmp_path).state == "complete"
    assert [state.state for state in run_states(Store(tmp_path / "store"))] == ["aborted", "complete"]


def test_a_store_that_this_user_may_not_write_ends_the_run_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(tmp_path)
    asked = 0

    def put(self: Store, path: str, content: bytes) -> None:
        self.patience.call(refused, path, writes=True)

    def refused() -> None:
        nonlocal asked
        asked += 1
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Store, "put", put)
    with pytest.raises(StoreDenied, match=r"store cannot be written by this user .*, or choose another place$"):
        label(tmp_path, "v2")
    assert asked <= 4, "what is held, that it was aborted, and that in one word; nothing is asked again"
