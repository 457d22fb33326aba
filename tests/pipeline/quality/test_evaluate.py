"""``occlabel evaluate`` on files as users have them: equal to the official scores, and clear about what is missing."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.open_labels import open_labels
from occlabel.pipeline.quality.benchmark import BENCHMARKS, Benchmark
from occlabel.pipeline.quality.counting import Question
from occlabel.pipeline.quality.evaluate import score
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.schemas.drive_log import DriveLog, Frame, PointTruth, Sweep, Truth
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.formats.occ3d import write_labels
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, Taxonomy
from occlabel.stages.export.semantickitti import write_frame
from occlabel.stages.ingest.recognise import open_logs

KITTI, OCC3D = BENCHMARKS["semantickitti"], BENCHMARKS["occ3d"]


def evaluate(*arguments: object) -> tuple[int, str, str | None]:
    """Exit code, output, and the error's sentence."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.output, None if result.exception is None else str(result.exception)


def write_kitti(
    root: Path, log: str, names: list[str], folder: str, raw: np.ndarray, invalid: np.ndarray | None = None
) -> None:
    place = root / "sequences" / log / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, volume in zip(names, raw, strict=True):
        (place / f"{name}.label").write_bytes(volume.astype("<u2").tobytes())
    for name, packed in zip(names, [] if invalid is None else invalid, strict=invalid is not None):
        (place / f"{name}.invalid").write_bytes(packed.tobytes())


@pytest.mark.parametrize("name", ["two_scans", "class_absent_gt", "pred_ignored_id_in_invalid", "raw_255_and_moving"])
def test_semantickitti_folder_equals_the_official_evaluators(shared: Path, tmp_path: Path, name: str) -> None:
    case = np.load(shared / f"golden/semantickitti_completion/case_{name}.npz")
    names = [f"{5 * n:06d}" for n in range(len(case["gt_raw"]))]
    write_kitti(tmp_path / "truth", "08", names, "voxels", case["gt_raw"], case["invalid_packed"])
    write_kitti(tmp_path / "labels", "08", names, "predictions", case["pred_raw"])
    file = tmp_path / "scores.json"
    arguments = (tmp_path / "labels", "--truth", tmp_path / "truth", "--format", "semantickitti", "--json", file)
    code, output, error = evaluate(*arguments)
    assert (code, error) == (0, None)
    assert "traffic-sign" in output
    told = json.loads(file.read_text())
    alone = CliRunner().invoke(app, ["evaluate", *map(str, arguments[:-1]), "-"])
    assert json.loads(alone.stdout) == told and "traffic-sign" in alone.stderr
    scores = told["scores"]
    assert set(scores) == {"12.8", "25.6", "51.2"}
    assert scores["51.2"]["miou"] == case["miou"]
    assert scores["51.2"]["iou"] == case["iou_completion"]
    assert list(scores["51.2"]["per_class"].values()) == case["iou_per_class"][1:].tolist()
    for range_, found in scores.items():
        for measure in ("iou", "miou", "precision", "recall"):
            assert found[measure] == pytest.approx(float(case[f"vf_{range_.replace('.', 'p')}_{measure}"]), abs=1e-6)


@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_occ3d_folder_equals_the_official_metric(shared: Path, tmp_path: Path, layout: str) -> None:
    case = np.load(shared / "golden/occ3d_miou/case_two_samples.npz")
    for n, token in enumerate(("aa", "bb")):
        truth = tmp_path / f"gts/scene-1/{token}/labels.npz"
        prediction = tmp_path / ("labels" + (f"/{token}.npz" if layout == "flat" else f"/scene-1/{token}/labels.npz"))
        for path in (truth, prediction):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_labels(
            truth, case["semantics_gt"][n], mask_lidar=case["mask_camera"][n], mask_camera=case["mask_camera"][n]
        )
        np.savez_compressed(prediction, semantics=case["semantics_pred"][n])
    file = tmp_path / "scores.json"
    code, _, error = evaluate(tmp_path / "labels", "--truth", tmp_path / "gts", "--format", "occ3d", "--json", file)
    assert (code, error) == (0, None)
    found = json.loads(file.read_text())["scores"]["full"]
    assert round(100 * found["miou"], 2) == case["miou_percent_rounded"]
    assert found["miou"] == pytest.approx(float(case["miou"]), rel=1e-12)
    per_class = [np.nan if value is None else value for value in found["per_class"].values()]
    np.testing.assert_array_equal(per_class, case["iou_per_class"][:17])


def of_folder(folder: Path, truth: Path) -> Evaluation:
    return score(open_labels(str(folder), "semantickitti"), Question(truth, "semantickitti"))


def labelled(roads: int, shape: tuple[int, int, int] = (256, 256, 32)) -> np.ndarray:
    volume = np.zeros(shape, np.uint16)
    volume[:, :roads, 2] = 40
    return volume


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two sequences of three frames, half of it road."""
    root = tmp_path / "truth"
    for log in ("00", "01"):
        names = ["000000", "000005", "000010"]
        write_kitti(root, log, names, "voxels", np.stack([labelled(128)] * 3), np.zeros((3, 262144), np.uint8))
    return root


def test_gaps_are_counted_and_untouched_logs_are_not(tmp_path: Path, truth: Path) -> None:
    write_kitti(tmp_path / "labels", "00", ["000000", "000007"], "predictions", np.stack([labelled(128)] * 2))
    file = tmp_path / "scores.json"
    arguments = (tmp_path / "labels", "--truth", truth, "--format", "semantickitti")
    code, output, _ = evaluate(*arguments, "--json", file)
    assert code == 0
    assert "2 of 3 truth frames have no prediction" in " ".join(output.split())
    facts = json.loads(file.read_text())
    assert (facts["frames"], facts["missing"]) == (1, {"00": 2})
    assert facts["scores"]["51.2"]["miou_present"] == 1.0
    assert facts["scores"]["51.2"]["miou"] == pytest.approx(1 / 19)

    assert "nothing to score" in str(evaluate(*arguments, "--log", "01")[2])
    assert "the truth has no log 07; it has 00, 01" in str(evaluate(*arguments, "--log", "07")[2])


@pytest.mark.parametrize("raw", [52, 99, 1, 7, 300])
def test_ids_that_would_crash_the_official_script_are_refused_with_the_file(
    tmp_path: Path, truth: Path, raw: int
) -> None:
    volume = labelled(128)
    volume[3, 4, 5] = raw
    write_kitti(tmp_path / "labels", "00", ["000000"], "predictions", volume[None])
    with pytest.raises(BadPredictions, match=r"sequences/00/predictions/000000\.label predicts an id that is no class"):
        of_folder(tmp_path / "labels", truth)


def test_bad_input_is_named(tmp_path: Path, truth: Path) -> None:
    with pytest.raises(BadPredictions, match="neither a folder of predictions nor a version"):
        of_folder(tmp_path / "nowhere", truth)
    with pytest.raises(BadPredictions, match="holds no semantickitti predictions"):
        of_folder(truth, truth)
    folder = tmp_path / "labels"
    write_kitti(folder, "00", ["000000"], "predictions", labelled(9)[None, :100])
    with pytest.raises(DamagedFile, match=r"000000\.label has 1638400 bytes"):
        of_folder(folder, truth)
    with pytest.raises(BadLog, match="has no voxel truth"):
        of_folder(folder, tmp_path)
    with pytest.raises(BadLog, match=r"no voxel truth of occ3d; it has some of semantickitti: --format semantickitti$"):
        score(open_labels(str(folder), "semantickitti"), Question(truth, "occ3d"))
    (truth / "sequences/00/voxels/000000.invalid").unlink()
    write_kitti(folder, "00", ["000000"], "predictions", labelled(9)[None])
    with pytest.raises(BadPredictions, match=r"nothing to score: .*has no 000000\.invalid beside it"):
        of_folder(folder, truth)


def made(volumes: dict[tuple[str, str], np.ndarray], space: LabelSpace) -> MadeUpVersion:
    frames = []
    for (log, name), semantics in volumes.items():
        frames.append(MadeUpFrame(log, name, {"semantics": semantics, "confidence": np.full_like(semantics, 255)}))
    return MadeUpVersion(frames, space)


def version(semantics: np.ndarray, grid: str = "semantickitti", taxonomy: str = "semantickitti") -> MadeUpVersion:
    return made({("00", "000000"): semantics}, LabelSpace(GRIDS[grid], TAXONOMIES[taxonomy]))


def scored(version: MadeUpVersion, truth: Path) -> Evaluation:
    return score(labels_of(version), Question(truth, "semantickitti"))


def test_unknown_voxels_of_a_version_count_as_free(truth: Path) -> None:
    classes = TAXONOMIES["semantickitti"].from_raw[labelled(128)]
    perfect = scored(version(classes), truth).facts()["scores"]
    unknown = scored(version(np.where(classes == 0, UNKNOWN, classes).astype(np.uint8)), truth).facts()["scores"]
    assert perfect == unknown
    assert perfect["12.8"]["per_class"]["road"] == pytest.approx(1.0)
    assert list(perfect) == ["12.8", "25.6", "51.2"]


def test_a_versions_confidence_is_held_against_the_truth(tmp_path: Path, truth: Path) -> None:
    classes = TAXONOMIES["semantickitti"].from_raw[labelled(128)]
    evaluation = scored(version(classes), truth)
    assert evaluation.facts()["calibration"]["error"] == pytest.approx(
        1 - evaluation.calibration.whole().curve()[0]["accuracy"]
    )
    write_kitti(tmp_path / "labels", "00", ["000000"], "predictions", labelled(9)[None])
    folder = of_folder(tmp_path / "labels", truth)
    assert "calibration" not in folder.facts(), "files of predictions say nothing of how sure they are"


@dataclass(frozen=True)
class PointReader:
    """One log whose LiDAR stands 1.8 m above the car's origin and is turned to the left."""

    truth: np.ndarray
    lidar_points: np.ndarray
    ego_from_lidar: np.ndarray
    taxonomy: Taxonomy
    root: Path = Path("nowhere")

    def log_ids(self) -> list[str]:
        return ["00"]

    def logs(self, ids: list[str] | None = None) -> list[DriveLog]:
        sweep = Sweep(Path(), self.ego_from_lidar, 0.0)
        frame = Frame("000000", 0.0, None, (), sweep, Truth(points=Path()))
        return [DriveLog("00", "stamp", "text", (frame, Frame("000001", 0.1, None, (), sweep)))]

    def points(self, sweep: Sweep) -> np.ndarray:
        return self.lidar_points

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth:
        return PointTruth(self.truth, self.taxonomy)


@pytest.mark.parametrize(("benchmark", "road"), [(KITTI, 9), (OCC3D, 11)], ids=["lidar-grid", "ego-grid"])
def test_points_are_looked_up_in_the_frame_of_the_grid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, benchmark: Benchmark, road: int
) -> None:
    grid, taxonomy = benchmark.grid, benchmark.taxonomy
    ego_from_lidar = np.array([[0.0, -1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1.8], [0, 0, 0, 1]])
    points = np.array([[10, 3, -1.7], [20, -4, -1.7], [20, 4, -1.7], [500, 0, 0], [9, 3, 0.3]])
    in_grid = points if grid.frame == "lidar" else points @ ego_from_lidar[:3, :3].T + ego_from_lidar[:3, 3]
    semantics = np.full(grid.shape, taxonomy.free_id, np.uint8)
    cells, inside = grid.cells(in_grid)
    semantics[tuple(cells[inside][:2].T)] = road
    truth = np.array([road, road, road, road, UNKNOWN], np.uint8)
    cloud = np.concatenate([points, np.ones((5, 1))], axis=1).astype(np.float32)
    reader = PointReader(truth, cloud, ego_from_lidar, taxonomy)
    monkeypatch.setattr("occlabel.pipeline.quality.counting.open_logs", lambda root: reader)
    labels = labels_of(made({("00", "000000"): semantics}, LabelSpace(grid, taxonomy)))
    evaluation = score(labels, Question(tmp_path, benchmark.format, "points"))
    assert evaluation.frames == 1
    scores = evaluation.scores["full"].facts()
    assert (scores["points"], scores["accuracy"]) == (3, pytest.approx(2 / 3))
    assert scores["per_class"][taxonomy.names[road]] == pytest.approx(2 / 3)
    assert evaluation.baselines["height rule"].facts()["accuracy"] == 1.0
    said = evaluation.facts()["calibration"]
    assert (said["voxels"], said["error"], said["bias"]) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert (said["occupied"]["voxels"], said["occupied"]["error"]) == (2, 0.0), "the third is labelled free"


def test_human_labels_voxelised_score_high_at_the_points_they_came_from(shared: Path, tmp_path: Path) -> None:
    root = shared / "data/kitti"
    reader = open_logs(root)
    [log] = reader.logs(["00"])
    for frame in log.frames[:2]:
        truth, points = reader.point_truth(frame), reader.points(frame.sweep)
        cells, inside = KITTI.grid.cells(points)
        inside &= truth.semantics != UNKNOWN
        votes = np.zeros((*KITTI.grid.shape, 20), np.int32)
        np.add.at(votes, (*cells[inside].T, truth.semantics[inside]), 1)
        write_frame(tmp_path, "00", frame.name, votes.argmax(axis=-1).astype(np.uint8))
    evaluation = score(open_labels(str(tmp_path), "semantickitti"), Question(root, "semantickitti", "points"))
    assert (evaluation.frames, evaluation.missing) == (2, {"00": len(log.frames) - 2})
    found = evaluation.scores["full"].facts()
    assert found["accuracy"] > 0.97  # what is left is two classes in one voxel
    assert evaluation.baselines["height rule"].facts()["accuracy"] < 0.6
