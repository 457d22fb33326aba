"""What counting a log reads, and what it leaves out and says."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from labelled_street import kitti_street, labelled, nuscenes_street
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of

from occlabel.pipeline.published.labelled_log import join
from occlabel.pipeline.quality.counting import LogCounts, Question, count_log, labelled_frames, merged, truth_stamp
from occlabel.pipeline.quality.evaluate import score
from occlabel.pipeline.quality.rules.boxes import BoxRule
from occlabel.schemas.drive_log import Frame, Sweep, VoxelTruth
from occlabel.schemas.errors import BadPredictions, BadRecipe
from occlabel.schemas.formats.occ3d import write_labels
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.nuscenes import NuScenesReader


@pytest.fixture
def street(tmp_path: Path) -> tuple[Path, MadeUpVersion]:
    """Sequence 00 of three labelled scans, and a version of it."""
    streets = kitti_street(tmp_path)
    return tmp_path, labelled(KittiReader(tmp_path), streets, "semantickitti")


def test_a_scan_and_its_labels_are_read_once_for_all_rules(
    street: tuple[Path, MadeUpVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, version = street
    read: Counter[str] = Counter()
    scan, labels = KittiReader.points, KittiReader.point_truth

    def points(self: KittiReader, sweep: Sweep) -> object:
        read[f"scan {sweep.path.name}"] += 1
        return scan(self, sweep)

    def point_truth(self: KittiReader, frame: Frame, points: int | None = None) -> object:
        read[f"labels {frame.name}"] += 1
        return labels(self, frame, points)

    monkeypatch.setattr(KittiReader, "points", points)
    monkeypatch.setattr(KittiReader, "point_truth", point_truth)
    found = score(labels_of(version), Question(root, "semantickitti", "points"))
    assert found.frames == 3 and found.panoptic is not None
    names = [frame.name for frame in version.kept]
    assert read == Counter([f"scan {name}.bin" for name in names] + [f"labels {name}" for name in names])


def test_a_frame_whose_scan_is_gone_or_cut_is_left_out_and_named(street: tuple[Path, MadeUpVersion]) -> None:
    root, version = street
    question = Question(root, "semantickitti", "points")
    cut, gone, whole = sorted((root / "sequences/00/velodyne").glob("*.bin"))
    cut.write_bytes(cut.read_bytes()[:-3])
    found = score(labels_of(version), question)
    assert found.frames == 2 and len(found.unreadable) == 1 and cut.name in found.unreadable[0]
    assert found.facts()["unreadable"] == list(found.unreadable) and found.missing == {}
    said = "1 of 3 truth frames not scored, as their scan or truth is missing or damaged: log 00, frame 000000"
    assert any(said in note for note in found.notes())
    for path in (gone, whole):
        path.write_bytes(b"")
    with pytest.raises(BadPredictions, match=r"nothing to score: log 00, frame 000000: .*000000\.bin"):
        score(labels_of(version), question)


def test_point_labels_in_other_classes_than_those_asked_for_are_refused(street: tuple[Path, MadeUpVersion]) -> None:
    root, version = street
    occ3d = LabelSpace(GRIDS["occ3d"], labels_of(version).space.taxonomy)
    mine = MadeUpVersion(
        [MadeUpFrame("00", "000000", {"semantics": np.zeros(occ3d.grid.shape, np.uint8)})],
        occ3d,
    )
    told = tuple((name, None) for name in occ3d.taxonomy.names if name != "free")
    with pytest.raises(BadRecipe, match="points of log 00 are in the classes of semantickitti, and those of occ3d"):
        score(labels_of(mine), Question(root, "occ3d", "points", told))


def with_truth(root: Path, version: MadeUpVersion) -> None:
    """Makes the version's semantics the truth of its frames, free where it says nothing."""
    for frame in version.kept:
        free = np.uint8(version.space.taxonomy.free_id)
        true = np.where(frame.arrays["semantics"] == 255, free, frame.arrays["semantics"])
        path = root / f"gts/{frame.log}/{frame.name}/labels.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        everywhere = np.ones(true.shape, bool)
        write_labels(path, true, mask_lidar=everywhere, mask_camera=everywhere)


def test_objects_and_rays_of_a_class_that_is_left_out_are_not_scored(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    with_truth(tmp_path, version)
    taxonomy = version.space.taxonomy
    classes = [c.model_copy(update={"name": "lorry"}) if c.name == "truck" else c for c in taxonomy.classes]
    version.space = LabelSpace(version.space.grid, Taxonomy(name="mine", classes=tuple(classes), free_id=17))
    told = (("lorry", "truck"),)
    full = score(labels_of(version), Question(tmp_path, "occ3d", told=told))
    part = score(labels_of(version), Question(tmp_path, "occ3d", told=(("lorry", None),)))
    assert full.scores["full"].miou == 1.0 and full.beyond == 0.0
    assert full.panoptic is not None and part.panoptic is not None and part.beyond > 0
    pq = part.facts()["panoptic"]["voxels"]["per_class"]
    assert pq["truck"]["pq"] is None, "nothing is said of a truck, and nothing is held against it"
    assert pq["barrier"] == full.facts()["panoptic"]["voxels"]["per_class"]["barrier"]
    rays = part.panoptic.rays
    assert rays is not None and full.panoptic.rays is not None
    assert rays.ray_iou == full.panoptic.rays.ray_iou == 1.0


def test_counts_of_all_rules_survive_their_way_through_a_store(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    with_truth(tmp_path, version)
    for at in ("voxels", "points", "boxes"):
        question = Question(tmp_path, "occ3d", at)
        joined = question.joined(labels_of(version))
        logs = [count_log(question, joined, log) for log in version.logs]
        assert [log.frames for log in logs] == [3, 3]
        here, there = question.rules(joined), question.rules(joined)
        merged(here, logs)
        merged(there, [LogCounts.from_bytes(log.to_bytes()) for log in logs])
        for rule, other in zip(here, there, strict=True):
            for name, array in rule.state().items():
                np.testing.assert_array_equal(array, other.state()[name])
        assert score(labels_of(version), question).facts()["frames"] == 6


def test_boxes_are_of_a_class_by_its_name(tmp_path: Path) -> None:
    """Categories of nuScenes have ids in Occ3D, which are other classes elsewhere."""
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    order = ("free", "car", "bus", "pedestrian", "truck")
    ids = {name: i for i, name in enumerate(order)}
    own = Taxonomy(
        name="mine",
        classes=tuple(LabelClass(id=i, name=n, colour=(i, i, i), thing=i > 0) for n, i in ids.items()),
        free_id=0,
    )
    table = np.zeros(256, np.uint8)
    for entry in version.space.taxonomy.classes:
        table[entry.id] = ids.get(entry.name, 0)
    for frame in version.kept:
        frame.arrays["semantics"] = table[frame.arrays["semantics"]]
        frame.arrays["instance"] = np.where(frame.arrays["semantics"] > 0, frame.arrays["instance"], 0)
    version.space = LabelSpace(version.space.grid, own)
    reader = NuScenesReader(tmp_path)
    question = Question(tmp_path, "occ3d", "boxes")
    rule = BoxRule(own)
    joined = join(labels_of(version), version.space, reader=reader)
    for log in version.logs:
        drive = labelled_frames(question, joined, log)
        rule.begin(drive)
        for looked_at in drive.frames():
            rule.add(looked_at)
        rule.end()
    per_class = {own.names[i]: scores for i, scores in rule.scores().per_class.items()}
    assert set(per_class) == {"car", "pedestrian", "truck"} and per_class["truck"].found == 1.0
    assert rule.scores().whole.recall > 0.6


def test_truth_of_another_space_is_scored_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are those of a benchmark, grid and classes those of the truth."""
    version = labelled(KittiReader(tmp_path), kitti_street(tmp_path), "semantickitti")
    grid = version.space.grid.box((0.0, -25.6, -2.0), (128, 256, 32))
    classes = tuple(LabelClass(id=i, name=n, colour=(i, i, i)) for i, n in enumerate(("road", "air")))
    space = LabelSpace(grid, Taxonomy(name="two", classes=classes, free_id=1))
    true = np.ones(grid.shape, np.uint8)
    true[:, :, 2] = 0

    class Truth:
        reader = None

        def __init__(self) -> None:
            self.space = space

        def log_ids(self) -> list[str]:
            return ["00"]

        def frames(self, log: str) -> list[str]:
            return ["000000"]

        def voxels(self, log: str, frame: str) -> VoxelTruth:
            return VoxelTruth(true, np.ones(grid.shape, bool), space)

        def stamp(self, log: str) -> str:
            return ""

    monkeypatch.setattr("occlabel.pipeline.quality.counting.open_truth", lambda root, format: Truth())
    own = np.full(version.space.grid.shape, 0, np.uint8)
    own[:, :, 2] = 9
    version.kept = [MadeUpFrame("00", "000000", {"semantics": own})]
    told = tuple((name, None) for name in version.space.taxonomy.names if name not in ("free", "road"))
    found = score(labels_of(version), Question(tmp_path, "semantickitti", told=told))
    assert list(found.scores) == ["full"] and found.scores["full"].per_class == {"road": pytest.approx(1.0)}


def test_what_decides_how_a_box_is_scored_is_part_of_the_stamp(tmp_path: Path) -> None:
    version = labelled(NuScenesReader(tmp_path), nuscenes_street(tmp_path), "occ3d")
    joined = Question(tmp_path, "occ3d", "boxes").joined(labels_of(version))
    log = next(log for log in joined.reader.logs() if log.frames[0].truth.boxes)

    def stamp(**changed: Any) -> object:
        frames = (
            replace(f, truth=replace(f.truth, boxes=tuple(replace(b, **changed) for b in f.truth.boxes)))
            for f in log.frames
        )
        asked = replace(log, frames=tuple(frames))
        reader = SimpleNamespace(log_ids=lambda: [log.id], logs=lambda ids=None: iter([asked]))
        return truth_stamp(replace(joined, reader=reader), log.id)

    table = tmp_path / "category.json"
    table.write_text("[]")
    classes = replace(log.frames[0], truth=replace(log.frames[0].truth, point_classes=table))
    told = SimpleNamespace(log_ids=lambda: [log.id], logs=lambda ids=None: iter([replace(log, frames=(classes,))]))
    before: Any = truth_stamp(replace(joined, reader=told), log.id)
    table.write_text("[{}]")
    assert truth_stamp(replace(joined, reader=told), log.id) != before, "what the labels of points mean"
    assert stamp() == truth_stamp(joined, log.id)
    assert stamp(lidar_points=3) != stamp() != stamp(size=(40.0, 2.0, 1.5))
