"""Labels in a user's own classes or grid are scored through a map, and each truth file is read once."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.counting import LogCounts, Question, count_log, labelled_frames, merged
from occlabel.pipeline.quality.evaluate import evaluate, score
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import VoxelTruth
from occlabel.schemas.errors import BadPredictions, BadRecipe
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, LabelClass, Taxonomy
from occlabel.stages.ingest import truth as truth_module

KITTI = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
SHUFFLE = np.random.default_rng(3).permutation(20)
"""Own id of each class of SemanticKITTI."""


def shuffled() -> Taxonomy:
    """The classes of SemanticKITTI in another order; what it calls car is a van here."""
    back = np.argsort(SHUFFLE)
    names = ["van" if back[i] == 1 else KITTI.taxonomy.names[back[i]] for i in range(20)]
    classes = tuple(LabelClass(id=i, name=name, colour=(i, i, i)) for i, name in enumerate(names))
    return Taxonomy(name="mine", classes=classes, free_id=int(SHUFFLE[0]))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, str], np.ndarray]]:
    """Truth of two sequences of two frames, and labels of it that err."""
    root, draw = tmp_path_factory.mktemp("street"), np.random.default_rng(0)
    labels = {}
    for log in ("00", "01"):
        place = root / f"sequences/{log}/voxels"
        place.mkdir(parents=True)
        for name in ("000000", "000005"):
            true = np.zeros(KITTI.grid.shape, np.uint8)
            true[:, :, 2], true[40:60, 100:120, 3:9] = 9, 1
            true[100:120, 30:50, 3:12] = draw.integers(2, 20, (20, 20, 9))
            (place / f"{name}.label").write_bytes(KITTI.taxonomy.to_raw[true].astype("<u2").tobytes())
            (place / f"{name}.invalid").write_bytes(bytes(262144))
            wrong = draw.random(true.shape) < 0.03
            labels[log, name] = np.where(wrong, draw.integers(0, 20, true.shape), true).astype(np.uint8)
    return root, labels


def version(labels: dict[tuple[str, str], np.ndarray], space: LabelSpace) -> MadeUpVersion:
    frames = [MadeUpFrame(log, name, {"semantics": volume}) for (log, name), volume in labels.items()]
    return MadeUpVersion(frames, space)


def test_classes_meet_by_name_whatever_their_ids(street) -> None:
    root, labels = street
    question = Question(root, "semantickitti")
    expected = score(labels_of(version(labels, KITTI)), question).facts()["scores"]
    own = {key: SHUFFLE[volume].astype(np.uint8) for key, volume in labels.items()}
    mine = labels_of(version(own, LabelSpace(KITTI.grid, shuffled())))
    with pytest.raises(BadRecipe, match=r"'semantickitti' has not: van; .*--map, e.g. 'van: car'"):
        score(mine, question)
    found = score(mine, Question(root, "semantickitti", told=(("van", "car"),)))
    assert found.facts()["scores"] == expected


def test_a_class_that_is_none_of_the_truths_is_not_scored_and_said(street) -> None:
    root, labels = street
    own = {key: SHUFFLE[volume].astype(np.uint8) for key, volume in labels.items()}
    mine = labels_of(version(own, LabelSpace(KITTI.grid, shuffled())))
    found = score(mine, Question(root, "semantickitti", told=(("van", None),)))
    assert found.left_out == ("van",)
    share = np.mean([(volume == 1).mean() for volume in labels.values()])
    assert found.beyond == pytest.approx(share)
    assert any("none of the truth's, and not scored: van" in note for note in found.notes())


def test_an_id_that_is_none_of_the_own_classes_is_not_taken_for_one_of_the_truths(street) -> None:
    root, _ = street
    few = Taxonomy(
        name="few",
        classes=tuple(LabelClass(id=i, name=name, colour=(i, i, i)) for i, name in enumerate(("free", "car", "road"))),
        free_id=0,
    )
    volume = np.zeros(KITTI.grid.shape, np.uint8)
    volume[3, 4, 5] = 7
    mine = labels_of(version({("00", "000000"): volume}, LabelSpace(KITTI.grid, few)))
    with pytest.raises(BadPredictions, match="frame 000000 predicts an id that is no class"):
        score(mine, Question(root, "semantickitti"))


def test_a_grid_of_the_same_size_that_lies_elsewhere_is_another_grid(street) -> None:
    root, labels = street
    exact = {
        (log, name): KITTI.taxonomy.from_raw[
            np.fromfile(root / f"sequences/{log}/voxels/{name}.label", "<u2").reshape(KITTI.grid.shape)
        ]
        for log, name in labels
    }
    lower = KITTI.grid.model_copy(update={"origin": (0.0, -25.6, -2.2)})
    assert (
        score(labels_of(version(exact, LabelSpace(lower, KITTI.taxonomy))), Question(root, "semantickitti")).beyond == 0
    )
    for axis, voxels in ((0, 1), (0, 10), (2, 1)):  # higher than its grid no release lies
        origin = tuple(low + 0.2 * voxels * (a == axis) for a, low in enumerate(KITTI.grid.origin))
        ahead = KITTI.grid.model_copy(update={"origin": origin})
        moved = {key: np.roll(volume, -voxels, axis) for key, volume in exact.items()}
        found = score(labels_of(version(moved, LabelSpace(ahead, KITTI.taxonomy))), Question(root, "semantickitti"))
        assert found.beyond == pytest.approx(voxels / KITTI.grid.shape[axis])
        assert found.scores["51.2"].miou_present == pytest.approx(1.0)


def test_another_grid_is_looked_up_at_the_centres_of_the_truths_voxels(street) -> None:
    root, _ = street
    grid = Grid(origin=(0.0, -12.8, -2.0), voxel_size=0.1, shape=(128, 256, 64), frame="lidar")
    fine = {}
    for log, name in (("00", "000000"), ("00", "000005")):
        raw = np.fromfile(root / f"sequences/{log}/voxels/{name}.label", "<u2").reshape(KITTI.grid.shape)
        part = KITTI.taxonomy.from_raw[raw][:64, 64:192]  # 12.8 m ahead, 12.8 m to either side
        fine[log, name] = part.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    fine = {key: volume[:, :256] for key, volume in fine.items()}
    half = {key: volume[: grid.shape[0], : grid.shape[1]] for key, volume in fine.items()}
    found = score(labels_of(version(half, LabelSpace(grid, KITTI.taxonomy))), Question(root, "semantickitti"))
    scores = found.facts()["scores"]["51.2"]
    assert (scores["iou"], scores["miou_present"]) == (1.0, 1.0)
    assert found.beyond == pytest.approx(1 - 64 * 128 * 32 / KITTI.grid.voxels)


def test_counts_of_logs_made_apart_are_those_of_one_pass(street) -> None:
    root, labels = street
    question = Question(root, "semantickitti")
    joined = question.joined(labels_of(version(labels, KITTI)))
    together, apart = question.rules(joined), question.rules(joined)
    for log in ("00", "01"):
        for frame in labelled_frames(question, joined, log).frames():
            together[0].add(frame)
    merged(apart, [LogCounts.from_bytes(count_log(question, joined, log).to_bytes()) for log in ("00", "01")])
    assert apart[0].state().keys() == together[0].state().keys()
    for name, counted in together[0].state().items():
        np.testing.assert_array_equal(counted, apart[0].state()[name])


def test_each_truth_file_is_read_once(street, monkeypatch: pytest.MonkeyPatch) -> None:
    root, labels = street
    read: list[Path] = []
    real = truth_module.read_semantickitti

    def counting(path: Path) -> VoxelTruth:
        read.append(path)
        return real(path)

    monkeypatch.setattr(truth_module, "read_semantickitti", counting)
    score(labels_of(version(labels, KITTI)), Question(root, "semantickitti"))
    assert sorted(read) == sorted(root.glob("sequences/*/voxels/*.label"))


def test_a_second_evaluation_counts_nothing_again(street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, labels = street
    published = publish(version(labels, KITTI), tmp_path / "store")
    first = evaluate(published, root)
    assert len(list((tmp_path / "store/jobs/evaluate").rglob("*.json"))) == 2

    def no_more(*arguments: object) -> None:
        raise AssertionError("this was counted before")

    with monkeypatch.context() as patch:
        patch.setattr("occlabel.pipeline.quality.evaluate.count_log", no_more)
        assert evaluate(f"{tmp_path}/store", root).facts() == first.facts()
    lost = next((tmp_path / "store/jobs/evaluate").rglob("01.bin"))
    lost.unlink()
    assert evaluate(published, root).facts() == first.facts(), "a result that was lost is made again"
    assert lost.is_file()


def test_equal_voxels_of_other_classes_are_counted_by_themselves(street, tmp_path: Path) -> None:
    root, labels = street
    publish(version(labels, KITTI), tmp_path / "store")
    swapped = [c.name for c in KITTI.taxonomy.classes]
    swapped[9], swapped[13] = swapped[13], swapped[9]
    classes = tuple(LabelClass(id=i, name=name, colour=(i, i, i)) for i, name in enumerate(swapped))
    other = LabelSpace(KITTI.grid, Taxonomy(name="other", classes=classes, free_id=0))
    publish(MadeUpVersion(version(labels, other).kept, other, name="v2"), tmp_path / "store")
    first, second = (
        evaluate(f"{tmp_path}/store@{name}", root, "semantickitti").scores["51.2"].per_class for name in ("v1", "v2")
    )
    assert first["road"] > 0.9 and second["road"] < 0.1


def test_a_store_in_which_nothing_may_be_written_is_scored_all_the_same(
    street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, labels = street
    published = publish(version(labels, KITTI), tmp_path / "store")
    monkeypatch.setattr("occlabel.pipeline.quality.evaluate.access", lambda path, mode: False)
    assert evaluate(published, root).frames == 4 and not (tmp_path / "store/jobs").exists()


@pytest.mark.slow
def test_many_frames_are_counted_on_ray(street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, labels = street
    published = publish(version(labels, KITTI), tmp_path / "store")
    monkeypatch.setattr("occlabel.pipeline.quality.evaluate.FRAMES_WORTH_RAY", 4)
    found = evaluate(published, root, workplace=Workplace("ray", workers=1))
    assert found.facts() == score(labels_of(published), Question(root, "semantickitti")).facts()


def test_a_frame_whose_truth_is_damaged_is_named_and_the_rest_is_scored(street, tmp_path: Path) -> None:
    root, labels = street
    broken = tmp_path / "truth"
    for log in ("00", "01"):
        (broken / f"sequences/{log}").mkdir(parents=True)
        (broken / f"sequences/{log}/voxels").mkdir()
        for path in (root / f"sequences/{log}/voxels").iterdir():
            (broken / f"sequences/{log}/voxels/{path.name}").symlink_to(path)
    (broken / "sequences/01/voxels/000005.invalid").unlink()
    publish(version(labels, KITTI), tmp_path / "store")
    out = tmp_path / "scores.json"
    arguments = ["evaluate", f"{tmp_path}/store@v1", "--truth", str(broken), "--format", "semantickitti"]
    result = CliRunner().invoke(app, [*arguments, "--json", str(out), "--executor", "local"])
    assert result.exit_code == 0
    facts = yaml.safe_load(out.read_text())
    assert (facts["frames"], facts["logs"], facts["failed"]) == (3, {"00": 2, "01": 1}, {})
    (said,) = facts["unreadable"]
    assert said.startswith("log 01, frame 000005: ") and "has no 000005.invalid beside it" in said
    assert said in result.output


def test_what_there_is_no_truth_for_is_said(street, tmp_path: Path) -> None:
    root, labels = street
    more = {**labels, ("07", "000000"): labels["00", "000000"]}
    found = score(labels_of(version(more, KITTI)), Question(root, "semantickitti"))
    assert found.without_truth == ("07",)
    assert found.facts()["without_truth"] == ["07"] and found.without_labels == ()
    one = score(
        labels_of(version({k: v for k, v in labels.items() if k[0] == "00"}, KITTI)),
        Question(root, "semantickitti"),
    )
    assert one.without_labels == ("01",) and one.facts()["without_labels"] == ["01"]
    assert "logs of the truth that have no labels: 01" in list(one.notes())
    alone = {("07", "000000"): labels["00", "000000"]}
    with pytest.raises(BadPredictions, match="nothing to score"):
        score(labels_of(version(alone, KITTI)), Question(root, "semantickitti"))
