"""The commands, as a user types them, on a simulated log: run, resume, damage, replay, status, versions, export."""

import json
import shutil
from pathlib import Path

import pytest
from command import occlabel, occlabel_alone
from simulated import TWO_SHORT, Simulated

FRAMES = TWO_SHORT.frames
ONCE = "completion.mirror=false"
"""The network looks at each frame once, not at its mirror image too: that takes half of the time."""


@pytest.fixture(scope="module")
def logs(simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(simulated("kitti", TWO_SHORT), tmp_path_factory.mktemp("chain") / "logs")


@pytest.fixture(scope="module")
def labelled(logs: Path) -> Path:
    """A store with the version v1 of both logs. By one worker: two would load and compile all of it twice."""
    store = logs.parent / "store"
    sets = ("--workers", "1", "--set", "clip_frames=1", "--set", ONCE)
    occlabel_alone("run", "semantickitti_lidar", "--logs", logs, "--store", store, "--version", "v1", *sets)
    return store


def run(logs: Path, store: Path, version: str, *more: object, clip_frames: int = 1, code: int = 0) -> dict:
    clips = f"clip_frames={clip_frames}"
    arguments = ("--logs", logs, "--store", store, "--version", version, "--set", clips, "--set", ONCE, "--json")
    return json.loads(occlabel("run", "semantickitti_lidar", *arguments, *more, code=code).stdout)


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do_and_does_not_start_ray(logs: Path, labelled: Path) -> None:
    report = run(logs, labelled, "v1", "--ray-address", "nowhere:1")  # an address that cannot be joined
    assert report["run"] is None
    assert report["state"] == "complete"


@pytest.mark.slow
def test_a_changed_voting_option_leaves_completion_alone(logs: Path, labelled: Path) -> None:
    planned = occlabel(
        "plan", "semantickitti_lidar", "--logs", logs, "--store", labelled, "--json",
        "--set", "clip_frames=1", "--set", ONCE, "--set", "voting.radius=1",
    )  # fmt: skip
    assert [(stage["stage"], stage["todo"]) for stage in json.loads(planned.stdout)["stages"]] == [
        ("geometry", 0),
        ("evidence", 0),
        ("completion", 0),
        ("propagation", 0),
        ("voting", 4),
        ("ground", 4),
        ("instances", 4),
        ("tracking", 4),
        ("audit", 4),
    ]


@pytest.mark.slow
def test_equal_labels_have_equal_digests_in_another_store_and_executor(logs: Path, labelled: Path) -> None:
    first = json.loads(occlabel("versions", "show", f"{labelled}@v1", "--json").stdout)
    other = run(logs, labelled.parent / "other", "again", "--executor", "local", clip_frames=2)
    assert other["content_digest"] == first["content_digest"]


@pytest.mark.slow
def test_damage_costs_its_frame_is_said_and_replays_until_it_is_repaired(logs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "logs"
    shutil.copytree(logs, broken)
    scan = broken / "sequences/00/velodyne/000001.bin"
    whole = scan.read_bytes()
    scan.write_bytes(whole[:-7])
    (broken / "sequences/01/image_2/000001.png").write_bytes(b"not a picture")
    quick = ("--executor", "local", "--skip", "propagation", "--skip", "instances")
    report = run(broken, tmp_path / "store", "v1", *quick, code=3)
    assert report["frames"] == 2 * FRAMES
    errors = [entry["error"] for entry in report["quarantine"]]
    assert sorted(error.split("/sequences/")[1][:12] for error in errors) == ["00/velodyne/", "01/image_2/0"]
    (entry,) = (entry for entry in report["quarantine"] if entry["log"] == "00")
    replay = entry["replay"].split()[1:]
    assert "still damaged" in occlabel(*replay, code=1).stdout
    scan.write_bytes(whole)
    assert "works now" in occlabel(*replay).stdout
    assert run(broken, tmp_path / "store", "v2", *quick, code=3)["damaged_frames"] == 1  # the picture


@pytest.mark.slow
def test_what_a_store_holds_is_said(labelled: Path) -> None:
    status = json.loads(occlabel("status", labelled, "--json").stdout)
    assert status["committed_clips"]["completion"] == 4
    assert "v1" in status["versions"]
    assert status["runs"][0]["state"] == "complete"
    assert "are as published" in occlabel("versions", "verify", f"{labelled}@v1").stdout


@pytest.mark.slow
def test_an_exported_version_scores_like_the_version(logs: Path, labelled: Path, tmp_path: Path) -> None:
    occlabel("export", f"{labelled}@v1", "--format", "semantickitti", "--out", tmp_path / "export")
    scores = []
    for number, spec in enumerate((f"{labelled}@v1", tmp_path / "export")):
        out = tmp_path / f"{number}.json"
        occlabel("evaluate", spec, "--truth", logs, "--format", "semantickitti", "--json", out)
        scores.append(json.loads(out.read_text())["scores"])
    assert scores[0] == scores[1]
    assert set(scores[0]) == {"12.8", "25.6", "51.2"}


@pytest.mark.slow
def test_labels_are_drawn(labelled: Path, tmp_path: Path) -> None:
    occlabel("view", f"{labelled}@v1", "--out", tmp_path / "view.png")
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
            "voting.radios: there is no such option (did you mean 'radius'?)",
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
