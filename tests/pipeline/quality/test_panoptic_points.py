"""``occlabel evaluate --at points`` on a version with instances: equal to the official evaluators."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from labelled_street import (
    kitti_street,
    labelled,
    nuscenes_street,
    replace_table,
    write_panoptic,
)
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.export_points import export_points
from occlabel.pipeline.delivery.exporters import ExportOptions
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.quality.counting import Question
from occlabel.pipeline.quality.evaluate import score
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.schemas.formats.semantickitti import write_point_labels
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.nuscenes import NuScenesReader

CAR, ROAD = 1, 9


def evaluated(version: MadeUpVersion, root: Path, format: Format) -> Evaluation:
    return score(labels_of(version), Question(root, format, "points"))


def test_the_devkit_finds_the_same_in_what_is_exported(tmp_path: Path) -> None:
    from nuscenes.eval.panoptic.evaluate import NuScenesPanopticEval
    from nuscenes.nuscenes import NuScenes

    root = tmp_path / "logs"
    streets = nuscenes_street(root)
    write_panoptic(root, streets)
    version = labelled(NuScenesReader(root), streets, "occ3d")
    options = ExportOptions(logs=NuScenesReader(root), split="mini_val")
    export_points(labels_of(version).version, "nuscenes-panoptic", tmp_path / "out", options)
    tables = NuScenes("v1.0-mini", str(root), verbose=False)
    devkit = NuScenesPanopticEval(tables, str(tmp_path / "out"), "mini_val", "segmentation", 15, str(tmp_path / "told"))
    official = devkit.evaluate_segmentation()
    facts = evaluated(version, root, "occ3d").facts()["panoptic"]
    assert facts["frames"] == 6
    found = facts["points"]
    assert 0.1 < found["all"]["pq"] < 0.4, "10 of 16 classes are nowhere, and some labels are wrong"
    for measure in ("pq", "sq", "rq"):
        assert found["all"][measure] == pytest.approx(official["all"][measure.upper()], rel=1e-9)
        for name, quality in found["per_class"].items():
            assert quality[measure] == pytest.approx(official[name][measure.upper()], rel=1e-9), name
    assert found["pq_dagger"] == pytest.approx(official["all"]["PQ_dagger"], rel=1e-9)
    assert set(found["per_class"]) == set(official) - {"all", "ignore"}


def test_boxes_say_the_same_as_panoptic_files(tmp_path: Path) -> None:
    streets = nuscenes_street(tmp_path)
    version = labelled(NuScenesReader(tmp_path), streets, "occ3d")
    by_boxes = evaluated(version, tmp_path, "occ3d")
    write_panoptic(tmp_path, streets)
    by_files = evaluated(version, tmp_path, "occ3d")
    assert by_boxes.facts()["panoptic"] == by_files.facts()["panoptic"]
    found = by_boxes.facts()["panoptic"]["points"]["per_class"]
    assert found["truck"]["pq"] > 0.6 and found["barrier"]["pq"] > 0.6, "a thing of the challenge, not of the grid"
    assert by_boxes.facts()["scores"] == by_files.facts()["scores"], "classes are those of lidarseg either way"


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Path, MadeUpVersion]:
    """One scan of SemanticKITTI, a point a voxel, and labels of it; see ``test_scores_by_hand``."""
    parts = [  # count, raw id, instance, predicted class, predicted object
        (80, 10, 5, CAR, 1), (20, 10, 5, 0, 0), (60, 252, 5, CAR, 2), (160, 40, 0, ROAD, 0), (40, 40, 0, CAR, 2),
        (100, 60, 0, ROAD, 3), (70, 0, 0, CAR, 1), (30, 40, 0, None, 0),
    ]  # fmt: skip
    grid, space = GRIDS["semantickitti"], LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    counts = [part[0] for part in parts]
    raw, number, classes, ids = (np.repeat([p[i] or 0 for p in parts], counts) for i in (1, 2, 3, 4))
    outside = np.repeat([p[3] is None for p in parts], counts)
    cells = np.stack(np.unravel_index(np.arange(len(raw)) * 7, (60, 60, 10)), axis=1)
    points = np.array(grid.origin) + (cells + 0.5) * grid.voxel_size
    points[outside, 0] -= 40
    folder = tmp_path / "sequences/00"
    for name in ("velodyne", "labels"):
        (folder / name).mkdir(parents=True)
    cloud = np.column_stack([points, np.zeros(len(points))]).astype("<f4")
    (folder / "velodyne/000000.bin").write_bytes(cloud.tobytes())
    write_point_labels(folder / "labels/000000.label", raw.astype(np.uint16), number.astype(np.uint16))
    semantics, instance = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint16)
    at = tuple(cells[~outside].T)
    semantics[at], instance[at] = classes[~outside], ids[~outside]
    frame = MadeUpFrame("00", "000000", {"semantics": semantics, "instance": instance})
    return tmp_path, MadeUpVersion([frame], space)


def test_scores_by_hand(drawn: tuple[Path, MadeUpVersion]) -> None:
    root, version = drawn
    facts = evaluated(version, root, "semantickitti").facts()["panoptic"]
    found = facts["points"]
    # Two cars of one number, of which one moves: 80 of 100 points, and 60 of 60 with 40 of the road.
    assert found["per_class"]["car"]["pq"] == pytest.approx((0.8 + 0.6) / 2)
    # Lane-marking is a segment of its own, which is missed: a prediction has no objects of road. The 30 points of road
    # outside the grid do not count.
    assert found["per_class"]["road"]["pq"] == pytest.approx(160 / (260 + 200 - 160) / 1.5)
    assert found["all"]["pq"] == pytest.approx((0.7 + 160 / 300 / 1.5) / 19), "an absent class is 0"
    # Through a log the two are one: 80 of its 160 points are one object of the labels, 60 of them another of 100.
    assert (facts["frames"], facts["tracking"]["objects_matched"]) == (1, 0.0)
    assert facts["tracking"]["aq"] == pytest.approx((80 * 80 / 160 + 60 * 60 / 200) / 160)


def standing_then_driving(root: Path, count: int) -> MadeUpVersion:
    """Two scans of one car of ``count`` points, number 7, that drives off, and of the road, a point a voxel; labels of
    a version that knows both to be one object."""
    grid, space = GRIDS["semantickitti"], LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    kept = []
    for index, raw_id in enumerate((10, 252)):
        name, folder = f"{index:06d}", root / "sequences/00"
        raw = np.repeat([raw_id, 40], [count, 30]).astype(np.uint16)
        cells = np.stack(np.unravel_index(np.arange(count + 30) * 7, (60, 60, 10)), axis=1)
        points = np.array(grid.origin) + (cells + 0.5) * grid.voxel_size
        for part in ("velodyne", "labels"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        cloud = np.column_stack([points, np.zeros(len(points))]).astype("<f4")
        (folder / f"velodyne/{name}.bin").write_bytes(cloud.tobytes())
        number = np.where(raw == 40, 0, 7).astype(np.uint16)
        write_point_labels(folder / f"labels/{name}.label", raw, number)
        semantics, instance = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint16)
        at = tuple(cells.T)
        semantics[at], instance[at] = np.where(raw == 40, ROAD, CAR), np.where(raw == 40, 0, 3)
        kept.append(MadeUpFrame("00", name, {"semantics": semantics, "instance": instance}, index))
    return MadeUpVersion(kept, space)


@pytest.mark.parametrize(("count", "official"), [(60, 1.0), (20, None)])
def test_a_car_that_stands_and_then_drives_is_one_object(tmp_path: Path, count: int, official: float | None) -> None:
    version = standing_then_driving(tmp_path, count)
    facts = evaluated(version, tmp_path, "semantickitti").facts()["panoptic"]
    tracking = facts["tracking"]
    assert (tracking["aq"], tracking["stq"], tracking["id_switches_per_100_object_frames"]) == (1.0, 1.0, 0.0)
    assert facts["lidar_tracking"]["s_assoc"] == official, "the benchmark leaves out objects of 50 points and fewer"
    assert facts["points"]["per_class"]["car"]["pq"] == 1.0
    version.kept[1].arrays["instance"][version.kept[1].arrays["instance"] == 3] = 4
    tracking = evaluated(version, tmp_path, "semantickitti").facts()["panoptic"]["tracking"]
    assert (tracking["aq"], tracking["id_switches_per_100_object_frames"]) == (0.5, 50.0), "and now it is two"


def test_without_instances_nothing_is_said_of_them(drawn: tuple[Path, MadeUpVersion]) -> None:
    root, version = drawn
    labels = root / "sequences/00/labels/000000.label"
    label = np.fromfile(labels, "<u4")
    (label & 0xFFFF).tofile(labels)
    assert evaluated(version, root, "semantickitti").panoptic is None, "nobody numbered the objects"
    label.tofile(labels)
    assert evaluated(version, root, "semantickitti").panoptic is not None
    del version.kept[0].arrays["instance"]
    assert evaluated(version, root, "semantickitti").panoptic is None


def test_lidarseg_without_boxes_does_not_say_whose_a_point_is(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    for table in ("sample_annotation", "instance"):
        replace_table(tmp_path, table, [])
    assert evaluated(version, tmp_path, "occ3d").panoptic is None


def test_the_command_prints_and_writes_them(tmp_path: Path) -> None:
    publish(labelled(KittiReader(tmp_path), kitti_street(tmp_path), "semantickitti"), tmp_path / "store")
    out = tmp_path / "scores.json"
    arguments = [
        "evaluate",
        f"{tmp_path}/store@v1",
        "--truth",
        str(tmp_path),
        "--format",
        "semantickitti",
        "--at",
        "points",
    ]
    result = CliRunner().invoke(app, [*arguments, "--json", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert "3 frames scored at points" in text and "PQ-dagger" in text and "instances of 3 frames: STQ" in text
    facts = json.loads(out.read_text())["panoptic"]
    assert set(facts) == {"frames", "points", "tracking", "lidar_tracking"}
    assert facts["points"]["per_class"]["truck"]["pq"] > 0.6
    assert facts["points"]["per_class"]["bicycle"]["pq"] == 0.0
