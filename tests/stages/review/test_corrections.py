"""Corrections laid over labels of which every voxel is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract import facts_of, log_of, run
from pydantic import ValidationError

from occlabel.schemas.corrections import (
    CorrectedVoxels,
    Correction,
    as_yaml,
    box_file,
    corrected_logs,
    read_boxes,
    read_voxels,
    voxel_file,
    voxels_as_bytes,
)
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.review.stage import Corrections

GRID = Grid(origin=(-4.0, -4.0, 0.0), voxel_size=1.0, shape=(8, 8, 4), frame="ego")
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
NAMES = SPACE.taxonomy.names
FREE, CAR, BUILDING, VEGETATION = (NAMES.index(name) for name in ("free", "car", "building", "vegetation"))
MIDDLE = {"centre": [1.0, 0.0, 1.0], "size": [2.0, 2.0, 2.0]}
"""Voxels 4..5, 3..4, 0..1."""


def correction(**facts: Any) -> Correction:
    return Correction.model_validate({"frame": "000000", "box": MIDDLE, **facts})


def corrected(folder: Path, *found: Correction, frames: int = 3) -> dict[str, np.ndarray]:
    """What the stage makes of a wall of vegetation, past which the car drives a metre a frame."""
    box_file(folder, "log").parent.mkdir(exist_ok=True)
    box_file(folder, "log").write_text(as_yaml(found))
    log = log_of(tuple(at(x) for x in range(frames)))
    labels = np.full((frames, *GRID.shape), FREE, np.uint8)
    for n in range(frames):
        labels[n, 4 - n : 6 - n, 3:5, 0] = VEGETATION
    labels[:, 0, 0, 3] = UNKNOWN
    arrays = {"semantics": labels, "confidence": np.full(labels.shape, 100, np.uint8)}
    stage = Corrections(path=folder)
    assert stage.refuse(SPACE, None) is None
    return {"before": labels, **run(stage, SPACE, log, arrays)}


def at(x: int) -> Frame:
    pose = np.eye(4)
    pose[0, 3] = x
    return Frame(f"{x:06d}", 0.1 * x, pose)


def changed(found: dict[str, np.ndarray]) -> list[tuple[int, ...]]:
    return [tuple(place) for place in np.argwhere(found["semantics"] != found["before"]).tolist()]


def test_another_class_is_given_to_what_is_occupied_and_is_certain(tmp_path: Path) -> None:
    found = corrected(tmp_path, correction(wrong="class", **{"class": "building"}))
    assert changed(found) == [(0, x, y, 0) for x in (4, 5) for y in (3, 4)]
    assert (found["semantics"][0, 4:6, 3:5, 0] == BUILDING).all()
    assert (found["confidence"] == 255).sum() == 4, "and no other voxel is surer than it was"


def test_what_holds_for_the_log_is_corrected_wherever_the_place_is(tmp_path: Path) -> None:
    pose = tuple(np.eye(4).ravel().tolist())
    one = correction(wrong="class", holds="log", world_from_grid=pose, **{"class": "building"})
    found = corrected(tmp_path, one)
    assert {place[0] for place in changed(found)} == {0, 1, 2}
    assert all((found["semantics"][n] == BUILDING).sum() == 4 for n in range(3))


def test_what_is_missing_comes_and_what_is_not_there_goes(tmp_path: Path) -> None:
    missing = correction(wrong="missing", **{"class": "car"})
    found = corrected(tmp_path, missing, correction(wrong="extraneous", was=["vegetation"]))
    assert (found["semantics"][0, 4:6, 3:5, 1] == CAR).all(), "free voxels of the box"
    assert (found["semantics"][0, 4:6, 3:5, 0] == FREE).all(), "the later one takes the vegetation, not the car"


def test_what_is_elsewhere_is_moved(tmp_path: Path) -> None:
    found = corrected(tmp_path, correction(wrong="position", moved=[1.0, 0.0, 2.0]), frames=1)
    assert (found["semantics"][0, 5:7, 3:5, 2] == VEGETATION).all()
    assert (found["semantics"][0] == VEGETATION).sum() == 4
    gone = corrected(tmp_path, correction(wrong="position", moved=[3.0, 0.0, 0.0]), frames=1)
    assert (gone["semantics"][0] == VEGETATION).sum() == 2, "half of it leaves the grid"


def test_a_turned_box_holds_the_voxels_whose_centres_it_holds(tmp_path: Path) -> None:
    turned = {"centre": [0.0, 0.0, 0.5], "size": [8.0, 0.5, 1.0], "yaw": np.pi / 4}
    one = Correction.model_validate({"frame": "000000", "box": turned, "wrong": "missing", "class": "car"})
    found = corrected(tmp_path, one, frames=1)
    places = np.argwhere(found["semantics"][0] == CAR)
    assert (places[:, 0] == places[:, 1]).all() and len(places) == 5, "one of six on the diagonal is vegetation"


def test_single_voxels(tmp_path: Path) -> None:
    file = voxel_file(tmp_path, "log", "000001")
    file.parent.mkdir()
    file.write_bytes(voxels_as_bytes(CorrectedVoxels(np.array([0, 9]), ("car", "building"))))
    assert corrected(tmp_path)["semantics"][1].ravel()[[0, 9]].tolist() == [CAR, BUILDING]
    with pytest.raises(DamagedFile, match="indices of voxels are 0 to 4"):
        read_voxels(file, 5)
    file.write_bytes(b"torn")
    log = LogFacts.model_validate(
        {
            "id": "log",
            "stamp": "s",
            "digest": "d",
            "geometry": "g",
            "names": ("000001",),
            "times": (0.0,),
            "rig": {},
            "scans": 1,
            "images": {},
            "poses": 1,
        }
    )
    with pytest.raises(BadLog, match=r"log log: .*000001.npz is no file of corrected voxels"):
        Corrections(path=tmp_path).doubts(SPACE, log)
    with pytest.raises(DamagedFile, match=r"000001.npz is no file of corrected voxels"):
        read_voxels(file, 256)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"wrong": "class"}, "wrong: class needs class, what is there"),
        ({"wrong": "extraneous", "class": "car"}, "takes no class, got 'car'"),
        ({"wrong": "position"}, "moved says where something is"),
        ({"wrong": "position", "moved": [np.nan, 0, 0]}, "moved has finite numbers .* got \\(nan, 0.0, 0.0\\)"),
        ({"wrong": "position", "moved": [0, 1e300, 0]}, "moved has finite numbers up to 1e\\+08, by how many metres"),
        ({"wrong": "missing", "class": "car", "was": ["building"]}, "missing takes no was, got .* free or unknown"),
        ({"wrong": "class", "class": "car", "holds": "log"}, "holds: log needs world_from_grid"),
        ({"wrong": "extraneous", "holds": "log", "world_from_grid": [np.nan] * 16}, "16 finite numbers"),
        ({"wrong": "extraneous", "box": {**MIDDLE, "centre": [np.inf, 0, 1]}}, "a box has finite numbers"),
        ({"wrong": "extraneous", "box": {**MIDDLE, "size": [1, 0, 1]}}, "sides above 0"),
    ],
)
def test_corrections_that_say_too_little_or_too_much(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        correction(**facts)


def test_what_cannot_be_applied_is_refused_in_a_sentence(tmp_path: Path) -> None:
    def refusal(*found: Correction) -> str:
        box_file(tmp_path, "00").parent.mkdir(exist_ok=True)
        box_file(tmp_path, "00").write_text(as_yaml(found))
        return Corrections(path=tmp_path).refuse(SPACE, None) or ""

    assert "log 00, frame 000000" in refusal(correction(wrong="class", **{"class": "biulding"}))
    assert "did you mean 'building'" in refusal(correction(wrong="class", **{"class": "biulding"}))
    pose = tuple(np.eye(4).ravel().tolist())
    moving = correction(wrong="class", holds="log", world_from_grid=pose, was=["car"], **{"class": "building"})
    assert "names 'car', which moves" in refusal(moving)
    quoted = as_yaml([correction(wrong="extraneous")])
    assert "frame: '000000'" in quoted
    box_file(tmp_path, "00").write_text(quoted.replace("'000000'", "000042"))
    said = Corrections(path=tmp_path).refuse(SPACE, None) or ""
    assert "corrections.0.frame: " in said and "YAML reads 34 here: write the name of the frame in quotes" in said
    box_file(tmp_path, "00").write_text("corrections: [{frame: '1', box: 3, wrong: class}]")
    assert "boxes.yaml cannot be used: corrections.0.box" in (Corrections(path=tmp_path).refuse(SPACE, None) or "")
    assert "does not exist; occlabel review fix or apply makes one" in (
        Corrections(path=tmp_path / "no").refuse(SPACE, None) or ""
    )
    with pytest.raises(BadRecipe, match="cannot be the name of a file"):
        voxel_file(tmp_path, "..", "0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "holds list \"['a']\", expected 'corrections:' and a list of them"),
        ("", "holds nothing, expected 'corrections:' and a list of them"),
        ("a: [", "is not valid YAML: line 1, column 5: "),
        ("{}", "cannot be used: corrections: is missing"),
        ("corrections: 3", "cannot be used: corrections: must be a list, got 3"),
        (
            "corrections: [3]",
            "cannot be used: corrections.0: must be a block of options (frame, box, wrong, class, was",
        ),
        (
            "corrections: [{framme: a, box: {centre: [0, 0, 0], size: [1, 1, 1]}, wrong: extraneous}]",
            "cannot be used: corrections.0.frame: is missing; corrections.0.framme: there is no such option (did you",
        ),
    ],
)
def test_a_file_that_holds_no_corrections_is_named_with_what_is_wrong_in_it(
    tmp_path: Path, text: str, said: str
) -> None:
    file = box_file(tmp_path, "00")
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(BadRecipe) as error:
        read_boxes(tmp_path, "00")
    assert str(error.value).startswith(f"the file of corrections {file} {said}") and "_File" not in str(error.value)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"wrong": "class", "class": "car", "was": ["car"]}, "makes 'car' of what was 'car', which changes nothing"),
        ({"wrong": "position", "moved": [0, 0, 0]}, "less than half a voxel of 1 m, which changes nothing"),
        ({"wrong": "position", "moved": [0.4, 0, -0.4]}, "less than half a voxel of 1 m"),
        ({"wrong": "position", "moved": [4, 0, 0]}, "moves all that its box holds out of the grid"),
        ({"wrong": "position", "moved": [1e8, 0, 0]}, "moves all that its box holds out of the grid"),
        (
            {"wrong": "extraneous", "box": {"centre": [500, 500, 0], "size": [1, 1, 1]}},
            "its middle is (500, 500, 0), its sides are (1, 1, 1), and the grid reaches from (-4, -4, 0) to (4, 4, 4)",
        ),
        ({"wrong": "extraneous", "box": {"centre": [1e8, 0, 0], "size": [1, 1, 1]}}, "holds the centre of no voxel"),
        ({"wrong": "extraneous", "box": {**MIDDLE, "size": [0.1, 0.1, 0.1]}}, "holds the centre of no voxel"),
    ],
)
def test_what_could_change_nothing_is_refused_before_a_run(tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    box_file(tmp_path, "00").parent.mkdir()
    box_file(tmp_path, "00").write_text(as_yaml([correction(**facts)]))
    told = Corrections(path=tmp_path).refuse(SPACE, None) or ""
    assert told.startswith(f"a correction of log 00, frame 000000 in {tmp_path} ") and said in told


def test_a_folder_without_corrections_is_that_of_no_log(tmp_path: Path) -> None:
    for name in (".git", "empty", "boxes", "voxels"):
        (tmp_path / name).mkdir()
    (tmp_path / ".git/config").touch()
    box_file(tmp_path, "boxes").write_text(as_yaml([correction(wrong="extraneous")]))
    voxel_file(tmp_path, "voxels", "000000").touch()
    assert corrected_logs(tmp_path) == ["boxes", "voxels"]


def test_which_item_a_correction_came_from_makes_nothing_anew(tmp_path: Path) -> None:
    def told(item: str) -> str:
        box_file(tmp_path, "log").write_text(as_yaml([correction(wrong="extraneous", item=item)]))
        return Corrections(path=tmp_path).fingerprint_extra(SPACE, facts_of(log_of((at(0),))))

    box_file(tmp_path, "log").parent.mkdir()
    assert told("") == told("v1/log-0-0-0")


def test_a_file_says_what_it_was_made_of(tmp_path: Path) -> None:
    one = correction(wrong="class", by="anna", at="2026-01-01T00:00:00Z", was=["vegetation"], **{"class": "building"})
    box_file(tmp_path, "00").parent.mkdir()
    box_file(tmp_path, "00").write_text(as_yaml([one]))
    assert read_boxes(tmp_path, "00") == (one,) and read_boxes(tmp_path, "01") == ()
