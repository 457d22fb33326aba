"""What is left out of a score is said, in sentences and as JSON, and costs no more than itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_street import kitti_street, labelled, nuscenes_street, replace_table
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.counting import Question
from occlabel.pipeline.quality.evaluate import evaluate, score
from occlabel.schemas.drive_log import Frame, PointTruth
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.formats.semantickitti import write_flags, write_volume
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.nuscenes import NuScenesReader

Street = tuple[Path, MadeUpVersion]


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """Sequence 00 of three labelled scans with voxel truth, and a version of it in the store ``tmp_path/store``."""
    root = tmp_path / "logs"
    version = labelled(KittiReader(root), kitti_street(root), "semantickitti")
    for frame in version.kept:
        true = np.where(frame.arrays["semantics"] == 255, 0, frame.arrays["semantics"]).astype(np.uint8)
        path = root / f"sequences/00/voxels/{frame.name}.label"
        path.parent.mkdir(exist_ok=True)
        write_volume(path, version.space.taxonomy.to_raw[true])
        write_flags(path.with_suffix(".invalid"), np.zeros(true.shape, bool))
    publish(version, tmp_path / "store")
    return root, version


def command(root: Path, *arguments: object) -> tuple[int, str, dict[str, Any], str]:
    """Exit code, output on one line, the JSON, and the error's sentence."""
    out = root.parent / "scores.json"
    out.unlink(missing_ok=True)
    given = ["evaluate", f"{root.parent}/store@v1", "--truth", root, "--format", "semantickitti", "--json", out]
    result = CliRunner().invoke(app, [*map(str, given), *map(str, arguments)])
    facts = json.loads(out.read_text()) if out.exists() else {}
    return result.exit_code, " ".join(result.output.split()), facts, str(result.exception)


@pytest.mark.parametrize("at", ["points", "voxels"])
def test_a_frame_without_a_scan_costs_that_frame_and_only_where_scans_are_asked_for(street: Street, at: str) -> None:
    root, _ = street
    (root / "sequences/00/velodyne/000001.bin").unlink()
    code, text, facts, _ = command(root, "--at", at)
    assert code == 0
    if at == "voxels":
        assert (facts["frames"], facts["unreadable"]) == (3, [])
        return
    assert (facts["frames"], facts["logs"]) == (2, {"00": 2})
    (said,) = facts["unreadable"]
    assert said == "log 00, frame 000001 is labelled, and the log has no such frame", "no sensor has it"
    assert f"1 of 3 truth frames not scored, as their scan or truth is missing or damaged: {said}" in text
    assert "the reader says of log 00: no sensor has frame 000001" in text


@pytest.mark.parametrize(
    ("at", "path", "size"),
    [
        ("points", "velodyne/000001.bin", -5),
        ("points", "labels/000001.label", -4),
        ("voxels", "voxels/000001.label", 100),
        ("voxels", "voxels/000001.invalid", 100),
    ],
)
def test_a_damaged_file_costs_its_frame(street: Street, at: str, path: str, size: int) -> None:
    root, _ = street
    whole = command(root, "--at", at)[2]
    file = root / "sequences/00" / path
    file.write_bytes(file.read_bytes()[:size])
    code, text, facts, _ = command(root, "--at", at)
    assert (code, facts["frames"], facts["missing"], facts["failed"]) == (0, 2, {}, {})
    (said,) = facts["unreadable"]
    assert "log 00, frame 000001" in said and file.name in said and said in text
    assert facts["scores"] != whole["scores"], "over the rest"


def test_labels_that_are_lost_after_an_evaluation_are_found_by_the_next(street: Street) -> None:
    root, _ = street
    assert command(root)[0] == 0
    shard = next(path for path in (root.parent / "store/artifacts").rglob("*") if path.is_file() and "/c/" in str(path))
    content = shard.read_bytes()
    shard.unlink()
    code, text, facts, error = command(root)
    assert code != 0 and ("damaged" in text + error or "not what was" in text + error or "any more" in text + error)
    assert not facts, "all frames lie in that shard: nothing is left to score"
    shard.write_bytes(content)
    code, _, facts, _ = command(root)
    assert (code, facts["frames"], facts["damaged"]) == (0, 3, []), (
        "what was found is not kept for longer than it is so"
    )


def test_a_file_that_could_not_be_read_is_asked_for_again(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = street
    unreadable, point_truth = "000001", KittiReader.point_truth

    def denied(self: KittiReader, frame: Frame, points: int | None = None) -> PointTruth | None:
        if frame.name == unreadable:
            raise DamagedFile(f"{frame.truth.points} cannot be read: Permission denied")
        return point_truth(self, frame, points)

    monkeypatch.setattr(KittiReader, "point_truth", denied)
    facts = command(root, "--at", "points")[2]
    assert facts["frames"] == 2 and "Permission denied" in facts["unreadable"][0]
    unreadable = "none"
    assert command(root, "--at", "points")[2]["frames"] == 3, "its size and its time are what they were"
    monkeypatch.setattr(KittiReader, "point_truth", None)
    assert command(root, "--at", "points")[2]["frames"] == 3, "what was read is kept"


def test_one_frame_of_several_that_is_damaged(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    from occlabel.pipeline.published.version import PublishedFrame
    from occlabel.schemas.errors import AlteredArtifact

    root, _ = street
    load = PublishedFrame.load

    def torn(self: PublishedFrame, array: str) -> object:
        if self.name == "000001":
            raise AlteredArtifact("frame 1 of store/semantics is not what was published; see occlabel versions verify")
        return load(self, array)

    monkeypatch.setattr(PublishedFrame, "load", torn)
    code, text, facts, _ = command(root, "--executor", "local")
    assert (code, facts["frames"], facts["unreadable"]) == (3, 2, [])
    (said,) = facts["damaged"]
    assert said.startswith("log 00, frame 000001: frame 1 of store/semantics is not what was published")
    assert f"error: 1 of 3 truth frames not scored, as their labels are damaged: {said}" in text


def test_points_that_are_not_scored_are_counted(street: Street) -> None:
    root, version = street
    cloud = root / "sequences/00/velodyne/000000.bin"
    points = np.fromfile(cloud, "<f4").reshape(-1, 4)
    points[:40, 0] = -30  # behind the grid
    cloud.write_bytes(points.tobytes())
    path = root / "sequences/00/labels/000000.label"
    labels = np.fromfile(path, "<u4")
    labels[100:110] = 0
    labels.tofile(path)
    _, text, facts, _ = command(root, "--at", "points")
    asked = facts["points_asked"]
    assert asked["outside_grid"] >= 40 and asked["without_label"] >= 10
    assert asked["all"] == asked["scored"] + asked["outside_grid"] + asked["without_label"]
    assert asked["scored"] == facts["scores"]["full"]["points"]
    assert f"{asked['outside_grid']:,} of {asked['all']:,} points" in text
    assert "lie outside the grid of the labels and are not scored" in text
    assert "have no label in the truth and are not scored" in text
    assert score(labels_of(version), Question(root, "semantickitti", "points")).elements is not None


def test_boxes_that_are_not_scored_are_counted(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    del version.kept[0].arrays["instance"]
    found = score(labels_of(version), Question(tmp_path, "occ3d", "boxes"))
    facts = found.facts()
    assert facts["frames_left_out"] == {"without_pose": 0, "without_instances": 1}
    asked = facts["boxes_asked"]
    assert asked["few_points"] == 5 and asked["scored"] == facts["boxes"], "car 3 has twelve points"
    assert asked["other_class"] == 5, "a barrier is no thing of the grid"
    notes = list(found.notes())
    assert "1 frame with boxes is not scored: without instances" in notes
    assert any("hold fewer than 20 LiDAR points and are not scored" in note for note in notes)


def test_labelled_frames_and_logs_without_truth_are_said_and_so_is_what_was_scored(street: Street) -> None:
    root, version = street
    for ending in ("label", "invalid"):
        (root / f"sequences/00/voxels/000002.{ending}").unlink()
    more = [*version.kept, *(MadeUpFrame("07", f.name, f.arrays, f.index) for f in version.kept)]
    publish(MadeUpVersion(more, version.space, name="v2"), root.parent / "store")
    arguments = ["evaluate", f"{root.parent}/store", "--truth", str(root), "--format", "semantickitti"]
    out = root.parent / "all.json"
    result = CliRunner().invoke(app, [*arguments, "--json", str(out)], catch_exceptions=False)
    text, facts = " ".join(result.output.split()), json.loads(out.read_text())
    assert (facts["version"], facts["store"]) == ("v2", f"{root.parent}/store")
    assert f"version v2 of {root.parent}/store: 2 frames scored at voxels" in text
    assert "labelled frames that have no truth, and are not scored: 1" in text
    assert facts["frames_without_truth"] == {"00": 1}
    assert "logs of the labels that have no truth: 07" in text and facts["without_truth"] == ["07"]


def test_when_there_is_no_such_truth_it_is_said_what_there_is(tmp_path: Path) -> None:
    root = tmp_path / "kitti"
    version = labelled(KittiReader(root), kitti_street(root), "semantickitti")
    (root / "sequences/00/boxes.txt").unlink(missing_ok=True)
    with pytest.raises(
        BadPredictions,
        match=r"logs 00 have no boxes; of the 3 frames .* 3 have labelled points \(occlabel evaluate --at p",
    ):
        score(labels_of(version), Question(root, "semantickitti", "boxes"))
    with pytest.raises(BadLog, match=r"has no voxel truth: .*; of the 3 frames .* 3 have labelled points"):
        score(labels_of(version), Question(root, "semantickitti", "voxels"))
    root = tmp_path / "nuscenes"
    version = labelled(NuScenesReader(root), nuscenes_street(root), "occ3d")
    replace_table(root, "lidarseg", [])
    for path in (root / "lidarseg").rglob("*.bin"):
        path.unlink()
    with pytest.raises(
        BadPredictions,
        match=r"have no labelled points; of the 6 frames .* 6 have boxes \(occlabel evaluate --at boxes\)",
    ):
        score(labels_of(version), Question(root, "occ3d", "points"))


def test_boxes_without_instances_in_the_labels_are_told_apart_from_no_boxes(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    for frame in version.kept:
        del frame.arrays["instance"]
    with pytest.raises(
        BadPredictions, match="of the frames with boxes 6 have labels without instances and 0 have no pos"
    ):
        score(labels_of(version), Question(tmp_path, "occ3d", "boxes"))


def test_labels_and_truth_that_share_no_log_are_both_named(street: Street) -> None:
    root, version = street
    other = MadeUpVersion([MadeUpFrame("07", f.name, f.arrays, f.index) for f in version.kept], version.space)
    with pytest.raises(BadPredictions, match=r"has the logs 07, the truth has 00, and they have none in common"):
        score(labels_of(other), Question(root, "semantickitti"))


def test_a_log_that_cannot_be_read_costs_that_log(street: Street) -> None:
    root, version = street
    more = [*version.kept, *(MadeUpFrame("01", f.name, f.arrays, f.index) for f in version.kept)]
    published = publish(MadeUpVersion(more, version.space, name="v2"), root.parent / "store")
    (root / "sequences/01/velodyne").mkdir(parents=True)  # without any scan
    found = evaluate(published, root, at="points")
    assert found.frames == 3 and "01" in found.failed and not found.sound


def made(space: LabelSpace, **arrays: np.ndarray) -> MadeUpVersion:
    return MadeUpVersion([MadeUpFrame("00", "000000", arrays)], space)


def test_confidence_is_reported_for_what_is_labelled_occupied(tmp_path: Path) -> None:
    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    true = np.zeros(space.grid.shape, np.uint8)
    true[:, :, 0] = 9
    found = true.copy()
    found[:64, :, 0] = 1  # a quarter of what is labelled occupied is a car, wrongly and surely
    path = tmp_path / "sequences/00/voxels/000000.label"
    path.parent.mkdir(parents=True)
    write_volume(path, space.taxonomy.to_raw[true])
    write_flags(path.with_suffix(".invalid"), np.zeros(true.shape, bool))
    version = made(space, semantics=found, confidence=np.full_like(found, 255))
    calibration = score(labels_of(version), Question(tmp_path, "semantickitti")).facts()["calibration"]
    assert calibration["error"] == pytest.approx(1 / 4 / 32), "free space carries it"
    assert calibration["occupied"]["error"] == pytest.approx(1 / 4)
    assert calibration["occupied"]["voxels"] == 256 * 256
    errors = {name: found["error"] for name, found in calibration["per_class"].items()}
    assert errors == {"free": 0.0, "car": 1.0, "road": 0.0}
    publish(version, tmp_path / "store")
    arguments = ["evaluate", f"{tmp_path}/store@v1", "--truth", str(tmp_path), "--format", "semantickitti"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    text = " ".join(result.output.split())
    assert "confidence is: how likely the class is right" in text
    assert (
        "confidence of voxels labelled occupied is off by 25.0 points on average, on the whole by +25.0 "
        "by label, voxels labelled free too: free 0.0, car 100.0" in text
    )
    assert "confidence is off by 0.8 points on average over the scored voxels" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--baselines",), "--baselines are those of LiDAR points"),
        (("--at", "points", "--diagram", "d.png"), "--diagram draws the confidence of voxels"),
        (("--diagram", "d.docx"), "d.docx: a file that ends with .png"),
        (("--diagram", "nowhere/d.png"), "there is no folder nowhere"),
        (("--json", "nowhere/s.json"), "there is no folder nowhere"),
        (("--json", "."), "is a folder"),
    ],
)
def test_what_could_not_be_done_after_the_work_is_refused_before_it(
    street: Street, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    root, _ = street
    monkeypatch.chdir(root.parent)
    given = ["evaluate", "store@v1", "--truth", str(root), "--format", "semantickitti", *arguments]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 1 and sentence in str(result.exception)
    assert not (root.parent / "store/jobs").exists() and "mIoU" not in result.output


def test_a_diagram_of_labels_without_confidence_is_refused_before_the_work(street: Street) -> None:
    root, version = street
    for frame in version.kept:
        del frame.arrays["confidence"]
    version.name = "bare"
    publish(version, root.parent / "store")
    given = ["evaluate", f"{root.parent}/store@bare", "--truth", str(root), "--format", "semantickitti"]
    result = CliRunner().invoke(app, [*given, "--diagram", str(root.parent / "d.png")])
    assert result.exit_code == 1 and "says nothing of its confidence" in str(result.exception)
    assert not (root.parent / "store/jobs").exists()
