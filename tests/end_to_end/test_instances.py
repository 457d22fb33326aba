"""Objects as a user meets them: found, tracked through a log, tabulated, drawn."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr
from command import occlabel
from simulated import TWO_SWEPT, Simulated

from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.teaching.simulate import Drives, simulate_logs

pytestmark = pytest.mark.slow

RECIPE = """
grid: occ3d
taxonomy: occ3d
clip_frames: 2
evidence: {kind: rays}
completion: {kind: lmscnet, mirror: false}
voting: {kind: registration}
instances: {kind: components}
tracking: {kind: association}
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("instances") / "logs"
    simulate_logs("nuscenes", root, Drives(logs=1, frames=5, seed=81, image_scale=None, rate=2.0))
    return root


@pytest.fixture(scope="module")
def store(logs: Path) -> Path:
    recipe, store = logs.parent / "recipe.yaml", logs.parent / "store"
    recipe.write_text(RECIPE)
    arguments = ("--logs", logs, "--store", store, "--executor", "local", "--json")
    report = json.loads(occlabel("run", recipe, *arguments, "--version", "objects").stdout)
    slots = [stage["stage"] for stage in report["run"]["stages"]]
    assert slots == ["evidence", "completion", "voting", "instances", "tracking"]
    without = occlabel("run", recipe, *arguments, "--version", "labels", "--skip", "instances", "--skip", "tracking")
    assert json.loads(without.stdout)["run"] is None, "labels alone are there already"
    return store


@pytest.mark.slow
def test_ids_are_of_things_and_hold_through_the_clips(store: Path) -> None:
    version = open_version(f"{store}@objects")
    things = [entry.id for entry in version.space.taxonomy.classes if entry.thing]
    begun = 0
    seen: set[int] = set()
    for frame in version.frames():
        instance: np.ndarray = frame.load("instance")
        semantics = frame.load("semantics")
        assert np.isin(semantics[instance > 0], things).all()
        ids = set(np.unique(instance[instance > 0]).tolist())
        assert not frame.holds("tracks"), "bookkeeping between clips is not published"
        tracks = frame.row.arrays["instance"].path.replace("/instance", "/tracks")
        now = int(zarr.open_array(store / tracks, mode="r")[frame.row.index])
        assert max(ids, default=0) <= now
        assert {id_ for id_ in ids if id_ > begun}.isdisjoint(seen)
        begun, seen = now, seen | ids
    assert len(seen) == begun > 3
    assert not version.verify()


@pytest.mark.slow
def test_trajectories_are_tables_of_the_logs_that_were_labelled(logs: Path, store: Path) -> None:
    out = logs.parent / "tracks"
    told = occlabel("tracks", f"{store}@objects", "--out", out).stdout
    (path,) = out.glob("*.parquet")
    table = pq.read_table(path).to_pydict()
    assert f"{len(set(table['track']))} objects" in told
    longest = max(set(table["track"]), key=table["track"].count)
    assert table["track"].count(longest) >= 4, "something is in sight for two seconds"
    assert "no ids that hold over time" in occlabel(
        "tracks", f"{store}@labels", "--out", out, code=1
    ).stderr  # fmt: skip


@pytest.mark.slow
def test_points_are_scored_and_exported(logs: Path, store: Path) -> None:
    spec, root = f"{store}@objects", logs.parent
    scores = ("--format", "occ3d", "--at", "points", "--json", root / "points.json")
    assert "PQ-dagger" in occlabel("evaluate", spec, "--truth", logs, *scores).stdout
    found = json.loads((root / "points.json").read_text())["panoptic"]
    assert found["frames"] == 5 and found["points"]["things"]["pq"] > 0
    told = occlabel("export", spec, "--format", "nuscenes-panoptic", "--logs", logs, "--out", root / "points").stdout
    assert told.endswith("wrote the points of 5 frames\n")
    sizes = {path.name.split("_")[0]: path.stat().st_size for path in (logs / "lidarseg").rglob("*.bin")}
    written = {path.name.split("_")[0]: np.load(path)["data"] for path in (root / "points/panoptic/val").iterdir()}
    assert {token: len(codes) for token, codes in written.items()} == sizes, "a byte of lidarseg is a point"
    assert any((codes % 1000 > 0).any() for codes in written.values())
    without = ("--format", "nuscenes-panoptic", "--logs", logs, "--out", root / "none")
    assert "has no instances" in occlabel("export", f"{store}@labels", *without, code=1).stderr


@pytest.mark.slow
def test_objects_are_scored_at_boxes(logs: Path, store: Path, simulated: Simulated) -> None:
    scores = ("--truth", logs, "--format", "occ3d", "--at", "boxes")
    told = occlabel("evaluate", f"{store}@objects", *scores, "--json", logs.parent / "boxes.json").stdout
    found = json.loads((logs.parent / "boxes.json").read_text())
    assert found["frames"] == 5 and found["boxes"] > 20
    assert 0.2 < found["recall"] <= found["found"] < 1 and found["centre_offset"] < 1
    assert f"{found['boxes']} boxes in 5 frames" in told
    assert "an instances block" in occlabel("evaluate", f"{store}@labels", *scores, code=1).stderr
    others = ("--truth", simulated("nuscenes", TWO_SWEPT), *scores[2:])
    told = occlabel("evaluate", f"{store}@objects", *others, code=1).stderr
    assert "is labelled, and the log has no such frame" in told
    drawn = occlabel("evaluate", f"{store}@objects", *scores, "--diagram", "d.png", code=1).stderr
    assert "--diagram draws the confidence of voxels" in drawn


@pytest.mark.slow
def test_objects_can_be_drawn(logs: Path, store: Path) -> None:
    occlabel("view", f"{store}@objects", "--objects", "--out", logs.parent / "objects.png")
    assert (logs.parent / "objects.png").stat().st_size > 5000


@pytest.mark.slow
def test_tracking_falls_with_the_instances_and_that_is_said(logs: Path, store: Path) -> None:
    arguments = ("--logs", logs, "--store", store, "--skip", "instances", "--json")
    planned = occlabel("plan", logs.parent / "recipe.yaml", *arguments)
    assert "leaves out stage tracking (association) too: nothing else writes 'instance' for it" in planned.stderr
    assert [stage["stage"] for stage in json.loads(planned.stdout)["stages"]] == ["evidence", "completion", "voting"]
