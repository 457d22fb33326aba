"""Two published versions of which every voxel is known: what is said of their difference, and of noise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.compare.compare import compare
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN

GRID = Grid(
    origin=(0.0, -8.0, -1.0), voxel_size=1.0, shape=(16, 16, 4), frame="lidar",
    ranges={"8": ((0, 8), (4, 12)), "16": ((0, 16), (0, 16))},
)  # fmt: skip
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
CAR, TRUCK, ROAD = 1, 4, 9
LOGS = ("00", "01", "02")


def volume(seed: int) -> np.ndarray:
    """A road with a car on it."""
    result = np.zeros(GRID.shape, np.uint8)
    result[:, :, 0] = ROAD
    result[4 : 4 + seed % 3 + 1, 6:9, 1:3] = CAR
    return result


Change = tuple[tuple[slice, slice, slice], int]


def published(root: Path, name: str, change: dict[str, Change] | None = None) -> PublishedVersion:
    """Three logs of two frames; ``change``: log -> the place in its first frame that holds another class."""
    frames = []
    for n, log in enumerate(LOGS):
        for frame in range(2):
            labels = volume(n)
            if change and log in change and frame == 0:
                place, value = change[log]
                labels[place] = value
            arrays = {"semantics": labels}
            frames.append(MadeUpFrame(log, f"{frame:06d}", arrays))
    return publish(MadeUpVersion(frames, SPACE, name), root / name)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> PublishedVersion:
    return published(tmp_path_factory.mktemp("first"), "v1")


def test_the_same_labels_have_no_changed_voxel(first: PublishedVersion, tmp_path: Path) -> None:
    found = compare(first, published(tmp_path, "v2"))
    assert found.changed().changed == 0 and found.frames == 6 and found.sound
    assert found.changed().voxels == 6 * 16 * 16 * 4
    assert "they hold the same labels of the same frames" in list(found.sentences())


def test_every_changed_voxel_is_counted_by_kind_range_and_place(first: PublishedVersion, tmp_path: Path) -> None:
    box = (slice(4, 5), slice(6, 8), slice(1, 2))
    change = {
        "00": (box, TRUCK),  # two voxels of the car
        "01": ((slice(15, 16), slice(0, 3), slice(3, 4)), CAR),  # three of free space, far off
        "02": ((slice(0, 1), slice(8, 9), slice(0, 1)), UNKNOWN),  # one of the road
    }
    found = compare(first, published(tmp_path, "v2", change))
    whole, near = found.changed(), found.changed("8")
    assert (whole.other_class, whole.appeared, whole.vanished, whole.became_unknown) == (2, 3, 0, 1)
    assert (near.other_class, near.appeared, near.became_unknown) == (2, 0, 1)
    assert whole.changed == whole.changed_occupied == 6
    heat = found.heat * found.frames
    assert heat.sum() == 6 and heat[15, :3].tolist() == [1, 1, 1] and heat[4, 6:8].tolist() == [1, 1]
    assert found.worst_frames()[0][:2] == ("01", "000000")
    facts = json.loads(json.dumps(found.facts()))["voxels"]
    car = facts["ranges"]["16"]["per_class"]["car"]
    assert car["became"] == {"truck": 2} and car["b"] == car["a"] + 1
    assert np.sum(facts["heat"]["changed"]) == pytest.approx(6 / found.frames, abs=1e-2)


def test_a_second_comparison_reads_what_the_first_counted(first: PublishedVersion, tmp_path: Path) -> None:
    other = published(tmp_path, "v2", {"00": ((slice(4, 5), slice(6, 8), slice(1, 2)), TRUCK)})
    once = compare(first, other).facts()
    kept = sorted((tmp_path / "v2/jobs/compare").rglob("*.json"))
    times = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 3 and compare(first, other).facts() == once
    assert [path.stat().st_mtime_ns for path in kept] == times


def test_classes_of_another_taxonomy_go_by_name_and_map(first: PublishedVersion, tmp_path: Path) -> None:
    frames = [MadeUpFrame("00", "000000", {"semantics": np.zeros(GRID.shape, np.uint8)})]
    other = publish(MadeUpVersion(frames, LabelSpace(GRID, TAXONOMIES["occ3d"]), "v2"), tmp_path / "v2")
    with pytest.raises(OcclabelError, match=r"held against .* the labels have classes that .*--map"):
        compare(first, other)


def test_another_grid_is_looked_up_at_the_centres(first: PublishedVersion, tmp_path: Path) -> None:
    fine = Grid(origin=GRID.origin, voxel_size=0.5, shape=(32, 32, 8), frame="lidar")
    labels = [volume(n).repeat(2, 0).repeat(2, 1).repeat(2, 2) for n in range(3)]
    frames = [MadeUpFrame(log, "000000", {"semantics": labels[n]}) for n, log in enumerate(LOGS)]
    found = compare(first, publish(MadeUpVersion(frames, LabelSpace(fine, SPACE.taxonomy), "v2"), tmp_path / "v2"))
    assert found.frames == 3 and found.changed().changed == 0


def test_centres_that_are_borders_of_the_others_voxels_are_looked_up_on_one_side(tmp_path: Path) -> None:
    """By floats every fifth of these centres lies on the other side. Labels are planes that take turns."""
    fine = Grid(origin=(-25.6, -1.7, -1.1), voxel_size=0.2, shape=(80, 4, 4), frame="lidar")
    coarse = Grid(origin=(-25.6, -1.7, -1.1), voxel_size=0.4, shape=(40, 2, 2), frame="lidar")
    planes = np.where(np.indices(fine.shape)[0] % 2, CAR, ROAD).astype(np.uint8)
    cars = np.full(coarse.shape, CAR, np.uint8)
    specs = [
        publish(MadeUpVersion([MadeUpFrame("00", "0", {"semantics": labels})], LabelSpace(grid, SPACE.taxonomy), name),
                tmp_path / name).spec
        for name, grid, labels in (("a", coarse, cars), ("b", fine, planes))
    ]  # fmt: skip
    assert compare(specs[0], specs[1]).changed().changed == 0, "each centre lies in the voxel above it"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_grids_that_lie_a_voxel_apart_are_compared_where_they_overlap(
    first: PublishedVersion, tmp_path: Path, axis: int
) -> None:
    """In height too: of a version it is known how high it lies."""
    origin = tuple(GRID.origin[a] + (a == axis) for a in range(3))
    grid = GRID.model_copy(update={"origin": origin})
    frames = [MadeUpFrame(log, "000000", {"semantics": np.roll(volume(n), -1, axis)}) for n, log in enumerate(LOGS)]
    other = publish(MadeUpVersion(frames, LabelSpace(grid, SPACE.taxonomy), "v2"), tmp_path / "v2")
    found = compare(first, other).changed()
    beyond = GRID.voxels // GRID.shape[axis] * len(LOGS)
    assert (found.changed, found.became_unknown) == (beyond, beyond)


def test_what_cannot_be_compared_gets_a_sentence(first: PublishedVersion, tmp_path: Path) -> None:
    frames = [MadeUpFrame("09", "000000", {"semantics": volume(0)})]
    other = publish(MadeUpVersion(frames, SPACE, "v2"), tmp_path / "v2")
    with pytest.raises(OcclabelError, match="none in common"):
        compare(first, other)
    with pytest.raises(OcclabelError, match="not both versions have log 07; both have 00"):
        compare(first, first, logs=["07"])
    with pytest.raises(OcclabelError, match="has no version 'v9'"):
        compare(first, f"{first.store.location}@v9")
    ego = LabelSpace(Grid(origin=GRID.origin, voxel_size=1.0, shape=GRID.shape, frame="ego"), SPACE.taxonomy)
    frames = [MadeUpFrame("00", "000000", {"semantics": volume(0)})]
    with pytest.raises(OcclabelError, match=r"fixed to the lidar frame.*to the ego frame"):
        compare(first, publish(MadeUpVersion(frames, ego, "v3"), tmp_path / "v3"))
    with pytest.raises(OcclabelError, match=r"truth"):
        compare(first, first, truth=tmp_path)


def test_the_command_says_it_draws_it_and_ends_with_3_for_damage(first: PublishedVersion, tmp_path: Path) -> None:
    other = published(tmp_path, "v2", {"00": ((slice(4, 5), slice(6, 8), slice(1, 2)), TRUCK)})
    asked = ["compare", first.spec, other.spec, "--out", tmp_path / "heat.png", "--json", tmp_path / "c.json"]
    result = CliRunner().invoke(app, list(map(str, asked)))
    said = " ".join(result.output.split())
    assert result.exit_code == 0 and "2 have another class" in said and "frames 00 000000" in said
    told = json.loads((tmp_path / "c.json").read_text())
    assert (tmp_path / "heat.png").stat().st_size > 1000 and told["voxels"]
    alone = CliRunner().invoke(app, [*map(str, asked[:-1]), "-"])
    assert json.loads(alone.stdout) == told and "2 have another class" in " ".join(alone.stderr.split())
    damaged = published(tmp_path / "again", "v3", {"01": ((slice(0, 1),) * 3, TRUCK)})
    files = (tmp_path / "again/v3/artifacts").rglob("semantics/c/**/*")
    shard = next(path for path in files if path.is_file() and "01" in path.parts)
    shard.write_bytes(shard.read_bytes()[:20])
    result = CliRunner().invoke(app, ["compare", first.spec, damaged.spec])
    assert result.exit_code == 3 and "error: not compared: log 01, frame 000000" in " ".join(result.output.split())


def test_both_are_scored_in_the_frames_that_both_have(tmp_path: Path) -> None:
    """The second lacks the cars of one log, and a frame of another that the first has wrong."""
    space = LabelSpace(GRIDS["semantickitti"], SPACE.taxonomy)
    right = np.zeros(space.grid.shape, np.uint8)
    right[:, :, 2], right[20:30, 100:110, 3:6] = ROAD, CAR
    without_cars = np.where(right == CAR, 0, right).astype(np.uint8)
    mine, other = [], []
    for log in ("00", "01"):
        place = tmp_path / f"truth/sequences/{log}/voxels"
        place.mkdir(parents=True)
        for name in ("000000", "000005"):
            (place / f"{name}.label").write_bytes(space.taxonomy.to_raw[right].astype("<u2").tobytes())
            (place / f"{name}.invalid").write_bytes(bytes(262144))
            lacking = (log, name) == ("00", "000005")
            mine.append(MadeUpFrame(log, name, {"semantics": without_cars if lacking else right}))
            if not lacking:
                other.append(MadeUpFrame(log, name, {"semantics": without_cars if log == "01" else right}))
    specs = [
        publish(MadeUpVersion(frames, space, name), tmp_path / name).spec
        for name, frames in (("a", mine), ("b", other))
    ]
    found = compare(specs[0], specs[1], tmp_path / "truth").truth
    assert found is not None and found.frames == 3
    name, worst = next(iter(found.classes.items()))
    assert (name, worst.log, worst.share) == ("car", "01", 1.0)
    assert worst.a == pytest.approx(1.0) and worst.b == pytest.approx(1 / 3)
    assert found.scores[0]["51.2"].miou_present == pytest.approx(1.0)


def test_in_a_pipe_every_number_is_whole_and_what_is_written_is_said(
    first: PublishedVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    second = published(tmp_path, "v2", {"00": ((slice(0, 8), slice(0, 8), slice(0, 2)), CAR)})
    words = ["compare", first.spec, second.spec, "--json", str(tmp_path / "c.json"), "--executor", "local"]
    said = CliRunner().invoke(app, words).stdout
    assert "IoU A/B" in said and "became mostly" in said and "…" not in said
    assert any("│ road" in line and "1,536" in line and "car 64" in line for line in said.splitlines())
    assert said.endswith(f"wrote {tmp_path / 'c.json'}\n")


def with_objects(root: Path, name: str, second: dict[int, tuple[slice, int, int]]) -> PublishedVersion:
    """A log of two frames with two objects; ``second``: those of the second frame, id -> place along x, class, id."""
    frames = []
    for frame, objects in enumerate(({1: (slice(2, 6), CAR, 1), 2: (slice(9, 13), CAR, 2)}, second)):
        arrays = {"semantics": volume(0), "instance": np.zeros(GRID.shape, np.uint16)}
        for place, semantics, instance in objects.values():
            arrays["semantics"][place, 1:3, 1:3] = semantics
            arrays["instance"][place, 1:3, 1:3] = instance
        frames.append(MadeUpFrame("00", f"{frame:06d}", arrays))
    return publish(MadeUpVersion(frames, SPACE, name, tracked=True), root / name)


def test_objects_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    a = with_objects(tmp_path, "v1", {1: (slice(2, 6), CAR, 1), 2: (slice(9, 13), CAR, 2)})
    b = with_objects(tmp_path, "v2", {1: (slice(3, 6), TRUCK, 4), 3: (slice(13, 16), CAR, 3)})
    found = compare(a, b)
    told = json.loads(json.dumps(found.facts()))["objects"]
    assert told["frames"] == 2
    assert told["per_class"]["car"] == {
        "a": 4, "b": 3, "both": 2, "only_a": 1, "only_b": 1, "became": {"truck": 1}
    }  # fmt: skip
    said = "objects of 2 frames: 4 and 4; 3 are in both, 1 of these as another class, 1 vanished, 1 appeared"
    assert said in list(found.sentences())
    assert vars(found.ids) == told["ids"] == {"ids": 2, "renumbered": 0, "split": 1, "joined": 0}
    assert "ids: of 2 that are found again 0 have another number, 1 is several now" in " ".join(found.sentences())
    shown = CliRunner().invoke(app, ["compare", a.spec, b.spec, "--executor", "local"]).stdout
    assert "only in A" in shown and any("│ car" in line and "truck 1" in line for line in shown.splitlines())


def test_versions_of_which_one_has_no_objects_are_silent_of_them(first: PublishedVersion, tmp_path: Path) -> None:
    found = compare(with_objects(tmp_path, "v1", {}), first)
    assert found.with_objects == 0 and "objects" not in found.facts() and not found.objects_changed
    assert not any(line.startswith("objects") for line in found.sentences())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"b": 3}, "b=3: give STORE@VERSION, or an open version"),
        ({"truth": 3}, "truth=3: give the root of the truth"),
        ({"truth": "TOWN", "format": "x"}, "format='x': it is one of semantickitti, occ3d"),
        ({"told": [1]}, r"told=\[1\]: give a dictionary from class to class"),
        ({"told": {"cra": "car"}}, r"the map names the class 'cra' \(did you mean 'car'\?\); the versions have"),
        ({"told": {"car": "trck"}}, r"the map calls 'car' 'trck' \(did you mean 'truck'\?\); it can be one of"),
        ({"logs": 3}, "logs=3: give a list of ids of logs"),
        ({"workplace": "local"}, "workplace='local': give a Workplace"),
    ],
)
def test_an_argument_of_another_kind_gets_a_sentence(first: PublishedVersion, given: dict[str, Any], said: str) -> None:
    with pytest.raises(OcclabelError, match=said):
        compare(**{"a": first, "b": first, **given})


def test_what_is_said_of_classes_of_either_version_or_of_the_truth_is_no_mistake(
    first: PublishedVersion, tmp_path: Path
) -> None:
    told: dict[str, str | None] = {"car": "truck", "truck": None}
    assert compare(Path(first.spec), first, told=told).changed().changed == 0
    with pytest.raises(OcclabelError, match="the map calls 'car' 'barrier'"):
        compare(first, first, told={"car": "barrier"})
    with pytest.raises(OcclabelError, match="truth"):
        compare(first, first, tmp_path, "occ3d", told={"car": "barrier"})
