"""What no version reads is removed, and nothing else, wherever the removal ends and whoever runs beside it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from chain import MadeUpReader, Number, Smooth, small_recipe
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.collect import collect
from occlabel.pipeline.running.history import RunState, new_state, write_state
from occlabel.pipeline.running.holds import collecting, hold, last_collection
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import StoreError
from occlabel.workers.store import Store

LOGS = {"a": 10, "b": 6}


def label(root: Path, version: str = "v1", store: Store | None = None, **changes: Any) -> Report:
    reader = MadeUpReader(root, LOGS)
    recipe = small_recipe(**changes)
    return label_logs(recipe, reader, store or root / "store", version, workplace=Workplace("local"), quiet=True)


def stages(store: Path) -> dict[str, int]:
    """Stage -> pieces of it that have receipts."""
    found = [path.parts[-3] for path in store.glob("receipts/*/*/*")]
    return {stage: found.count(stage) for stage in sorted(set(found))}


def versions(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["versions", *map(str, arguments)])
    return result.exit_code, result.output + str(result.exception or "")


def grown_old(store: Path, days: float = 30.0) -> None:
    then = time.time() - days * 86400
    for path in (path for path in store.rglob("*") if path.is_file() and "runs" not in path.parts):
        os.utime(path, (then, then))


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 and v2 differ in an option of voting, so they share completion; all of it a month old."""
    root = tmp_path_factory.mktemp("two")
    label(root)
    label(root, "v2", second=Smooth(radius=2))
    grown_old(root / "store")
    return root


@pytest.fixture
def store(two_versions: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_versions / "store", tmp_path / "store"))  # with its times


def test_what_a_removed_version_alone_read_goes_and_what_it_shared_stays(store: Path) -> None:
    assert stages(store) == {"completion": 2, "voting": 4}
    assert versions("gc", store) == (
        0,
        f"intermediate, versions were made from it: {size(store, 'completion')} (completion {size(store, 'completion')}"
        f" of 2 logs)\n  to make it again takes {cost(store)}; kept without --intermediate\nremoved 0 B\n",
    )
    code, said = versions("rm", f"{store}@v1")
    assert code == 0 and f"versions gc {store}" in said
    assert stages(store) == {"completion": 2, "voting": 4}  # a removed version is published again for nothing
    (store / "collecting").unlink()
    before = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    facts = json.loads(versions("gc", store, "--dry-run", "--json")[1])
    assert stages(store) == {"completion": 2, "voting": 4}
    assert {key.split("/")[0] for key in facts["removed"]} == {"voting"} and len(facts["removed"]) == 2
    assert "removed" in versions("gc", store)[1]
    assert stages(store) == {"completion": 2, "voting": 2}
    (store / "collecting").unlink()
    assert sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) == before - facts["removed_bytes"]
    assert open_version(f"{store}@v2").verify() == []
    assert len(list(store.glob("artifacts/voting/*"))) == 2, "no empty folders stay"


def size(store: Path, stage: str) -> str:
    found = [path for top in ("artifacts", "receipts") for path in store.glob(f"{top}/{stage}/**/*") if path.is_file()]
    return f"{sum(path.stat().st_size for path in found) / 1000:.1f} kB"


def cost(store: Path) -> str:
    """The seconds of completion in the history of the one run that did it."""
    (run, *_) = sorted(store.glob("runs/*/state.json"), key=lambda path: json.loads(path.read_text())["started"])
    done = json.loads(run.read_text())["stages"][0]
    return f"about {sum(done[part] for part in ('load', 'setup', 'process', 'write')):.3g} worker seconds"


def test_intermediate_pieces_go_when_asked_and_are_made_again_when_needed(store: Path, tmp_path: Path) -> None:
    assert versions("gc", store, "--intermediate")[0] == 0
    assert stages(store) == {"voting": 4}
    assert [open_version(f"{store}@{name}").verify() for name in ("v1", "v2")] == [[], []]
    assert label(tmp_path, "v1").run is None, "the version needs nothing of it"
    report = label(tmp_path, "v3", second=Smooth(radius=3))
    assert report.run is not None
    assert [(one.stage, one.done) for one in report.run.stages] == [("completion", 5), ("voting", 5)]


def test_what_is_young_stays(store: Path) -> None:
    grown_old(store, 2.0)
    remove_by_hand(store, "v1")
    code, said = versions("gc", store)
    assert code == 0 and "kept, not older than 7 days" in said and said.endswith("removed 0 B\n")
    assert stages(store)["voting"] == 4
    assert not versions("gc", store, "--older-than", 1)[1].endswith("removed 0 B\n")
    assert stages(store)["voting"] == 2


def remove_by_hand(store: Path, version: str) -> None:
    (store / f"versions/{version}.parquet").unlink()


def a_run(store: Path, name: str, ago: float = 0.0) -> RunState:
    state = new_state(f"version {name}", [])
    write_state(Store(store), state)
    state.heartbeat -= ago
    (store / f"runs/{state.run}/state.json").write_text(state.model_dump_json())
    return state


@pytest.mark.parametrize(("ago", "stay"), [(0.0, True), (1800.0, True), (30 * 86400.0, False)])
def test_what_a_run_holds_stays_while_it_goes_on_and_for_a_while_after_it_was_killed(
    store: Path, ago: float, stay: bool
) -> None:
    keys = ["/".join(path.parts[-3:]) for path in store.glob("receipts/*/*/*")]
    for version in ("v1", "v2"):
        remove_by_hand(store, version)
    state = a_run(store, "v3")
    hold(Store(store), state, keys)
    state.heartbeat -= ago
    (store / f"runs/{state.run}/state.json").write_text(state.model_dump_json())
    for intermediate in (False, True):
        collect(Store(store), 0.0, intermediate)
    assert stages(store) == ({"completion": 2, "voting": 4} if stay else {})


def test_a_run_that_does_not_say_what_it_needs_is_waited_for(store: Path) -> None:
    a_run(store, "of an occlabel of before")
    remove_by_hand(store, "v1")
    code, said = versions("gc", store)
    assert code == 1 and "does not say what it reads: wait for its end" in said
    assert stages(store)["voting"] == 4


def test_no_run_begins_while_pieces_are_removed_and_one_can_when_the_collector_was_killed(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting(Store(store)):
        with pytest.raises(StoreError, match=r"is being removed from .* run again when it has ended"):
            label(tmp_path, "v3")
        with pytest.raises(StoreError, match="already: wait until it has ended"), collecting(Store(store)):
            pass
    assert label(tmp_path, "v3", third=Number()).state == "complete"
    with pytest.raises(KeyboardInterrupt), collecting(Store(store)):
        monkeypatch.setattr("occlabel.pipeline.running.holds.Collecting.say", lambda *_, **__: None)
        raise KeyboardInterrupt  # killed: nobody says that it ended
    with pytest.raises(StoreError, match="run again"):
        label(tmp_path, "v4", third=Number())
    monkeypatch.setattr("occlabel.pipeline.running.holds.SILENT_AFTER", 0.0)
    assert label(tmp_path, "v4", third=Number()).state == "complete"


def test_a_collector_that_slept_removes_nothing_more(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting(Store(store)) as sign:
        sign.check()
        clock = time.time
        monkeypatch.setattr("occlabel.pipeline.running.holds.time.time", lambda: clock() + 40)
        sign.beat()
        with pytest.raises(StoreError, match="this was stopped for 40 s"):
            sign.check()


def test_a_collector_that_takes_long_to_look_goes_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occlabel.pipeline.running.holds._BEAT", 0.05)
    monkeypatch.setattr("occlabel.pipeline.running.holds.SILENT_AFTER", 1.0)
    with collecting(Store(store)) as sign:
        time.sleep(1.5)
        sign.check()
        with pytest.raises(StoreError, match="is being removed"):
            label(store.parent, "v9")


def test_what_goes_between_a_plan_and_its_run_is_made_again(store: Path, tmp_path: Path) -> None:
    """The plan finds all of v1 committed; then it is collected; then the run begins."""
    remove_by_hand(store, "v1")

    class Slow(Store):
        """Between the plan and the run, a collection runs to its end."""

        once = True

        def put(self, path: str, content: bytes) -> None:
            if path.endswith("holds.json") and self.once:
                self.once = False
                assert collect(Store(self.location), 0.0, intermediate=True).removed
            super().put(path, content)

    report = label(tmp_path, "v1", Slow(store))
    assert report.state == "complete" and report.run is not None
    assert open_version(f"{store}@v1").verify() == []


def test_a_manifest_that_cannot_be_read_ends_the_collection(store: Path) -> None:
    remove_by_hand(store, "v1")
    manifest = store / "versions/v2.parquet"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    code, said = versions("gc", store, "--intermediate")
    assert code == 1 and "What version v2 reads is not known" in said
    assert stages(store) == {"completion": 2, "voting": 4}
    assert versions("rm", f"{store}@v2")[0] == 0
    assert versions("gc", store)[0] == 0 and stages(store) == {}


class Dying(Store):
    """Is killed at the operation of this number that changes the store."""

    def __init__(self, location: str | Path, reached: bool = False, alive: int = 10**9) -> None:
        super().__init__(location, reached)
        self.alive = alive

    def _count(self) -> None:
        self.alive -= 1
        if self.alive < 0:
            raise KeyboardInterrupt

    def put(self, path: str, content: bytes) -> None:
        self._count()
        super().put(path, content)

    def create(self, path: str, content: bytes) -> bool:
        self._count()
        return super().create(path, content)

    def delete(self, path: str) -> None:
        self._count()
        super().delete(path)

    def remove(self, path: str) -> None:
        for lying in sorted(self.lying(path), key=lambda one: one.path):  # one by one, to be killed between two
            self._count()
            super().delete(lying.path)
        super().remove(path)


def test_a_collection_that_is_killed_anywhere_leaves_a_whole_store_and_goes_on(store: Path, tmp_path: Path) -> None:
    remove_by_hand(store, "v1")
    for alive in (0, 1, 3, 8):  # each goes on where the one before ended
        try:
            collect(Dying(store, alive=alive), 0.0, intermediate=True)
            break
        except KeyboardInterrupt:
            (store / "collecting").unlink(missing_ok=True)  # a minute later
        assert open_version(f"{store}@v2").verify() == []
    collect(Store(store), 0.0, intermediate=True)
    assert stages(store) == {"voting": 2}
    assert {path.parts[-3] for path in store.glob("artifacts/*/*/*")} == {"voting"}
    assert label(tmp_path, "v1").state == "complete"
    assert [open_version(f"{store}@{name}").verify() for name in ("v1", "v2")] == [[], []]


def test_the_bytes_of_a_store_are_told_to_the_last(store: Path) -> None:
    facts = json.loads(versions("du", store, "--json")[1])
    real = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    parts = ("published", "intermediate", "held_by_runs", "no_version_needs")
    assert facts["total"] == real == sum(facts[part] for part in parts) + sum(facts["other"].values())
    assert facts["shared"] == 0 and facts["no_version_needs"] == 0 and facts["intermediate"] > 0
    own = {name: row["own_bytes"] for name, row in facts["versions"].items()}
    remove_by_hand(store, "v1")
    after = json.loads(versions("du", store, "--json")[1])
    assert after["no_version_needs"] == own["v1"]
    shown = versions("du", store)[1]
    assert "intermediate" in shown and "no version needs" in shown and "total" in shown


def test_what_several_versions_read_is_counted_once(store: Path, tmp_path: Path) -> None:
    label(tmp_path, "again", second=Smooth(radius=2))
    facts = json.loads(versions("du", store, "--json")[1])
    assert facts["versions"]["again"]["own_bytes"] == facts["versions"]["v2"]["own_bytes"] == 0
    assert facts["shared"] == facts["versions"]["v2"]["bytes"] == facts["versions"]["again"]["bytes"]
    assert last_collection(Store(store)) == b""
