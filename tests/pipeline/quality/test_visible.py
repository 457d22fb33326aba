"""Labels before the camera that looks ahead, against what sweeps see through."""

from pathlib import Path

import numpy as np
import pytest
from labelled_street import labelled, nuscenes_street
from made_up_versions import MadeUpVersion, labels_of, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.counting import LogCounts, Question, count_log, merged
from occlabel.pipeline.quality.evaluate import score
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.schemas.errors import BadPredictions
from occlabel.stages.ingest.nuscenes import NuScenesReader

Street = tuple[Path, MadeUpVersion]


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """Two scenes with a camera ahead, and a version of them."""
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path, images=True), "occ3d")
    return tmp_path, version


def asked(street: Street, semantics: int) -> Evaluation:
    """The scores of labels that are ``semantics`` everywhere."""
    root, version = street
    for frame in version.kept:
        frame.arrays["semantics"][:] = semantics
    return score(labels_of(version), Question(root, "occ3d", "visible"))


def test_all_free_and_all_occupied_are_right_of_what_is_so(street: Street) -> None:
    free, occupied = asked(street, 17).visible, asked(street, 4).visible
    assert free is not None and occupied is not None
    assert set(free) == {"scene slice", "objects slice", "scene block", "objects block"}
    for name in free:
        assert free[name].o_acc + occupied[name].o_acc == pytest.approx(1)
        assert free[name].ie_rec == 1 and occupied[name].ie_rec == 0
    assert 0.1 < free["scene slice"].o_acc < 0.9, "behind the cars nothing is seen"
    assert free["objects slice"].o_acc < free["scene slice"].o_acc


def test_what_is_unknown_counts_as_free_and_that_is_said(street: Street) -> None:
    found = asked(street, 255)
    assert found.visible == asked(street, 17).visible and found.unknown == 1
    assert "100.0% of the samples are unknown in the labels and count as free" in list(found.notes())
    assert found.facts()["unknown_as_free"] == 1 and found.facts()["samples_asked"]["outside_grid"] == 0


def test_counts_survive_their_way_through_a_store(street: Street) -> None:
    root, version = street
    question = Question(root, "occ3d", "visible")
    joined = question.joined(labels_of(version))
    logs = [LogCounts.from_bytes(count_log(question, joined, log).to_bytes()) for log in version.logs]
    assert [log.frames for log in logs] == [3, 3]
    (rule,) = question.rules(joined)
    merged((rule,), logs)
    assert rule.few_sweeps == (6, 6)  # type: ignore[attr-defined]
    assert rule.scores() == score(labels_of(version), question).visible  # type: ignore[attr-defined]


def test_a_sweep_that_cannot_be_read_costs_its_own_frame_alone(street: Street) -> None:
    root, version = street
    for path in sorted((root / "samples/LIDAR_TOP").glob("*"))[:1]:
        path.write_bytes(path.read_bytes()[:-3])
    found = score(labels_of(version), Question(root, "occ3d", "visible"))
    assert found.frames == 5 and len(found.unreadable) == 1
    assert any("as their scan is missing or damaged" in note for note in found.notes())


def test_the_command_shows_them(street: Street, tmp_path: Path) -> None:
    root, version = street
    publish(version, tmp_path / "store")
    arguments = ["evaluate", f"{tmp_path}/store", "--truth", str(root), "--format", "occ3d", "--at", "visible"]
    arguments += ["--executor", "local"]
    text = CliRunner().invoke(app, arguments, catch_exceptions=False).output
    assert "IE_rec" in text and "objects, block" in text
    assert "6 frames scored before the camera that looks ahead" in " ".join(text.split())
    assert "6 of 6 frames are near the end of their log, where few sweeps look at" in " ".join(text.split())


def test_logs_without_such_frames_are_refused(street: Street, tmp_path: Path) -> None:
    _, version = street
    nuscenes_street(tmp_path / "blind")
    with pytest.raises(
        BadPredictions,
        match=r"have no frames with a sweep, a pose and a camera .* 6 have boxes \(occlabel evaluate --at boxes\)$",
    ):
        score(labels_of(version), Question(tmp_path / "blind", "occ3d", "visible"))


def test_labels_outside_of_which_samples_lie_are_not_scored_there(street: Street) -> None:
    root, version = street
    grid = version.space.grid
    narrow = grid.model_copy(update={"shape": (grid.shape[0], grid.shape[1] // 2, grid.shape[2])})
    version.space = type(version.space)(narrow, version.space.taxonomy)
    for frame in version.kept:
        frame.arrays = {"semantics": np.full(narrow.shape, 17, np.uint8)}
    found = score(labels_of(version), Question(root, "occ3d", "visible")).facts()["samples_asked"]
    assert 0.45 < found["outside_grid"] / found["all"] < 0.55
