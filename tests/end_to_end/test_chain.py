"""The commands, as a user types them, on simulated logs: demo, run, damage, replay, status, versions, export."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import occlabel, occlabel_alone
from simulated import TWO_SHORT, Simulated

from occlabel.pipeline.published.version import open_version

FRAMES = TWO_SHORT.frames
ONCE = "completion.mirror=false"
"""The network looks at each frame once, not at its mirror image too: that takes half of the time."""


@pytest.fixture(scope="module")
def logs(simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(simulated("kitti", TWO_SHORT), tmp_path_factory.mktemp("chain") / "logs")


@dataclass(frozen=True)
class Demo:
    """What a demo left: a store with the version v1 of one drive of two frames, made on Ray, and what it said."""

    store: Path
    said: str

    @property
    def logs(self) -> Path:
        return self.store / "logs"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    out = tmp_path_factory.mktemp("chain") / "demo"
    return Demo(out, occlabel_alone("demo", "--out", out, "--logs", 1, "--frames", 2).stdout)


def run(logs: Path, store: Path, version: str, *more: object, code: int = 0) -> dict:
    arguments = ("--logs", logs, "--store", store, "--version", version, "--json")
    return json.loads(occlabel("run", "semantickitti_lidar", *arguments, *more, code=code).stdout)


@pytest.mark.slow
def test_the_demo_publishes_scores_and_draws(demo: Demo) -> None:
    assert "51.2 m" in demo.said
    assert open_version(f"{demo.store}@v1").info.frames == 2
    assert {path.suffix for path in (demo.store / "pictures").iterdir()} == {".png"}


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do_and_does_not_start_ray(demo: Demo) -> None:
    report = run(demo.logs, demo.store, "v1", "--ray-address", "nowhere:1")  # an address that cannot be joined
    assert report["run"] is None
    assert report["state"] == "complete"


@pytest.mark.slow
def test_a_changed_voting_option_leaves_completion_alone(demo: Demo) -> None:
    planned = occlabel(
        "plan", "semantickitti_lidar", "--logs", demo.logs, "--store", demo.store, "--json", "--set", "voting.radius=1",
    )  # fmt: skip
    assert [(stage["stage"], stage["todo"]) for stage in json.loads(planned.stdout)["stages"]] == [
        ("geometry", 0),
        ("evidence", 0),
        ("completion", 0),
        ("propagation", 0),
        ("voting", 1),
        ("ground", 1),
        ("instances", 1),
        ("tracking", 1),
        ("audit", 1),
    ]


@pytest.mark.slow
def test_equal_labels_have_equal_digests_in_another_store_executor_and_clip(demo: Demo, tmp_path: Path) -> None:
    first = json.loads(occlabel("versions", "show", f"{demo.store}@v1", "--json").stdout)
    other = run(demo.logs, tmp_path / "other", "again", "--executor", "local", "--set", "clip_frames=1")
    assert other["content_digest"] == first["content_digest"]


@pytest.mark.slow
def test_damage_costs_its_frame_is_said_and_replays_until_it_is_repaired(logs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "logs"
    shutil.copytree(logs, broken)
    scan = broken / "sequences/00/velodyne/000001.bin"
    whole = scan.read_bytes()
    scan.write_bytes(whole[:-7])
    (broken / "sequences/01/image_2/000001.png").write_bytes(b"not a picture")
    sets = ("--set", "clip_frames=1", "--set", ONCE)
    quick = ("--executor", "local", "--skip", "propagation", "--skip", "instances", *sets)
    report = run(broken, tmp_path / "store", "v1", *quick, code=3)
    assert report["frames"] == 2 * FRAMES
    errors = [entry["error"] for entry in report["quarantine"]]
    assert sorted(error.split("/sequences/")[1][:12] for error in errors) == ["00/velodyne/", "01/image_2/0"]
    (entry,) = (entry for entry in report["quarantine"] if entry["log"] == "00")
    replay = entry["replay"].split()[1:]
    assert "still damaged" in occlabel(*replay, code=1).stdout
    scan.write_bytes(whole)
    said = occlabel(*replay).stdout
    assert "works now; version v1 is published and never changes: run again under another --version to commit" in said
    assert run(broken, tmp_path / "store", "v2", *quick, code=3)["damaged_frames"] == 1  # the picture


@pytest.mark.slow
def test_what_a_store_holds_is_said(demo: Demo) -> None:
    status = json.loads(occlabel("status", demo.store, "--json").stdout)
    assert status["committed_clips"]["completion"] == 1
    assert "v1" in status["versions"]
    assert status["runs"][0]["state"] == "complete"
    assert "are as published" in occlabel("versions", "verify", f"{demo.store}@v1").stdout


@pytest.mark.slow
def test_an_exported_version_scores_like_the_version(demo: Demo, tmp_path: Path) -> None:
    occlabel("export", f"{demo.store}@v1", "--format", "semantickitti", "--out", tmp_path / "export")
    scores = []
    for number, spec in enumerate((f"{demo.store}@v1", tmp_path / "export")):
        out = tmp_path / f"{number}.json"
        occlabel("evaluate", spec, "--truth", demo.logs, "--format", "semantickitti", "--json", out)
        scores.append(json.loads(out.read_text())["scores"])
    assert scores[0] == scores[1]
    assert set(scores[0]) == {"12.8", "25.6", "51.2"}


@pytest.mark.slow
def test_labels_are_drawn(demo: Demo, tmp_path: Path) -> None:
    occlabel("view", f"{demo.store}@v1", "--out", tmp_path / "view.png")
    assert (tmp_path / "view.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("run", "nothing", "--logs", ".", "--store", "s", "--version", "v"), 1, "there is no recipe 'nothing'"),
        (("run", "semantickitti_lidar", "--logs", ".", "--store", "s", "--version", "v"), 1, "holds no drive logs"),
        (("run", "semantickitti_lidar", "--logs", "LOGS", "--store", "s", "--version", "../v"), 1, "cannot be a name"),
        (
            ("plan", "semantickitti_lidar", "--logs", "LOGS", "--store", "s", "--set", "voting.radios=3"),
            1,
            "--set voting.radios=3: there is no such option (did you mean 'radius'?)",
        ),
        (("plan", "semantickitti_lidar", "--logs", "LOGS", "--store", "s", "--skip", "votign"), 1, "no such slot"),
        (("plan", "semantickitti_lidar", "--logs", "LOGS", "--store", "s", "--log", "77"), 1, "no log 77"),
        (("versions", "show", "nowhere@v1"), 1, "there is no store"),
        (("status", "nowhere"), 1, "there is no store"),
        (("run", "semantickitti_lidar"), 2, "Missing option"),
    ],
)
def test_wrong_input_gets_a_sentence(
    arguments: tuple[str, ...], code: int, sentence: str, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = occlabel(*(str(logs) if argument == "LOGS" else argument for argument in arguments), code=code)
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_slot_that_the_recipe_does_not_have_can_be_skipped(logs: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    planned = occlabel("plan", "semantickitti_lidar", "--logs", logs, "--store", store, "--skip", "priors", "--json")
    assert [stage["stage"] for stage in json.loads(planned.stdout)["stages"]] == [
        "geometry",
        "evidence",
        "completion",
        "propagation",
        "voting",
        "ground",
        "instances",
        "tracking",
        "audit",
    ]
