"""Truth is found by one road: in roots of logs, in folders of truth alone, and through the reader of a package."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import made_up_town as town
import numpy as np
import pytest

from occlabel.schemas.drive_log import DriveLog, Frame, Truth, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.occ3d import read_labels, write_labels
from occlabel.schemas.grid import Grid, grid_preset
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.brought import BroughtReader
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.nuscenes import NuScenesReader
from occlabel.stages.ingest.truth import OtherTruth, open_truth
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.stages.town.writers.nuscenes import write_nuscenes


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    rig = town.rig("kitti", ("image_2",))
    for log in ("00", "01"):
        write_kitti(log, town.frames(rig, 3), rig, tmp_path / "kitti")
    shutil.rmtree(tmp_path / "kitti/sequences/01/voxels")
    return tmp_path / "kitti"


@pytest.fixture
def nuscenes(tmp_path: Path) -> Path:
    rig = town.rig("nuscenes", ("CAM_FRONT",))
    write_nuscenes("scene-0001", town.frames(rig, 4), rig, tmp_path / "nuscenes", seed=3, split="test")
    return tmp_path / "nuscenes"


def test_a_kitti_root_has_truth_where_it_has_voxels(kitti: Path) -> None:
    truth = open_truth(kitti)
    assert truth.reader == KittiReader(kitti)
    assert truth.space == LabelSpace(grid_preset("semantickitti"), taxonomy_preset("semantickitti"))
    assert truth.log_ids() == ["00"]
    assert truth.frames("00") == ["000000", "000001", "000002"]
    assert truth.frames("01") == []
    frame = next(KittiReader(kitti).logs(["00"])).frames[1]
    ours, readers = truth.voxels("00", "000001"), KittiReader(kitti).voxel_truth(frame)
    assert ours.space == readers.space == truth.space
    np.testing.assert_array_equal(ours.semantics, readers.semantics)
    np.testing.assert_array_equal(ours.scored, readers.scored)
    assert not ours.scored[ours.semantics == UNKNOWN].any()


def test_voxels_without_scans_are_truth_without_logs(kitti: Path) -> None:
    for folder in ("velodyne", "image_2"):
        for log in ("00", "01"):
            shutil.rmtree(kitti / "sequences" / log / folder)
    truth = open_truth(kitti, "semantickitti")
    assert truth.reader is None
    assert truth.frames("00") == ["000000", "000001", "000002"]
    assert truth.voxels("00", "000000").scored.any()


@pytest.mark.parametrize("given", ["", "gts"])
def test_a_nuscenes_root_or_its_gts_has_truth_in_time(nuscenes: Path, given: str) -> None:
    log = next(NuScenesReader(nuscenes).logs())
    names = [frame.name for frame in log.frames]
    assert names != sorted(names)
    truth = open_truth(nuscenes / given, "occ3d")
    assert truth.reader == NuScenesReader(nuscenes)
    assert truth.log_ids() == ["scene-0001"]
    assert truth.frames("scene-0001") == names
    assert truth.space == LabelSpace(grid_preset("occ3d"), taxonomy_preset("occ3d"))
    ours, readers = truth.voxels("scene-0001", names[2]), NuScenesReader(nuscenes).voxel_truth(log.frames[2])
    np.testing.assert_array_equal(ours.semantics, readers.semantics)
    np.testing.assert_array_equal(ours.scored, readers.scored)


def test_a_folder_gts_alone_needs_no_tables(nuscenes: Path, tmp_path: Path) -> None:
    shutil.move(nuscenes / "gts", tmp_path / "alone")
    truth = open_truth(tmp_path / "alone")
    assert truth.reader is None
    names = truth.frames("scene-0001")
    assert names == sorted(names)
    assert len(names) == 4
    assert truth.voxels("scene-0001", names[0]).scored.any()


def test_tables_that_are_cut_do_not_keep_voxels_from_being_scored(nuscenes: Path) -> None:
    (nuscenes / "v1.0-mini/sample.json").write_text("[]")
    truth = open_truth(nuscenes)
    assert len(truth.frames("scene-0001")) == 4
    with pytest.raises(BadLog):
        list(truth.reader.logs())


def test_a_missing_mask_gets_one_verdict_by_every_road(kitti: Path, nuscenes: Path) -> None:
    (kitti / "sequences/00/voxels/000001.invalid").unlink()
    frame = next(KittiReader(kitti).logs(["00"])).frames[1]
    sentence = r"000001\.label has no 000001\.invalid beside it.*nothing can be scored"
    with pytest.raises(DamagedFile, match=sentence):
        KittiReader(kitti).voxel_truth(frame)
    with pytest.raises(DamagedFile, match=sentence):
        open_truth(kitti).voxels("00", "000001")
    frame = next(NuScenesReader(nuscenes).logs()).frames[0]
    write_labels(frame.truth.voxels, read_labels(frame.truth.voxels)["semantics"])
    sentence = r"labels\.npz has no array mask_camera.*nothing can be scored"
    with pytest.raises(DamagedFile, match=sentence):
        NuScenesReader(nuscenes).voxel_truth(frame)
    with pytest.raises(DamagedFile, match=sentence):
        open_truth(nuscenes).voxels("scene-0001", frame.name)


def test_what_holds_no_truth_is_refused_with_what_was_looked_for(kitti: Path, tmp_path: Path) -> None:
    with pytest.raises(BadLog, match="is not a folder"):
        open_truth(tmp_path / "nowhere")
    with pytest.raises(OtherTruth, match=r"no voxel truth of occ3d; it has some of semantickitti: --format semantick"):
        open_truth(kitti, "occ3d")
    shutil.rmtree(kitti / "sequences/00/voxels")
    with pytest.raises(
        BadLog, match=r"no voxel truth: there is no SCENE/SAMPLE_TOKEN/labels\.npz.*give the folder gts"
    ):
        open_truth(kitti, "occ3d")
    with pytest.raises(BadLog, match=r"no voxel truth: there is no sequences/XX/voxels/NNNNNN\.label in it$"):
        open_truth(kitti, "semantickitti")
    with pytest.raises(BadLog, match=r"NNNNNN\.label in it; there is no SCENE"):
        open_truth(kitti)


def test_truth_of_two_formats_needs_a_name(kitti: Path, nuscenes: Path) -> None:
    shutil.copytree(nuscenes, kitti, dirs_exist_ok=True)
    with pytest.raises(BadLog, match="voxel truth of semantickitti and of occ3d"):
        open_truth(kitti)
    assert open_truth(kitti, "semantickitti").reader == KittiReader(kitti)
    assert open_truth(kitti, "occ3d").reader == NuScenesReader(kitti)


SPACE = LabelSpace(
    Grid(origin=(0.0, 0.0, 0.0), voxel_size=1.0, shape=(2, 2, 2), frame="ego"), taxonomy_preset("semantickitti")
)


@dataclass(frozen=True)
class RecorderLogs:
    """A reader as a user's package brings it: one JSON file a log, truth every other frame."""

    LAYOUT_GLOB: ClassVar[str] = "*.recorder"
    LAYOUT_WORDS: ClassVar[str] = "NAME.recorder (the recorder of this test)"
    root: Path
    read: ClassVar[list[str]] = []

    def stamp(self) -> None:
        return None

    def log_ids(self) -> list[str]:
        return sorted(path.stem for path in self.root.glob("*.recorder"))

    def logs(self, ids=None):
        for log_id in ids or self.log_ids():
            self.read.append(log_id)
            path = self.root / f"{log_id}.recorder"
            if not path.stat().st_size:
                raise BadLog(f"{path} is empty")
            frames = (
                Frame(f"f{i}", float(i), np.eye(4), truth=Truth(path if i % 2 == 0 else None))
                for i in range(json.loads(path.read_text()))
            )
            yield DriveLog(log_id, "stamp", "text", tuple(frames))

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        semantics = np.full(SPACE.grid.shape, int(frame.name[1:]), np.uint8)
        return VoxelTruth(semantics, semantics != UNKNOWN, SPACE)


def test_a_package_brings_truth_with_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("recorder", f"{__name__}:RecorderLogs", "occlabel.readers")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    (tmp_path / "a.recorder").write_text("")
    (tmp_path / "b.recorder").write_text("5")
    truth = open_truth(tmp_path)
    assert isinstance(truth.reader, BroughtReader) and truth.reader.reader == RecorderLogs(tmp_path)
    assert truth.space == SPACE
    assert truth.log_ids() == ["b"]
    RecorderLogs.read.clear()
    assert truth.frames("b") == ["f0", "f2", "f4"]
    assert [truth.voxels("b", name).semantics.max() for name in truth.frames("b")] == [0, 2, 4]
    assert RecorderLogs.read == ["b"]


def test_truth_that_is_added_is_seen_where_the_root_is_opened_again(kitti: Path) -> None:
    voxels = kitti / "sequences/00/voxels"
    shutil.move(voxels / "000002.label", kitti / "later")
    before = open_truth(kitti)
    assert before.frames("00") == ["000000", "000001"]
    shutil.move(kitti / "later", voxels / "000002.label")
    assert open_truth(kitti).frames("00") == ["000000", "000001", "000002"]
    assert before.frames("00") == ["000000", "000001"], "frames do not change under who asks for one after the other"
