"""Labels where the frame's own sweep hit nothing, by the labelled points of other frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from labelled_street import kitti_street, labelled, nuscenes_street, scan_in_grid
from made_up_versions import MadeUpVersion, labels_of, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.counting import LogCounts, Question, count_log, merged
from occlabel.pipeline.quality.evaluate import evaluate, score
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.nuscenes import NuScenesReader

Street = tuple[Path, MadeUpVersion]


@pytest.fixture
def street(tmp_path: Path) -> Street:
    version = labelled(KittiReader(tmp_path), kitti_street(tmp_path), "semantickitti")
    return tmp_path, version


def truth_around(root: Path, version: MadeUpVersion) -> list[dict[tuple[int, ...], np.ndarray]]:
    """By frame: cell -> points of each class that other frames have there and that cannot move; own cells are out."""
    reader, space = KittiReader(root), version.space
    (log,) = reader.logs()
    stands = np.array([not entry.movable for entry in space.taxonomy.classes] + [False] * 236)
    result = []
    for here in log.frames:
        place = here.world_from_grid(space.grid)
        own = {tuple(c) for c in space.grid.cells(scan_in_grid(reader, here, space.grid))[0].tolist()}
        cells: dict[tuple[int, ...], np.ndarray] = {}
        for other in log.frames:
            pose, truth = other.world_from_grid(space.grid), reader.point_truth(other)
            assert place is not None and pose is not None and truth is not None
            if other is here:
                continue
            points = transform_points(inverse(place) @ pose, scan_in_grid(reader, other, space.grid))
            found, inside = space.grid.cells(points)
            for cell, id_ in zip(found[inside].tolist(), truth.semantics[inside].tolist(), strict=True):
                if stands[id_] and tuple(cell) not in own:
                    cells.setdefault(tuple(cell), np.zeros(20, int))[id_] += 1
        result.append(cells)
    return result


def test_labels_that_say_what_other_frames_measured_are_right(street: Street) -> None:
    root, version = street
    around = truth_around(root, version)
    for frame, cells in zip(version.kept, around, strict=True):
        frame.arrays["semantics"][:] = version.space.taxonomy.free_id
        for cell, count in cells.items():
            frame.arrays["semantics"][cell] = count.argmax()
    found = score(labels_of(version), Question(root, "semantickitti", "around"))
    scores = found.scores["full"]
    assert scores.facts()["accuracy"] == scores.iou == 1
    assert found.elements is not None and found.elements.scored == sum(map(len, around)) > 500
    assert any("were hit by the frame's own sweep" in note for note in found.notes())


def test_what_is_free_or_unknown_there_is_wrong_and_own_hits_do_not_matter(street: Street) -> None:
    root, version = street
    question = Question(root, "semantickitti", "around")
    before = score(labels_of(version), question).scores["full"].facts()
    assert before["accuracy"] == 0, "they know their own sweeps alone"
    reader = KittiReader(root)
    (log,) = reader.logs()
    for made, frame in zip(version.kept, log.frames, strict=True):
        made.arrays["semantics"][:] = UNKNOWN
        cells, inside = version.space.grid.cells(scan_in_grid(reader, frame, version.space.grid))
        made.arrays["semantics"][tuple(cells[inside].T)] = 1
    assert score(labels_of(version), question).scores["full"].facts() == before


def test_what_can_move_has_no_number_and_is_wrong_where_labels_say_it(street: Street) -> None:
    root, version = street
    for frame in version.kept:
        frame.arrays["semantics"][:] = 1  # car
    found = score(labels_of(version), Question(root, "semantickitti", "around")).scores["full"].facts()
    assert found["per_class"]["car"] is None and found["per_class"]["road"] == found["accuracy"] == 0


def test_counts_survive_their_way_through_a_store(street: Street) -> None:
    root, version = street
    for frame in version.kept:
        frame.arrays["semantics"][:] = 9
    question = Question(root, "semantickitti", "around")
    joined = question.joined(labels_of(version))
    (rule,) = question.rules(joined)
    merged((rule,), [LogCounts.from_bytes(count_log(question, joined, log).to_bytes()) for log in version.logs])
    found = score(labels_of(version), question)
    assert rule.scores().facts() == found.scores["full"].facts()  # type: ignore[attr-defined]
    assert found.calibration is not None and found.calibration.whole().voxels == found.elements.scored  # type: ignore[union-attr]


def test_a_sweep_that_cannot_be_read_costs_its_own_frame_and_is_asked_by_no_other(street: Street) -> None:
    root, version = street
    whole = score(labels_of(version), Question(root, "semantickitti", "around"))
    path = root / "sequences/00/velodyne/000001.bin"
    path.write_bytes(path.read_bytes()[:-3])
    found = score(labels_of(version), Question(root, "semantickitti", "around"))
    assert found.frames == 2 and len(found.unreadable) == 1
    assert found.elements is not None and whole.elements is not None
    assert 0 < found.elements.whole < whole.elements.whole
    assert found.remarks == (), "it is named once"


def test_labelled_points_that_cannot_be_read_are_said_and_asked_for_again(street: Street, tmp_path: Path) -> None:
    root, version = street
    publish(version, tmp_path / "store")
    spec, path = f"{tmp_path}/store@v1", root / "sequences/00/labels/000001.label"
    whole, content = evaluate(spec, root, at="around"), path.read_bytes()
    path.write_bytes(content[:-4])
    found = evaluate(spec, root, at="around")
    assert (found.frames, found.unreadable, found.sound) == (3, (), True), "its own voxels are those of others"
    (said,) = found.facts()["remarks"]
    assert said.startswith("the labelled points of log 00, frame 000001 are not asked: ") and str(path) in said
    assert said in found.notes()
    assert found.elements is not None and whole.elements is not None
    assert 0 < found.elements.whole < whole.elements.whole
    path.write_bytes(content)
    assert evaluate(spec, root, at="around").facts() == whole.facts()
    for name in ("000000", "000001", "000002"):
        path.with_stem(name).write_bytes(b"torn")
    with pytest.raises(
        BadPredictions, match=r"nothing to score around what sweeps hit: .*; the labelled points of log"
    ):
        evaluate(spec, root, at="around")


def test_what_of_the_points_around_is_left_out_is_said(street: Street) -> None:
    root, version = street
    path = root / "sequences/00/labels/000001.label"
    labels = np.fromfile(path, "<u4")
    labels[:3] = 77
    labels.tofile(path)
    found = score(labels_of(version), Question(root, "semantickitti", "around"))
    assert found.remarks == (
        f"{path} holds ids that SemanticKITTI does not have (77 the first) 3 times; they are not scored",
    )


def test_places_are_those_of_the_poses_that_labels_were_made_with(street: Street) -> None:
    """A registration or a film has a world of its own; frames without labels are in no world then."""
    root, version = street
    question, grid = Question(root, "semantickitti", "around"), version.space.grid
    (log,) = KittiReader(root).logs()
    for frame in version.kept:
        frame.arrays["semantics"][:] = 9
    before, turned = score(labels_of(version), question), np.diag([-1.0, -1, 1, 1])
    turned[:3, 3] = 7, -300, 5
    for made, of in zip(version.kept, log.frames, strict=True):
        pose = of.world_from_grid(grid)
        assert pose is not None
        made.world_from_grid = turned @ pose
    after = score(labels_of(version), question)
    assert before.elements is not None and after.elements is not None
    assert abs(after.elements.scored - before.elements.scored) < 0.01 * before.elements.scored, "but for rounding"
    del version.kept[2:]
    fewer = score(labels_of(version), question)
    assert fewer.frames == 2 and fewer.elements is not None
    assert 0 < fewer.elements.scored < before.elements.scored
    for made in version.kept:
        made.world_from_grid = None
    found = score(labels_of(version), question)
    assert found.elements is not None and found.elements.scored > fewer.elements.scored, "the third frame is asked"


def test_one_frame_alone_has_nothing_around_it(street: Street) -> None:
    root, version = street
    (log,) = KittiReader(root).logs()
    del version.kept[1:]
    version.kept[0].world_from_grid = log.frames[0].world_from_grid(version.space.grid)
    with pytest.raises(BadPredictions, match="nothing to score around what sweeps hit: no labelled points of other"):
        score(labels_of(version), Question(root, "semantickitti", "around"))


def test_the_command_says_where_it_looked(street: Street, tmp_path: Path) -> None:
    root, version = street
    publish(version, tmp_path / "store")
    arguments = ["evaluate", f"{tmp_path}/store", "--truth", str(root), "--format", "semantickitti"]
    arguments += ["--at", "around", "--executor", "local"]
    text = " ".join(CliRunner().invoke(app, arguments, catch_exceptions=False).output.split())
    assert "3 frames scored around what their own sweeps hit" in text and "confidence of voxels labelled" in text
    assert "mIoU is of the classes that at least 50 voxels of the truth have" in text


@pytest.mark.parametrize("at", ["points", "around"])
def test_one_mean_is_not_printed_twice(street: Street, tmp_path: Path, at: str) -> None:
    root, version = street
    publish(version, tmp_path / "store")
    out = tmp_path / "scores.json"
    arguments = ["evaluate", f"{tmp_path}/store", "--truth", str(root), "--format", "semantickitti", "--json", str(out)]
    text = CliRunner().invoke(app, [*arguments, "--at", at, "--executor", "local"], catch_exceptions=False).output
    assert "mIoU" in text and "classes in the truth" not in text
    scores = json.loads(out.read_text())["scores"]["full"]
    assert scores["miou_present"] == scores["miou"]


def test_logs_without_labelled_points_are_refused(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    (tmp_path / "v1.0-mini/lidarseg.json").write_text("[]")
    with pytest.raises(BadPredictions, match=r"have no frames with labelled points and a pose; .* have boxes"):
        score(labels_of(version), Question(tmp_path, "occ3d", "around"))
