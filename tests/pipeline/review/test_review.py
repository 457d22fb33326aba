"""The queue of a review, what is said of its items, and corrections that come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from reported import CAR, GRID, ROAD, SPACE
from reported import published as published_cars
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.review.blocks import Blocks, count_blocks
from occlabel.pipeline.review.correcting import Fix, fix, from_volumes, take_back
from occlabel.pipeline.review.queue import Item, make_queue, mark, open_review
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.corrections import Box, read_boxes, read_voxels, voxel_file
from occlabel.schemas.errors import BadPredictions, BadRecipe, DamagedFile, OcclabelError, StoreError
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.review.applying import apply


def at(x: float, turned: bool = False) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = x
    if turned:
        pose[:2, :2] = [[0, -1], [1, 0]]
    return pose


def frame(log: str, name: str, doubts: dict[tuple[int, int], int], pose: np.ndarray | None) -> MadeUpFrame:
    """A road of which the labels are sure, but for the columns x, y with a car on them, of these bytes."""
    labels, sure = np.zeros(GRID.shape, np.uint8), np.full(GRID.shape, 255, np.uint8)
    labels[:, :, 0] = ROAD
    for (x, y), byte in doubts.items():
        labels[x, y, 1], sure[x, y, 1] = CAR, byte
    arrays = {"semantics": labels, "confidence": sure}
    return MadeUpFrame(log, name, arrays, world_from_grid=pose)


def published(root: Path, *frames: MadeUpFrame) -> PublishedVersion:
    return publish(MadeUpVersion(list(frames), SPACE, "v1"), root)


@pytest.fixture
def version(tmp_path: Path) -> PublishedVersion:
    """A car in one place of the world that two frames doubt, another that one doubts more, and a log without poses."""
    first, second = {(6, 8): 55, (12, 2): 5}, {(2, 8): 155}
    return published(
        tmp_path / "s", frame("00", "0", first, at(0)), frame("00", "1", second, at(4)), frame("01", "0", second, None)
    )


def test_a_place_of_several_frames_is_one_and_the_most_probable_errors_come_first(version: PublishedVersion) -> None:
    first, second, third = make_queue(version).items[:3]
    assert (first.log, first.frame, first.frames, first.doubted) == ("00", "0", 2, "car")
    assert first.wrong == pytest.approx((200 + 100) / 255, abs=0.01), "of both frames"
    assert second.wrong == pytest.approx(250 / 255, abs=0.01) and second.frame == "0"
    assert third.log == "01" and third.wrong == pytest.approx(100 / 255, abs=0.01)
    assert open_review(version).items[:3] == (first, second, third)
    x, y, z = first.box.centre
    assert (x, y, z) == pytest.approx((6.0, 2.0, 0.5)) and first.box.size == (4.0, 4.0, 1.0)
    assert Blocks.from_bytes(count_blocks(version, "00").to_bytes()).names == ["0", "1"]


def test_the_box_of_a_turned_frame_holds_the_doubted_voxel(tmp_path: Path) -> None:
    version = published(tmp_path / "s", frame("00", "0", {(13, 5): 5}, at(3, turned=True)))
    item = make_queue(version).items[0]
    fix(version, item, Fix("class", "truck", was=("car",)), "anna", tmp_path / "c")
    (correction,) = read_boxes(tmp_path / "c", "00")
    labels = version.frame("00", "0")[SEMANTICS].copy()
    assert apply(correction, labels, np.zeros_like(labels), SPACE, np.eye(4)) == 1
    assert SPACE.taxonomy.names[labels[13, 5, 1]] == "truck"


def test_no_log_hides_the_others(tmp_path: Path) -> None:
    bad = {(x, y): 0 for x in range(0, 16, 2) for y in range(0, 16, 2)}
    frames = [frame("00", "0", bad, at(0)), *(frame(log, "0", {(3, 3): 200}, at(0)) for log in ("01", "02", "03"))]
    items = make_queue(published(tmp_path / "s", *frames)).items
    assert {item.log for item in items[:8]} == {"00", "01", "02", "03"}
    assert items[0].log == "00"


def test_what_was_said_stays_and_what_comes_back_goes_to_who_corrected_it(
    version: PublishedVersion, tmp_path: Path
) -> None:
    first, second, *_ = make_queue(version).items
    assert open_review(version).next("anna") == first
    fix(version, first, Fix("extraneous"), "anna", tmp_path / "c")
    assert open_review(version).next("anna") == second
    mark(version, first, "pending", "lead", note="look again")
    assert open_review(version).next("anna") == first and open_review(version).next("ben") == second
    mark(version, first, "accepted", "anna")
    assert [(said.state, said.by) for said in open_review(version).said[first.id]] == [
        ("fixed", "anna"), ("pending", "lead"), ("accepted", "anna"),
    ]  # fmt: skip
    assert open_review(version).counts()["accepted"] == 1 and open_review(version).counts()["fixed"] == 0
    with pytest.raises(OcclabelError, match="a reviewer has a name"):
        mark(version, second, "accepted", " ")
    with pytest.raises(OcclabelError, match="has no item 'nothing'"):
        open_review(version).item("nothing")


def test_another_version_of_the_name_begins_anew(version: PublishedVersion, tmp_path: Path) -> None:
    item = make_queue(version).items[0]
    mark(version, item, "accepted", "anna")
    again = published(tmp_path / "t", frame("00", "0", {(6, 8): 50}, at(0)))
    shutil.copytree(tmp_path / "s/review", tmp_path / "t/review")
    with pytest.raises(StoreError, match="of other labels"):
        open_review(again)
    items = make_queue(again).items
    assert item.id in {one.id for one in items} and open_review(again).counts()["pending"] == len(items)


def test_what_cannot_be_reviewed_or_corrected_is_said(version: PublishedVersion, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has no queue; make it with occlabel review queue"):
        open_review(version)
    items = make_queue(version).items
    alone = next(item for item in items if item.log == "01")
    for said, why in (
        (Fix("class", "building", ("free",)), "changes what is there, and was names 'free'; .* say wrong: missing"),
        (Fix("class", "lorry"), "names 'lorry', no class of .*; it has free, car, "),
        (Fix("class"), "wrong: class needs class, what is there"),
        (Fix("class", "building", holds="log"), "has no pose"),
    ):
        with pytest.raises(OcclabelError, match=why):
            fix(version, alone, said, "anna", tmp_path / "c")
    assert not (tmp_path / "c").exists() and open_review(version).counts()["fixed"] == 0
    unsure = MadeUpFrame("00", "0", {"semantics": np.zeros(GRID.shape, np.uint8)})
    with pytest.raises(BadPredictions, match="publishes no confidence"):
        make_queue(published(tmp_path / "other", unsure))
    version.store.put("review/v1/queue.json", b"{}")
    with pytest.raises(StoreError, match="damaged"):
        open_review(version)


def test_what_no_run_would_apply_is_not_kept(version: PublishedVersion, tmp_path: Path) -> None:
    item = next(item for item in make_queue(version).items if item.log == "00")
    for said, by, why in (
        (Fix("class", "car", holds="log"), "anna", "names 'car', which moves; let it hold for its frame"),
        (Fix("extraneous", was=("car",), holds="log"), "anna", "names 'car', which moves"),
        (Fix("extraneous"), " ", "a reviewer has a name"),
        (Fix("class", "car", was=("car",)), "anna", "this correction makes 'car' of what was 'car'"),
        (Fix("position", moved=(0.1, 0, 0)), "anna", "this correction moves by less than half a voxel"),
        (Fix("position", moved=(1000, 0, 0)), "anna", "this correction moves all that its box holds out of the grid"),
        (Fix("position", moved=(float("nan"), 0, 0)), "anna", "this is no correction: moved has finite numbers"),
        (Fix("missing", "car", was=("free",)), "anna", r"missing takes no was, got \['free'\]: it was free or unknown"),
        (Fix("extraneous", box=Box(centre=(500, 500, 0), size=(1, 1, 1))), "anna", "holds the centre of no voxel"),
    ):
        with pytest.raises(OcclabelError, match=why):
            fix(version, item, said, by, tmp_path / "c")
    assert not (tmp_path / "c").exists() and open_review(version).counts()["fixed"] == 0


def test_volumes_that_another_tool_edited_come_back_voxel_by_voxel(tmp_path: Path) -> None:
    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    version = published_cars(tmp_path / "s", "v1", {("00", "000000"): 2, ("00", "000005"): 2}, space)
    edited = version.frame("00", "000005")[SEMANTICS].copy()
    edited[4, 6, 1] = space.taxonomy.names.index("truck")
    folder = tmp_path / "edited/sequences/00/predictions"
    folder.mkdir(parents=True)
    semantickitti.write_volume(folder / "000005.label", space.taxonomy.to_raw[edited])
    semantickitti.write_volume(folder / "000099.label", space.taxonomy.to_raw[edited])
    semantickitti.write_volume(folder / "000000.label", space.taxonomy.to_raw[version.frame("00", "000000")[SEMANTICS]])
    found = from_volumes(version, tmp_path / "edited", "semantickitti", tmp_path / "c")
    assert (found.frames, found.corrected, found.voxels, found.unknown) == (2, 1, 1, ["00 000099"])
    words = ["review", "apply", version.spec, "--labels", tmp_path / "edited", "--format", "semantickitti"]
    told = CliRunner().invoke(app, [*map(str, words), "--into", str(tmp_path / "c")]).stdout
    assert told == f"read 2 frames; corrections in {tmp_path / 'c'}: 1 voxel of 1 frame\n"
    kept = read_voxels(voxel_file(tmp_path / "c", "00", "000005"), space.grid.voxels)
    assert np.unravel_index(kept.index, space.grid.shape) == ([4], [6], [1]) and kept.classes == ("truck",)
    edited[4, 6, 1] = space.taxonomy.names.index("building")
    semantickitti.write_volume(folder / "000005.label", space.taxonomy.to_raw[edited])
    from_volumes(version, tmp_path / "edited", "semantickitti", tmp_path / "c")
    assert read_voxels(voxel_file(tmp_path / "c", "00", "000005"), space.grid.voxels).classes == ("building",)
    semantickitti.write_volume(folder / "000005.label", np.full(space.grid.shape, 777, np.uint16))
    with pytest.raises(BadPredictions, match=r"000005.label: 2097152 of 2097152 voxels have a number that is no class"):
        from_volumes(version, tmp_path / "edited", "semantickitti", tmp_path / "c")
    (folder / "000005.label").write_bytes(b"cut")
    with pytest.raises(OcclabelError, match=r"000005\.label"):
        from_volumes(version, tmp_path / "edited", "semantickitti", tmp_path / "c")
    aside = LabelSpace(space.grid.model_copy(update={"origin": (0.2, -25.6, -2.0)}), space.taxonomy)
    for other in (
        published(tmp_path / "o", frame("00", "0", {}, None)),
        published_cars(tmp_path / "aside", "v1", {("00", "000005"): 2}, aside),
    ):
        with pytest.raises(BadPredictions, match="whose classes and grid"):
            from_volumes(other, tmp_path / "edited", "semantickitti", tmp_path)


def test_frames_that_cannot_be_read_are_named(version: PublishedVersion, tmp_path: Path) -> None:
    for shard in (tmp_path / "s/artifacts/made/up/01").rglob("c/*/0/0/0"):
        shard.write_bytes(shard.read_bytes()[:-30])
    told = CliRunner().invoke(app, ["review", "queue", version.spec, "--executor", "local"])
    assert told.exit_code == 3 and "not in the queue: log 01, frame 0:" in told.stderr
    assert {item.log for item in open_review(version).items} == {"00"}
    page = CliRunner().invoke(app, ["report", version.spec, "--out", str(tmp_path / "r.html"), "--executor", "local"])
    assert page.exit_code == 3 and "cannot be read: log 01, frame 0:" in page.stderr
    assert "cannot be read: log 01, frame 0:" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["class"], "--wrong class needs --class, the class that is there"),
        (["missing"], "--wrong missing needs --class"),
        (["extraneous", "--class", "car"], "--wrong extraneous takes no --class"),
        (["position"], "--wrong position needs --moved"),
        (["extraneous", "--moved", "1", "0", "0"], "--wrong extraneous takes no --moved"),
        (["missing", "--class", "car", "--was", "free"], "--wrong missing takes no --was: what is missing was free"),
        (["extraneous", "--box", "0", "0", "0", "-1", "1", "1", "0"], "--box: a box has finite numbers up to 1e+08"),
        (["extraneous", "--box", "nan", "0", "0", "1", "1", "1", "0"], "--box: a box has finite numbers up to 1e+08"),
    ],
)
def test_what_a_correction_lacks_is_told_by_the_options(tmp_path: Path, wrong: list[str], said: str) -> None:
    words = ["review", "fix", "STORE@v1", "ITEM", "--by", "anna", "--into", str(tmp_path / "c"), "--wrong", *wrong]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 1 and isinstance(told.exception, OcclabelError)
    assert str(told.exception).startswith(said) and not (tmp_path / "c").exists()


def occlabel(*words: object) -> str:
    """What the command ``occlabel review WORDS`` prints."""
    told = CliRunner().invoke(app, ["review", *map(str, words)])
    assert told.exit_code == 0, told.output
    return told.stdout


def test_a_correction_says_how_much_it_changes_and_how_many_there_are(
    version: PublishedVersion, tmp_path: Path
) -> None:
    item, into = make_queue(version).items[0], tmp_path / "c"
    words = ("fix", version.spec, item.id, "--by", "anna", "--into", into, "--wrong", "class", "--class", "truck")
    file, labelled = into / "00/boxes.yaml", f"of frame 0 as {version.spec} labels it"
    assert occlabel(*words, "--was", "car") == f"{item.id}: fixed, in {file}; this changes 1 voxel {labelled}\n"
    assert occlabel(*words, "--was", "building").splitlines() == [
        f"{item.id}: fixed, in {file}; this changes 0 voxels {labelled}; look at --was and --box",
        f"2 corrections of {item.id} are there now, and are applied one after the other",
    ]


def test_a_correction_of_what_is_fixed_no_longer_stays_until_it_is_taken_back(
    version: PublishedVersion, tmp_path: Path
) -> None:
    first, second = [item for item in make_queue(version).items if item.log == "00"][:2]
    into = tmp_path / "c"
    for item in (first, first, second):
        fix(version, item, Fix("extraneous", was=("car",)), "anna", into)
    again = ("mark", version.spec, first.id, "--state", "pending", "--by", "lead")
    _, stays = occlabel(*again).splitlines()
    assert stays.startswith("its corrections stay in CORRECTIONS/00/boxes.yaml")
    assert f"; occlabel review {' '.join(map(str, again))} --into CORRECTIONS takes them back, or remove" in stays
    assert stays.endswith(f"the entries with item: v1/{first.id} there")
    assert (into / "00/boxes.yaml").read_text().count(f"  item: v1/{first.id}\n") == 2
    assert len(occlabel(*again).splitlines()) == 1, "it was told when it was fixed no longer"
    assert f"2 corrections of it taken back from {into}/00/boxes.yaml" in occlabel(*again, "--into", into)
    assert [one.item for one in read_boxes(into, "00")] == [f"v1/{second.id}"]
    assert "has no correction with item" in occlabel(*again, "--into", into)
    assert take_back(version, second, into) == 1 and not (into / "00/boxes.yaml").exists()
    told = CliRunner().invoke(app, ["review", *map(str, again), "--into", str(tmp_path / "none")])
    assert str(told.exception) == f"--into {tmp_path / 'none'} is no folder; name the folder of corrections"


def test_what_cannot_be_taken_back_is_not_marked(version: PublishedVersion, tmp_path: Path) -> None:
    item, into = next(item for item in make_queue(version).items if item.log == "00"), tmp_path / "c"
    fix(version, item, Fix("extraneous"), "anna", into)
    (into / "00/boxes.yaml").write_text("corrections: 3")
    words = ["review", "mark", version.spec, item.id, "--state", "pending", "--by", "lead", "--into", str(into)]
    told = CliRunner().invoke(app, words)
    assert isinstance(told.exception, BadRecipe) and f"{into}/00/boxes.yaml cannot be used" in str(told.exception)
    assert not told.output and open_review(version).state(item) == "fixed"


def test_who_is_refused_leaves_no_folder_of_corrections(version: PublishedVersion, tmp_path: Path) -> None:
    make_queue(version)
    (tmp_path / "there").mkdir()
    for into in (tmp_path / "corrections/new", tmp_path / "there"):
        for words in (
            ("fix", version.spec, "nothing", "--wrong", "extraneous", "--by", "anna"),
            ("apply", version.spec, "--labels", tmp_path / "none", "--format", "semantickitti"),
            ("page", f"{version.store.location}@v9", "--by", "anna"),
        ):
            told = CliRunner().invoke(app, ["review", *map(str, words), "--into", str(into)])
            assert isinstance(told.exception, OcclabelError), told.output
    assert not (tmp_path / "corrections").exists() and (tmp_path / "there").is_dir()


def edited(root: Path, version: PublishedVersion, *names: str) -> Path:
    """A folder of the volumes of these frames of log 00, with a truck in each."""
    folder, taxonomy = root / "edited/sequences/00/predictions", version.space.taxonomy
    folder.mkdir(parents=True)
    for name in names:
        labels = version.frame("00", name)[SEMANTICS].copy()
        labels[4, 6, 1] = taxonomy.names.index("truck")
        semantickitti.write_volume(folder / f"{name}.label", taxonomy.to_raw[labels])
    return folder


def test_of_volumes_all_are_taken_or_none(tmp_path: Path) -> None:
    space, names = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"]), ("000000", "000001")
    version = published_cars(tmp_path / "s", "v1", {("00", name): 2 for name in names}, space)
    folder, into, noted = edited(tmp_path, version, *names), tmp_path / "c", list[str]()
    whole = (folder / "000001.label").read_bytes()
    (folder / "000001.label").write_bytes(b"cut")
    with pytest.raises(DamagedFile, match=r"000001.label.*; nothing is taken from any volume; repair this one"):
        from_volumes(version, tmp_path / "edited", "semantickitti", into, noted.append)
    semantickitti.write_volume(folder / "000001.label", np.full(space.grid.shape, 777, np.uint16))
    with pytest.raises(BadPredictions, match=r"no class of semantickitti .*; nothing is taken from any volume"):
        from_volumes(version, tmp_path / "edited", "semantickitti", into, noted.append)
    assert not into.exists() and not noted
    (folder / "000001.label").write_bytes(whole)
    voxel_file(into, "00", "000001").parent.mkdir(parents=True)
    voxel_file(into, "00", "000001").write_bytes(b"torn")
    with pytest.raises(DamagedFile, match=r"000001.npz is no file of corrected voxels"):
        from_volumes(version, tmp_path / "edited", "semantickitti", into)
    assert not voxel_file(into, "00", "000000").exists()
    voxel_file(into, "00", "000001").unlink()
    assert from_volumes(version, tmp_path / "edited", "semantickitti", into, noted.append).voxels == 2
    assert noted == ["log 00, frame 000000: 1 voxel", "log 00, frame 000001: 1 voxel"]


def test_frames_without_a_volume_are_named(tmp_path: Path) -> None:
    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    version = published_cars(tmp_path / "s", "v1", {("00", f"{n:06d}"): 2 for n in range(12)}, space)
    edited(tmp_path, version, "000000")
    words = ["review", "apply", version.spec, "--labels", tmp_path / "edited", "--format", "semantickitti"]
    told = CliRunner().invoke(app, [*map(str, words), "--into", str(tmp_path / "c")])
    assert told.exit_code == 0 and told.stdout.startswith("read 1 frame; ")
    listed = ", ".join(f"00 {n:06d}" for n in range(1, 11))
    assert f"no volume in {tmp_path}/edited of 11 frames, whose labels stay: {listed} and 1 more\n" in told.stderr


def test_the_commands(version: PublishedVersion, tmp_path: Path) -> None:
    items = [
        Item.model_validate(one) for one in json.loads(occlabel("queue", version.spec, "--json", "--executor", "local"))
    ]
    picture = tmp_path / "next.png"
    assert items[0].id in occlabel("next", version.spec, "--by", "anna", "--out", picture) and picture.is_file()
    occlabel("fix", version.spec, items[0].id, "--wrong", "extraneous", "--by", "anna", "--into", tmp_path / "c")
    occlabel("mark", version.spec, items[1].id, "--state", "rejected", "--by", "anna", "--note", "too dark")
    assert "fixed 1, rejected 1" in occlabel("status", version.spec)
    said = json.loads(occlabel("status", version.spec, "--json"))["said"]
    assert said[items[1].id][0]["note"] == "too dark" and said[items[0].id][0]["wrong"] == "extraneous"
