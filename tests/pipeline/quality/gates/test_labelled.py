"""Runs with gates: what a gate blocks exists and is not the latest; labels are the same whatever is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from chain import MadeUpReader, Voxelise, small_recipe
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.planning.gates import Gates
from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.gates.beforehand import refuse_unjudgeable
from occlabel.pipeline.quality.gates.labelled import label_logs
from occlabel.pipeline.running.label import EXIT_CODES, Report
from occlabel.pipeline.running.label import label_logs as label_alone
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import OcclabelError, StoreError
from occlabel.schemas.taxonomy import TAXONOMIES, Taxonomy
from occlabel.workers.store import Store

NEVER: dict[str, Any] = {"low_confidence": {"below": 1.0, "most": 0.0}}
"""A gate that no labels pass."""


def run(root: Path, version: str, label: int = 9, **gates: Any) -> Report:
    reader = MadeUpReader(root, {"a": 4, "b": 3})
    recipe = small_recipe(first=Voxelise(label=label), gates=gates)
    return label_logs(recipe, reader, root / "store", version, workplace=Workplace("local"), quiet=True)


def test_a_blocked_version_exists_and_is_not_the_latest(tmp_path: Path) -> None:
    assert run(tmp_path, "v1").state == "complete"
    blocked = run(tmp_path, "v2", label=10, **NEVER)
    assert blocked.state == "gate failed" and EXIT_CODES[blocked.state] == 4
    assert "v2 is published and not the latest: low_confidence" in blocked.message
    assert blocked.gates[0].blocks and "most in log" in blocked.gates[0].said
    assert open_version(f"{tmp_path}/store@v2").info.frames == 7
    assert open_version(f"{tmp_path}/store").name == "v1"
    shown = CliRunner().invoke(app, ["versions", "show", f"{tmp_path}/store@v2"]).output
    assert "blocks: low_confidence: 1, at most 0" in shown and "blocked by low_confidence" in shown
    assert "also called" not in shown


def test_the_list_says_what_is_blocked_and_which_is_the_latest(tmp_path: Path) -> None:
    run(tmp_path, "v1")
    run(tmp_path, "v2", label=10, **NEVER)
    run(tmp_path, "v3", label=11, low_confidence={"below": 1.0, "most": 0.0, "action": "warn"})
    result = CliRunner().invoke(app, ["versions", "list", f"{tmp_path}/store", "--json"])
    rows = {row["name"]: (row["verdict"], row["tags"]) for row in json.loads(result.stdout)}
    assert rows == {
        "v1": ("", []),
        "v2": ("blocked by low_confidence", []),
        "v3": ("passes; low_confidence warns", ["latest"]),
    }
    shown = CliRunner().invoke(app, ["versions", "show", f"{tmp_path}/store"]).output
    assert "also called     latest" in shown and "gates           passes; low_confidence warns" in shown
    (tmp_path / "store/versions/v2.gates").write_text("{}")
    result = CliRunner().invoke(app, ["versions", "list", f"{tmp_path}/store"])
    assert result.exit_code == 1 and "versions/v2.gates was altered" in result.stderr
    assert "v3: passes; low_confidence warns; occlabel versions show" in result.stdout, "the others are listed"


def test_the_latest_is_held_against_what_was_published_before_it(tmp_path: Path) -> None:
    run(tmp_path, "v1")
    run(tmp_path, "blocked", label=10, **NEVER)
    run(tmp_path, "v2", label=11)
    asked: dict[str, Any] = {"against": "latest", "drift": {}}
    (drift,) = (gate for gate in run(tmp_path, "v2", label=11, **asked).gates if gate.gate == "drift")
    assert drift.found is not None and f"{tmp_path}/store@v1 {tmp_path}/store@v2" in drift.look, drift
    (drift,) = (gate for gate in run(tmp_path / "new", "v1", **asked).gates if gate.gate == "drift")
    assert drift.found is None and "there is no other version yet" in drift.said


def test_another_threshold_lets_it_through_without_labelling(tmp_path: Path) -> None:
    run(tmp_path, "v1", **NEVER)
    with pytest.raises(StoreError, match="latest is not there"):
        open_version(f"{tmp_path}/store")
    again = run(tmp_path, "v1", low_confidence={"below": 1.0, "most": 1.0})
    assert again.state == "complete" and again.run is None and open_version(f"{tmp_path}/store").name == "v1"
    assert run(tmp_path, "v1", **NEVER).state == "complete", "what has passed stays passed"


def test_a_warning_is_said_and_blocks_nothing(tmp_path: Path) -> None:
    report = run(tmp_path, "v1", low_confidence={"below": 1.0, "most": 0.0, "action": "warn"})
    assert report.state == "complete" and not report.gates[0].passed
    assert open_version(f"{tmp_path}/store").name == "v1"


def test_a_version_that_passes_late_stays_behind_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "v1", **NEVER)
    run(tmp_path, "v2", label=10)
    monkeypatch.setattr("occlabel.pipeline.published.judged._made", lambda info: info.name)
    assert run(tmp_path, "v1", static={"least": 0.0}, quarantine={}).state == "complete"
    assert open_version(f"{tmp_path}/store").name == "v2"


@pytest.mark.parametrize("gates", [{}, {"quarantine": {}}])
def test_a_run_again_makes_it_the_latest_where_the_first_was_ended_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gates: dict[str, Any]
) -> None:
    def interrupt(store: Store, name: str) -> None:
        raise KeyboardInterrupt

    run(tmp_path, "v1")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("occlabel.pipeline.published.judged.point_to", interrupt)
        run(tmp_path, "v2", label=10, **gates)
    assert open_version(f"{tmp_path}/store").name == "v1"
    assert run(tmp_path, "v2", label=10, **gates).state == "complete"
    assert open_version(f"{tmp_path}/store").name == "v2"
    run(tmp_path, "v1", **gates)
    assert open_version(f"{tmp_path}/store").name == "v2", "v1 stays behind"


def test_the_latest_that_is_blocked_later_is_still_called_the_latest(tmp_path: Path) -> None:
    run(tmp_path, "v1")
    blocked = run(tmp_path, "v1", **NEVER)
    assert blocked.state == "gate failed"
    assert blocked.message == "version v1 was the latest before its gates were asked, and still is: low_confidence"
    assert open_version(f"{tmp_path}/store").name == "v1"


def test_without_gates_what_they_blocked_stays_blocked(tmp_path: Path) -> None:
    run(tmp_path, "v1")
    run(tmp_path, "v2", label=10, **NEVER)
    again = run(tmp_path, "v2", label=10)
    assert again.state == "gate failed" and "v2 is published and not the latest: low_confidence" in again.message
    assert open_version(f"{tmp_path}/store").name == "v1"


def test_the_same_run_judges_again_where_what_was_kept_is_altered(tmp_path: Path) -> None:
    run(tmp_path, "v1", quarantine={})
    (tmp_path / "store/versions/v1.gates").write_text("{}")
    assert run(tmp_path, "v1", quarantine={}).state == "complete"
    listed = CliRunner().invoke(app, ["versions", "list", f"{tmp_path}/store", "--json"])
    assert listed.exit_code == 0 and json.loads(listed.stdout)[0]["verdict"] == "passes"


def test_gates_change_no_fingerprint_and_no_recipe_that_has_none(tmp_path: Path) -> None:
    reader, store = MadeUpReader(tmp_path, {"a": 4}), Store(tmp_path / "store")
    plans = [make_plan(small_recipe(gates=gates), reader, store) for gates in ({}, NEVER)]
    assert plans[0].logs[0].fingerprints == plans[1].logs[0].fingerprints
    assert "low_confidence" not in plans[0].recipe.to_yaml() and "low_confidence" in plans[1].recipe.to_yaml()


def test_nobody_who_judges_lets_nothing_through(tmp_path: Path) -> None:
    recipe = small_recipe(gates=NEVER)
    report = label_alone(
        recipe, MadeUpReader(tmp_path, {"a": 4}), tmp_path / "store", "v1", workplace=Workplace("local"), quiet=True
    )
    assert "nobody asked its gates" in report.message
    with pytest.raises(StoreError, match="latest is not there"):
        open_version(f"{tmp_path}/store")


def test_what_is_not_there_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OcclabelError, match="there is no store at"):
        run(tmp_path, "v1", drift={}, against=f"{tmp_path}/nowhere@v1")
    with pytest.raises(OcclabelError, match=r"gates.truth: there is no folder"):
        run(tmp_path, "v1", score={"min_iou": 0.5}, truth=str(tmp_path / "nowhere"))
    assert not (tmp_path / "store/receipts").exists()


SCORE: dict[str, Any] = {"score": {"min_iou": 0.5}}


def truth(root: Path, log: str) -> Path:
    """A root of voxel truth of one frame, in the classes of the labels; none of it is read before the work."""
    folder = root / f"sequences/{log}/voxels"
    folder.mkdir(parents=True)
    (folder / "000000.label").write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "has no voxel truth: there is no sequences/XX/voxels/NNNNNN.label in it; name a root of voxel truth"),
        ({"truth": "of_z"}, r"has truth of the logs z, and none of what is to be labelled \(a, b\); name the root of "),
        ({"truth": "of_a", "format": "occ3d"}, "it has some of semantickitti: set gates.format to semantickitti$"),
    ],
)
def test_truth_that_cannot_judge_the_labels_is_refused_before_any_work(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    for log in ("a", "z"):
        truth(tmp_path / f"truth/of_{log}", log)
    (tmp_path / "truth/empty").mkdir()
    gates = {**SCORE, **changes, "truth": tmp_path / "truth" / changes.get("truth", "empty")}
    with pytest.raises(OcclabelError, match=f"^gates.truth: .*{said}") as refused:
        run(tmp_path, "v1", **gates)
    assert "--" not in str(refused.value), "a recipe has options of its own"
    assert not (tmp_path / "store").exists()


def test_truth_in_other_classes_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "gts/a/000000").mkdir(parents=True)
    (tmp_path / "gts/a/000000/labels.npz").write_bytes(b"")
    with pytest.raises(OcclabelError, match=r"it has some of occ3d: name a root of semantickitti truth$"):
        run(tmp_path, "v1", **SCORE, truth=tmp_path)
    with pytest.raises(OcclabelError, match="in those of occ3d by a map alone, and gates take none: leave score and"):
        run(tmp_path, "v1", **SCORE, truth=tmp_path, format="occ3d")
    own = Taxonomy(name="own", free_id=0, classes=TAXONOMIES["semantickitti"].classes[:9])
    gates = Gates.model_validate({**SCORE, "truth": tmp_path})
    with pytest.raises(OcclabelError, match=r"the classes of own are no benchmark's; set gates.format to whose "):
        refuse_unjudgeable(gates, own)


def test_truth_of_other_logs_is_said_afterwards_where_it_would_block_nothing_or_the_base_has_them(
    tmp_path: Path,
) -> None:
    other = truth(tmp_path / "truth", "b")
    recipe = small_recipe(gates={"score": {"min_iou": 0.5, "action": "warn"}, "truth": other})
    options: dict[str, Any] = {"workplace": Workplace("local"), "quiet": True}
    report = label_logs(recipe, MadeUpReader(tmp_path, {"a": 4}), tmp_path / "store", "v1", **options)
    assert report.state == "complete" and "none in common" in report.gates[0].said
    recipe = small_recipe(gates={**SCORE, "truth": other})
    reader, store = MadeUpReader(tmp_path, {"a": 4, "b": 3}), tmp_path / "store"
    with pytest.raises(OcclabelError, match=r"none of what is to be labelled \(a\)"):
        label_logs(recipe, reader, store, "v2", log_ids=["a"], **options)
    label_logs(small_recipe(), reader, store, "v2", log_ids=["b"], **options)
    report = label_logs(recipe, reader, store, "v3", log_ids=["a"], base="v2", **options)
    assert report.state == "gate failed" and "none in common" not in report.gates[0].said


def test_check_asks_without_deciding(tmp_path: Path) -> None:
    run(tmp_path, "v1")
    spec = f"{tmp_path}/store@v1"
    result = CliRunner().invoke(app, ["versions", "check", spec, "--set", "gates.low_confidence.below=1.0"])
    assert result.exit_code == 4 and "gate blocks: low_confidence" in result.output
    assert not (tmp_path / "store/versions/v1.gates").exists() and open_version(f"{tmp_path}/store").name == "v1"
    tried = ["--set", "gates.low_confidence.most=1", "--set", "gates.low_confidence.below=1.0", "--against", "latest"]
    rest = [f"--set=gates.{name}.action=warn" for name in ("hits_free", "static", "shapes")]
    result = CliRunner().invoke(app, ["versions", "check", spec, *tried, *rest])
    assert result.exit_code == 0 and "gates passed: " in result.output, result.output


def test_the_list_counts_labelled_frames_of_planned_ones_and_names_what_else_is_missing(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 6, "b": 4, "c": 5}, damaged=("a/000002",), blind=("c",))
    recipe = small_recipe(second=None)  # nobody fills the frame of the damaged scan
    label_alone(recipe, reader, tmp_path / "store", "v1", workplace=Workplace("local"), quiet=True)
    listed = CliRunner().invoke(app, ["versions", "list", f"{tmp_path}/store"]).stdout
    assert " 9 of 10, 2 logs or clips missing " in listed


def test_frames_that_are_missing_count_as_quarantined(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 6, "b": 4, "c": 5}, damaged=("a/000002",), blind=("c",))
    recipe = small_recipe(gates={"quarantine": {"most": 0.1}})
    report = label_logs(recipe, reader, tmp_path / "store", "v1", workplace=Workplace("local"), quiet=True)
    assert report.info is not None and report.info.planned == 10 and report.state == "gate failed"
    (gate,) = report.gates
    lost = report.info.planned - report.info.frames
    damaged = sum(bool(frame.row.damaged) for frame in open_version(f"{tmp_path}/store@v1").frames())
    assert lost + damaged == 1 and gate.found == pytest.approx((1 + 5) / 15)
    assert "1 log was refused (c)" in gate.said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"recipe": "semantickitti_lidar"}, r"recipe='semantickitti_lidar': give a Recipe, as load_recipe\(...\)"),
        ({"reader": "TOWN"}, r"reader='TOWN': give a LogReader, as open_logs\(...\) makes it"),
        ({"reader": MadeUpReader}, "give a LogReader"),
        ({"store": None}, "store=None: give the folder of a store, or its URL"),
        ({"store": "new@v1"}, "store new@v1: there is no such folder.* give new as the store and v1 as the version"),
        ({"version": "latest"}, "cannot be named 'latest'"),
        ({"version": None}, "version=None: give the name of the version, as text"),
        ({"version": 3}, "version=3: give the name"),
        ({"base": 3}, "base=3: give the name of a version of the store, or None"),
        ({"log_ids": 3}, "log_ids=3: give a list of ids of logs"),
        ({"reader_name": "kiti"}, r"unknown reader 'kiti' \(did you mean 'kitti'\?\)"),
        ({"reader_name": 3}, "reader_name=3: give the name of the reader, or None"),
        ({"workplace": "local"}, r"workplace='local': give a Workplace of .*, as in Workplace\(\"local\"\)"),
    ],
)
def test_an_argument_of_another_kind_gets_a_sentence(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    fit = {"recipe": small_recipe(), "reader": MadeUpReader(tmp_path, {"a": 4}), "store": tmp_path / "store"}
    with pytest.raises(OcclabelError, match=said):
        label_logs(**{**fit, "version": "v1", "workplace": Workplace("local"), "quiet": True, **given})


def test_the_name_of_the_reader_is_known_also_where_nothing_is_left_to_do(tmp_path: Path) -> None:
    run(tmp_path, "v1")
    reader, place = MadeUpReader(tmp_path, {"a": 4, "b": 3}), Workplace("local")
    with pytest.raises(OcclabelError, match="unknown reader 'zz'"):
        label_logs(small_recipe(), reader, tmp_path / "store", "v1", reader_name="zz", workplace=place, quiet=True)
