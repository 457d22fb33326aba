"""The run: resume, retries, quarantine, and the same labels whatever happens on the way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from chain import MadeUpReader, Number, ScriptedExecutor, Smooth, Voxelise, label, small_recipe
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.history import new_state, run_states
from occlabel.pipeline.running.loop import Loop, RunStalled
from occlabel.pipeline.running.quarantine import ClipEntry
from occlabel.pipeline.running.run import ChainWork, stages_of
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, OcclabelError, StoreError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.workers.executor import Executor, Pool
from occlabel.workers.store import Store
from occlabel.workers.unit import Failure


def calls(notes: Path) -> int:
    return len(list(notes.glob("*"))) if notes.exists() else 0


def execute(tmp_path: Path, executor: ScriptedExecutor, store: str = "store", **recipe: Any) -> Loop:
    reader, target = MadeUpReader(tmp_path, {"a": 10, "b": 6}), Store(tmp_path / store)
    target.check_layout(mark=True)
    plan = make_plan(small_recipe(**recipe), reader, target)
    work = ChainWork(plan, reader, "made-up", target)
    hands = cast("Executor", executor)  # it takes orders, and no other units
    loop = Loop(work, hands, target, new_state("version v1", stages_of(plan)), lambda _: None)
    loop.execute()
    return loop


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait."""
    monkeypatch.setattr("occlabel.pipeline.running.loop._PAUSE", 0.001)
    monkeypatch.setattr("occlabel.pipeline.running.loop._LONGEST_PAUSE", 0.001)


def test_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    recipe = small_recipe(first=Voxelise(notes=tmp_path / "notes"))
    first = label(tmp_path, recipe)
    done = calls(tmp_path / "notes")
    second = label(tmp_path, recipe)
    assert (first.state, second.state) == ("complete", "complete")
    assert calls(tmp_path / "notes") == done == 5
    assert second.run is None
    assert first.info.model_dump_json() == second.info.model_dump_json()


class _Spot(Voxelise):
    """One voxel of the first frame is known, and of others none."""

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            semantics = np.full((clip.frames, *space.grid.shape), UNKNOWN, np.uint8)
            semantics[0, 0, 0, 0] = self.label
            return {"semantics": semantics, "confidence": (semantics == self.label) * np.uint8(200)}

        return process


def test_a_frame_of_one_known_voxel_is_labelled_and_one_of_none_is_not(tmp_path: Path) -> None:
    recipe = small_recipe(grid=GRIDS["semantickitti"], first=_Spot(), second=None)
    info = label(tmp_path, recipe, MadeUpReader(tmp_path, {"a": 2})).info
    assert info.frames == 1
    assert info.missing == {"a frame 000001": "nothing is known of any voxel: nothing was predicted there"}


def test_changing_voting_does_not_compute_completion_again(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    label(tmp_path, small_recipe(first=Voxelise(notes=notes)))
    report = label(tmp_path, small_recipe(first=Voxelise(notes=notes), second=Smooth(radius=2)), version="v2")
    assert calls(notes) == 5
    assert report.run is not None
    assert [stage.total for stage in report.run.stages] == [0, 5]


def test_a_version_takes_each_array_from_the_stage_that_wrote_it_last(tmp_path: Path) -> None:
    label(tmp_path, small_recipe(), version="two")
    report = label(tmp_path, small_recipe(third=Number()), version="three")
    assert report.run is not None
    assert [stage.total for stage in report.run.stages] == [0, 0, 5]
    two, three = (open_version(f"{tmp_path / 'store'}@{name}") for name in ("two", "three"))
    assert not three.verify()
    for before, after in zip(two.frames(), three.frames(), strict=True):
        for name in ("semantics", "confidence", "support"):
            assert (before.load(name) == after.load(name)).all()
        assert "/tracking/" in after.row.arrays["instance"].path
        assert "/voting/" in after.row.arrays["semantics"].path
    assert [int(frame.load("instance").max()) for frame in three.frames("a")] == list(range(1, 11))


def test_clip_size_does_not_change_what_a_stage_remembers(tmp_path: Path) -> None:
    recipes = [small_recipe(clip_frames=n, third=Number(remembered=2)) for n in (1, 3, 16)]
    digests = {label(tmp_path, r, version=f"v{r.clip_frames}").info.content_digest for r in recipes}
    assert len(digests) == 1


def test_clip_size_does_not_change_the_labels(tmp_path: Path) -> None:
    digests = {label(tmp_path, small_recipe(clip_frames=n), version=f"v{n}").info.content_digest for n in (1, 3, 4, 16)}
    assert len(digests) == 1


def test_bad_data_is_quarantined_at_once_and_what_depends_on_it_is_named(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    recipe = small_recipe(first=Voxelise(notes=notes, faults={"a/8": ("raise",) * 9}), gates={"min_labelled": 0.1})
    report = label(tmp_path, recipe)
    assert report.state == "quarantine"
    (entry,) = report.entries
    assert (entry.cause, entry.log, entry.start, entry.attempts) == ("data", "a", 8, 1)
    assert "labels out of range" in entry.error
    assert "_misbehave" in entry.traceback
    assert entry.skipped == ("voting a 000004-000008", "voting a 000008-000010")
    names = [(f.log, f.name) for f in open_version(f"{tmp_path}/store@v1").frames()]
    assert names == [("a", f"{i:06d}") for i in range(4)] + [("b", f"{i:06d}") for i in range(6)]


def test_a_damaged_scan_is_named_by_each_run_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader = MadeUpReader(tmp_path, {"a": 10, "b": 6}, damaged=("a/000005",))
    label(tmp_path, reader=reader).print()
    first = capsys.readouterr().out
    assert "quarantine (damaged): completion a frames 4-7: a/000005 is truncated" in first
    assert "damaged: a frame" not in first
    label(tmp_path, reader=reader).print()  # there is nothing to do
    assert "damaged: a frame 000005: lidar: a/000005 is truncated\n" in capsys.readouterr().out


def test_a_damaged_scan_costs_its_frame_and_nothing_else(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 10, "b": 6}, damaged=("a/000005",))
    report = label(tmp_path, reader=reader)
    assert report.state == "quarantine"
    assert report.damaged == {"a frame 000005": ("lidar: a/000005 is truncated",)}
    assert [entry.cause for entry in report.entries] == ["damaged"]
    assert report.info is not None
    assert report.info.frames == 16
    filled = next(f for f in open_version(f"{tmp_path}/store@v1").frames("a") if f.name == "000005")
    assert (filled.load("semantics") != 255).any()  # voting filled it from its neighbours
    assert "truncated" in filled.row.damaged[0]
    shown = CliRunner().invoke(app, ["versions", "show", f"{tmp_path}/store@v1"]).stdout
    assert "damaged         a frame 000005: lidar: a/000005 is truncated\n" in shown
    asked = CliRunner().invoke(app, ["versions", "show", f"{tmp_path}/store@v1", "--json"]).stdout
    assert json.loads(asked)["damaged"] == {"a frame 000005": ["lidar: a/000005 is truncated"]}
    single = label(tmp_path, small_recipe(second=None), reader=reader, version="single")
    assert single.info is not None  # nobody else knew anything of the frame: it has no labels
    assert single.info.frames == 15
    assert "truncated" in single.info.missing["a frame 000005"]


def test_store_trouble_is_retried_and_a_deadly_clip_is_given_up_after_two_workers(tmp_path: Path) -> None:
    away, dead = Failure("store", "away"), Failure("crash", "died")
    script = {("completion", "a", 0): [away, away], ("completion", "b", 0): [dead, dead]}
    run = execute(tmp_path, ScriptedExecutor(script=script))
    (entry,) = run.entries
    assert isinstance(entry, ClipEntry)
    assert (entry.log, entry.cause, entry.attempts) == ("b", "crash", 2)
    assert [stage.done for stage in run.state.stages] == [4, 3]
    assert run.state.stages[1].skipped == 2
    assert run.state.retried == 3


def test_a_lost_machine_is_never_charged_to_a_clip(tmp_path: Path) -> None:
    script = {("completion", "a", 0): [Failure("node", "gone")] * 20, ("voting", "b", 4): [Failure("node", "gone")]}
    executor = ScriptedExecutor(script=script)
    run = execute(tmp_path, executor)
    assert run.entries == []
    assert [stage.done for stage in run.state.stages] == [5, 5]
    assert {order.attempt for order in executor.orders} == {1}
    assert run.state.retried == 21


def test_every_cause_counts_for_itself(tmp_path: Path) -> None:
    """Once the store and once a crash: neither happened twice."""
    script = {("completion", "a", 0): [Failure("store", "away"), Failure("node", "gone"), Failure("crash", "died")]}
    executor = ScriptedExecutor(script=script)
    assert execute(tmp_path, executor).entries == []
    assert [order.attempt for order in executor.orders if order.clip.start == 0][:4] == [1, 2, 2, 3]


def test_a_clip_that_takes_too_long_twice_is_given_up(tmp_path: Path) -> None:
    late = Failure("timeout", "took longer than 1 s and was killed")
    run = execute(tmp_path, ScriptedExecutor(script={("completion", "a", 0): [late, late]}))
    assert [(entry.cause, entry.attempts) for entry in run.entries] == [("timeout", 2)]


def test_no_progress_aborts_with_the_clip_that_hangs(tmp_path: Path) -> None:
    executor = ScriptedExecutor(script={("completion", "a", 0): ["hang"]})  # type: ignore[list-item]
    with pytest.raises(RunStalled, match="completion a 000000-000004"):
        execute(tmp_path, executor, limits={"stall_minutes": 0.2 / 60})


def test_a_cluster_that_only_fails_is_no_progress(tmp_path: Path) -> None:
    executor = ScriptedExecutor(script={("completion", "a", 0): [Failure("node", "gone")] * 10**5})
    with pytest.raises(RunStalled, match=r"completion a 000000-000004 \(last: gone\)"):
        execute(tmp_path, executor, limits={"stall_minutes": 0.2 / 60})


def test_a_pool_is_let_go_when_its_last_unit_is_done(tmp_path: Path) -> None:
    executor = ScriptedExecutor(workers=2)
    execute(tmp_path, executor, first=Voxelise(gpus=1.0))
    assert executor.done == [Pool(1, 1.0), Pool(1, 0.0)]


def test_a_store_that_fails_for_good_takes_no_name(tmp_path: Path) -> None:
    faults = {"b/4": ("store",) * 3}
    recipe = small_recipe(first=Voxelise(notes=tmp_path / "notes", faults=faults))
    report = label(tmp_path, recipe)
    assert (report.state, report.info) == ("aborted", None)
    assert [entry.cause for entry in report.entries] == ["store"]
    assert run_states(Store(tmp_path / "store"))[0].state == "aborted"
    assert label(tmp_path, recipe).info.frames == 16


def test_a_gate_keeps_a_version_from_being_published(tmp_path: Path) -> None:
    report = label(
        tmp_path,
        small_recipe(gates={"min_known": 1.0, "min_labelled": 1.0}),
        reader=MadeUpReader(tmp_path, {"a": 1}, damaged=("a/000000",)),
    )
    assert report.state == "gate failed"
    assert "min_known is 0.000" in report.message and "quarantine" not in report.message
    assert "every stage ended, and nothing is known of any voxel: " in report.message
    assert "(log a frame 000000): look at what the stages were given" in report.message
    assert "There are no labels; every stage" in report.message and "in the store" not in report.message
    with pytest.raises(StoreError, match="no version 'v1'"):
        open_version(f"{tmp_path}/store@v1")


def test_more_places_without_labels_than_are_named_are_counted(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, dict.fromkeys("abcdefg", 1), damaged=tuple(f"{log}/000000" for log in "abcdef"))
    report = label(tmp_path, small_recipe(gates={"min_known": 0.0, "min_labelled": 0.0}), reader=reader)
    assert report.message.startswith("6 of the planned logs or clips have no labels: a frame 000000, ")
    assert "e frame 000000 and 1 more; once that can be done" in report.message


def test_a_gate_that_fails_by_a_clip_in_quarantine_says_where_to_look(tmp_path: Path) -> None:
    recipe = small_recipe(
        first=Voxelise(notes=tmp_path / "notes", faults={"b/4": ("raise",) * 9}), gates={"min_labelled": 1}
    )
    report = label(tmp_path, recipe)
    assert report.state == "gate failed"
    assert report.message.endswith("The labels are in the store; see the quarantine")


@dataclass(frozen=True)
class TornReader(MadeUpReader):
    """Log ``torn`` cannot be read, so nobody knows how many frames it has."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log in super().logs(ids):
            if log.id == "torn":
                raise BadLog("log torn: poses.txt is cut")
            yield log


@pytest.mark.parametrize(
    ("least", "asked", "found"),
    [
        (1.0, None, "0.166"),
        (0.167, None, "0.166"),
        (0.16, None, None),
        (0.3, ["a", "torn"], None),
        (1.0, ["a", "torn"], "0.500"),
        (1.0, ["a"], None),
    ],
)
def test_a_log_that_was_refused_is_not_labelled(
    tmp_path: Path, least: float, asked: list[str] | None, found: str | None
) -> None:
    """The blind log has 18 frames, and what the torn one has nobody knows: it counts as the mean of the others."""
    reader = TornReader(tmp_path, {"a": 6, "blind": 18, "torn": 100}, blind=("blind",))
    report = label(tmp_path, small_recipe(gates={"min_labelled": least}), reader, log_ids=asked)
    if found is None:
        assert report.info is not None and report.info.logs == ("a",)
        assert report.state == ("complete" if asked == ["a"] else "quarantine")
        return
    assert (report.state, report.info) == ("gate failed", None)
    assert f"min_labelled is {found}, required {least}. " in report.message
    refused = "1 log was refused (log torn: poses.txt is cut)" if asked else "2 logs were refused (log blind has no "
    assert f"The labels are in the store; {refused}" in report.message


def test_versions_never_change(tmp_path: Path) -> None:
    label(tmp_path)
    with pytest.raises(StoreError, match="choose another --version"):
        label(tmp_path, small_recipe(first=Voxelise(label=10)))


def test_a_taken_name_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    label(tmp_path)
    more = MadeUpReader(tmp_path, {"a": 10, "b": 6, "c": 4})
    notes = tmp_path / "notes"
    with pytest.raises(StoreError, match="choose another --version"):
        label(tmp_path, small_recipe(first=Voxelise(notes=notes)), more)
    assert calls(notes) == 0
    assert [state.state for state in run_states(Store(tmp_path / "store"))] == ["complete"]


def test_a_run_that_fails_says_so_in_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OcclabelError("the world ends")

    monkeypatch.setattr("occlabel.pipeline.running.label.publish", fail)
    with pytest.raises(OcclabelError):
        label(tmp_path)
    (state,) = run_states(Store(tmp_path / "store"))
    assert (state.state, state.message) == ("aborted", "the world ends")


def test_options_that_contradict_each_other_are_refused() -> None:
    for address, workers in (("127.0.0.1:1", None), (None, 2)):
        with pytest.raises(OcclabelError, match="--executor ray"):
            Workplace("local", address, workers)


def test_labels_do_not_depend_on_the_store_or_on_retries(tmp_path: Path) -> None:
    undisturbed = label(tmp_path).info
    script = {("voting", "a", 4): [Failure("store", "away")], ("completion", "a", 4): [Failure("crash", "died")]}
    execute(tmp_path, ScriptedExecutor(script=script), store="other")
    assert label(tmp_path, store="other").info.content_digest == undisturbed.content_digest


def test_a_torn_shard_is_found_by_verify(tmp_path: Path) -> None:
    label(tmp_path)
    version = open_version(f"{tmp_path}/store@v1")
    assert version.verify() == []
    shard = next((tmp_path / "store/artifacts/voting").rglob("semantics/c/0/0/0/0"))
    content = bytearray(shard.read_bytes())
    content[10] ^= 0xFF
    shard.write_bytes(content)
    assert any("semantics" in problem for problem in version.verify())


def test_the_history_says_how_a_run_ended(tmp_path: Path) -> None:
    label(tmp_path)
    (state,) = run_states(Store(tmp_path / "store"))
    assert state.state == "complete"
    assert [(stage.stage, stage.done, stage.frames) for stage in state.stages] == [
        ("completion", 5, 16),
        ("voting", 5, 16),
    ]
