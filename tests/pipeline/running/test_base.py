"""A version that grows: yesterday's logs by reference, tonight's labelled, and what changed written down."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chain import MadeUpReader, Smooth, Voxelise, small_recipe
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.diff.change import Change
from occlabel.pipeline.published.latest import set_tag
from occlabel.pipeline.published.removal import remove_version
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.collect import collect
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import DriveLog, Frame
from occlabel.schemas.errors import StoreError
from occlabel.workers.store import Store

YESTERDAY, TONIGHT = {"a": 6, "b": 4}, {"c": 5}


@dataclass(frozen=True)
class ShiftedReader(MadeUpReader):
    """The same ids of logs, driven elsewhere."""

    def _frame(self, log_id: str, index: int) -> Frame:
        frame = super()._frame(log_id, index)
        assert frame.world_from_ego is not None
        frame.world_from_ego[1, 3] = 7.0
        return frame

    def logs(self, ids: list[str] | None = None) -> Any:
        for log in super().logs(ids):
            yield DriveLog(log.id, f"another {log.stamp}", f"another {log.text}", log.frames)


def label(
    root: Path, logs: dict[str, int], version: str, base: str | None = None, kind: type = MadeUpReader, **changes: Any
) -> Report:
    recipe, reader = small_recipe(**changes), kind(root, logs)
    return label_logs(recipe, reader, root / "store", version, base=base, workplace=Workplace("local"), quiet=True)


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base")
    label(root, YESTERDAY, "v1")
    return root


@pytest.fixture
def root(yesterday: Path, tmp_path: Path) -> Path:
    shutil.copytree(yesterday / "store", tmp_path / "store")
    return tmp_path


def test_yesterdays_logs_are_in_it_without_being_there(root: Path) -> None:
    before = set((root / "store").rglob("*.json"))
    report = label(root, TONIGHT, "v2", "v1")
    assert report.run is not None and [stage.total for stage in report.run.stages] == [2, 2]
    grown, base = open_version(f"{root}/store@v2"), open_version(f"{root}/store@v1")
    assert grown.logs == ("a", "b", "c") and grown.info.frames == 15
    assert grown.verify() == []
    assert [frame.row for frame in grown.frames() if frame.log != "c"] == [frame.row for frame in base.frames()]
    written = [path.parts for path in set((root / "store").rglob("*.json")) - before]
    assert {parts[-2] for parts in written if "receipts" in parts} == {"c"}
    together = label(root / "other", {**YESTERDAY, **TONIGHT}, "all").info
    assert together is not None and together.content_digest == grown.info.content_digest
    assert sorted(grown.info.provenance.logs) == ["a", "b", "c"] and grown.info.provenance.base == "v1"


def test_labels_from_another_place_are_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = Change("completion.path", "/monday", "/tuesday", "completion", decides=False)
    monkeypatch.setattr("occlabel.pipeline.published.base.moved_places", lambda *infos: [moved])
    said = "the logs of the base v1 were labelled from another place (completion.path /monday -> /tuesday): if other"
    assert any(caution.startswith(said) for caution in label(root, TONIGHT, "v2", "v1").plan.cautions)
    assert not label(root, YESTERDAY, "v3", "v1").plan.cautions, "it adds nothing of the base"


def test_it_grows_night_by_night_and_a_run_again_changes_nothing(root: Path) -> None:
    label(root, TONIGHT, "v2", "latest")
    label(root, {"d": 3}, "v3", "latest")
    assert open_version(f"{root}/store").logs == ("a", "b", "c", "d")
    manifest = (root / "store/versions/v3.parquet").read_bytes()
    assert label(root, {"d": 3}, "v3", "latest").state == "complete"  # its base is itself now
    assert label(root, {"d": 3}, "v3", "v2").state == "complete"
    assert (root / "store/versions/v3.parquet").read_bytes() == manifest
    with pytest.raises(StoreError, match="without a, b, c"):
        label(root, {"d": 3}, "v3")


def test_a_log_that_both_have_counts_once_and_what_it_lacked_is_added(root: Path) -> None:
    label(root, {"a": 6, "c": 5}, "v2", "v1")
    assert open_version(f"{root}/store@v2").info.frames == 15


def test_a_refused_log_that_the_base_has_is_labelled_and_another_is_not(root: Path) -> None:
    every = small_recipe(gates={"min_labelled": 1.0})
    options: dict[str, Any] = {"base": "v1", "workplace": Workplace("local"), "quiet": True}
    blind = MadeUpReader(root, {"a": 6, "c": 5}, blind=("a",))
    report = label_logs(every, blind, root / "store", "v2", **options)
    assert report.info is not None and report.info.logs == ("a", "b", "c")
    blind = MadeUpReader(root, {"c": 5, "d": 5}, blind=("d",))
    report = label_logs(every, blind, root / "store", "v3", **options)
    assert report.info is None and "min_labelled is 0.500, required 1.0. " in report.message
    assert "; 1 log was refused (log d has no LiDAR scans, " in report.message


def test_damage_is_counted_for_the_version_and_for_what_is_in_it_by_reference(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(logs: dict[str, int], version: str, base: str | None, *damaged: str) -> list[str]:
        reader = MadeUpReader(root, logs, damaged=damaged)
        label_logs(
            small_recipe(), reader, root / "other", version, base=base, workplace=Workplace("local"), quiet=True
        ).print()
        return capsys.readouterr().out.splitlines()

    assert f"published {root}/other@v1: 10 frames, 1 with damaged sensor files" in printed(
        YESTERDAY, "v1", None, "a/000002"
    )
    for version, damaged, count in (("v2", (), 1), ("v3", ("d/000001",), 2)):
        lines = printed({"c" if version == "v2" else "d": 5}, version, "v1", *damaged)
        assert f"published {root}/other@{version}: 15 frames, {count} with damaged sensor files" in lines
        held = "  of these by reference, from v1: 10 frames of 2 logs, 1 with damaged sensor files"
        assert held in lines and lines[-1] == ("quarantine" if damaged else "complete")


def test_the_base_may_go_and_its_labels_stay(root: Path) -> None:
    label(root, TONIGHT, "v2", "v1")
    remove_version(Store(root / "store"), "v1")
    collect(Store(root / "store"), 0.0, intermediate=True)
    assert open_version(f"{root}/store@v2").verify() == []


def test_a_base_that_lost_labels_is_refused_before_anything_is_computed(root: Path) -> None:
    _shard(root, "a").unlink()
    refused = r"v1 cannot be the base: labels of log a \(frames: 4, the first 000000\) are not in .*/store as they were"
    with pytest.raises(StoreError, match=refused):
        label(root, TONIGHT, "v2", "v1")
    assert not list((root / "store/receipts").rglob("c/*.json"))
    label(root, YESTERDAY, "v1")
    assert label(root, TONIGHT, "v2", "v1").state == "complete", "labelled again its logs are what they were"
    assert open_version(f"{root}/store@v2").verify() == []


def test_what_the_base_loses_during_the_run_is_not_published(root: Path) -> None:
    @dataclass(frozen=True)
    class Losing(MadeUpReader):
        def points(self, sweep: Any) -> Any:
            _shard(root, "b").unlink(missing_ok=True)
            return super().points(sweep)

    with pytest.raises(StoreError, match=r"v1 cannot be the base: labels of log b"):
        label(root, TONIGHT, "v2", "v1", Losing)
    assert not (root / "store/versions/v2.parquet").exists()


def test_labels_of_the_base_that_are_whole_need_no_receipt(root: Path) -> None:
    for receipt in (root / "store/receipts/voting").rglob("*.json"):
        receipt.unlink()
    assert label(root, TONIGHT, "v2", "v1").state == "complete"


def _shard(root: Path, log: str) -> Path:
    """The voted semantics of the log's first clip."""
    (shard,) = (root / "store/artifacts/voting").glob(f"*/{log}/semantics/c/0/0/0/0")
    return shard


def test_another_log_of_the_same_id_is_refused(root: Path) -> None:
    with pytest.raises(StoreError, match=r"it has another log a \(content, poses.*\), and a version has one log of"):
        label(root, {"a": 6, "c": 5}, "v2", "v1", ShiftedReader)
    assert label(root, TONIGHT, "v2", "v1", ShiftedReader).state == "complete"


def test_another_recipe_is_refused_with_what_differs(root: Path) -> None:
    for changes, what in (
        ({"second": Smooth(radius=2)}, r"another recipe \(second.radius 1 -> 2\)"),
        ({"first": Voxelise(label=11)}, r"another recipe \(first.label 9 -> 11\)"),
    ):
        with pytest.raises(StoreError, match=what):
            label(root, TONIGHT, "v2", "v1", **changes)
    assert label(root, TONIGHT, "v2", "v1", clip_frames=3).state == "complete", "where clips begin decides no label"


@pytest.mark.parametrize(
    ("base", "sentence"), [("v9", "has no version 'v9'; it has v1"), ("", "names no version after")]
)
def test_a_base_that_is_not_there_is_said(root: Path, base: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        label(root, TONIGHT, "v2", base)


def test_no_version_takes_the_name_of_a_tag(root: Path) -> None:
    set_tag(Store(root / "store"), "good", "v1")
    with pytest.raises(StoreError, match="good is a tag of version v1"):
        label(root, TONIGHT, "good")
    assert label(root, TONIGHT, "v2", "good").state == "complete"


def test_what_changed_is_written_when_it_is_published(root: Path) -> None:
    label(root, TONIGHT, "v2", "v1")
    label(root, YESTERDAY, "v3", second=Smooth(radius=2))
    label(root, YESTERDAY, "v4")
    changes = {name: open_version(f"{root}/store@{name}").info.changes for name in ("v1", "v2", "v3", "v4")}
    assert changes["v1"] is None
    assert all(changes[name] is not None for name in ("v2", "v3", "v4"))
    assert (changes["v2"].since, changes["v2"].sentences) == ("v1", ("logs added: c",))  # type: ignore[union-attr]
    third = changes["v3"].sentences  # type: ignore[union-attr]
    assert third[0] == "second.radius 1 -> 2" and "logs removed: c" in third
    assert changes["v4"].since == "v3"  # type: ignore[union-attr]
    shown = CliRunner().invoke(app, ["versions", "show", f"{root}/store@v2"]).output
    assert "base            v1: its other logs are in it by reference" in shown and "since v1\n  logs added: c" in shown
    told = CliRunner().invoke(app, ["versions", "log", f"{root}/store"]).output
    assert [line.split()[0] for line in told.splitlines() if not line.startswith(" ")] == ["v4", "v3", "v2", "v1"]
    assert "  since v1 and grown from it\n    logs added: c\n" in told
    assert told.endswith("  the first version of its store\n")
    rows = json.loads(CliRunner().invoke(app, ["versions", "log", f"{root}/store", "--json"]).output)
    assert rows[-1]["changes"] is None and rows[-2]["base"] == "v1"


def test_a_version_before_that_cannot_be_read_ends_nothing(root: Path) -> None:
    manifest = root / "store/versions/v1.parquet"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    info = label(root, TONIGHT, "v2").info
    assert info is not None and info.changes is not None
    assert info.changes.sentences[0].startswith("not known: ")
    with pytest.raises(StoreError, match=r"v1.parquet is damaged"):
        label(root, TONIGHT, "v3", "v1")
