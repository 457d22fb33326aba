"""Versions for trainers that read SSCBench's KITTI-360."""

from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, as_version

from occlabel.pipeline.delivery.exporters import ExportOptions, exporter
from occlabel.pipeline.delivery.selection import like
from occlabel.schemas.arrays import PASSED
from occlabel.schemas.errors import BadLog, BadPredictions, BadRecipe
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN

ROAD, BICYCLIST = 9, 7
DRIVE = "2013_05_28_drive_0003_sync"


def made(log: str = DRIVE, classes: str = "semantickitti") -> MadeUpVersion:
    semantics = np.zeros((256, 256, 32), np.uint8)
    semantics[:, :, 0], semantics[5, 5, 1], semantics[9, 9] = ROAD, BICYCLIST, UNKNOWN
    frame = MadeUpFrame(log, "000005", {"semantics": semantics})
    return MadeUpVersion([frame], LabelSpace(GRIDS["semantickitti"], TAXONOMIES[classes]))


def export(version: MadeUpVersion, out: Path, **options: object) -> str:
    return exporter("sscbench-kitti360")(as_version(version), out, ExportOptions(**options))  # type: ignore[arg-type]


def written(out: Path) -> tuple[np.ndarray, np.ndarray]:
    (label,) = out.rglob("*.label")
    raw = np.frombuffer(label.read_bytes(), "<u2").reshape(256, 256, 32)
    return raw, np.frombuffer(label.with_suffix(".invalid").read_bytes(), np.uint8).reshape(raw.shape)


def test_classes_that_it_has_not_are_invalid(tmp_path: Path) -> None:
    said = export(made(), tmp_path / "out")
    assert said.startswith("wrote 1 frame to") and "unknown where the labels say bicyclist, motorcyclist, trunk" in said
    assert "does not say there what was observed" in said and "splits" not in said
    raw, invalid = written(tmp_path / "out")
    assert (raw[1, 1, 0], raw[5, 5, 1], raw[9, 9, 0]) == (40, 0, 0)
    assert np.argwhere(invalid).tolist() == [[5, 5, 1], *([9, 9, z] for z in range(32))]


def test_a_map_says_otherwise_and_what_was_observed_is_valid(tmp_path: Path) -> None:
    version = made("night-1")
    observed = np.zeros((256, 256, 32), np.uint8)
    observed[:8] = PASSED
    version.kept[0].arrays["observed"] = observed
    said = export(version, tmp_path / "out", told=(("bicyclist", "person"),))
    assert "unknown where the labels say motorcyclist, trunk" in said and "observed" not in said
    assert "night-1: no sequence of its splits" in said
    raw, invalid = written(tmp_path / "out")
    assert raw[5, 5, 1] == 30 and not invalid[:8].any() and invalid[8:].all()


def test_what_does_not_fit_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"the labels have classes that 'sscbench-kitti360' has not: .*--map"):
        export(made(classes="occ3d"), tmp_path / "out")
    with pytest.raises(BadPredictions, match="--zip is for the layout of semantickitti"):
        export(made(), tmp_path / "out", zipped=True)
    ego = MadeUpVersion(made().kept, LabelSpace(GRIDS["occ3d"], TAXONOMIES["semantickitti"]))
    with pytest.raises(BadPredictions, match="sscbench-kitti360 one in the lidar frame; say where the labelled logs"):
        export(ego, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_benchmark_asks_for_frames_that_have_voxels(tmp_path: Path) -> None:
    with pytest.raises(BadLog, match="has no frames in the layout of sscbench-kitti360"):
        like(as_version(made()), tmp_path, "sscbench-kitti360")
    voxels = tmp_path / "data_2d_raw" / DRIVE / "voxels"
    voxels.mkdir(parents=True)
    (voxels / "000010.bin").touch()
    with pytest.raises(BadPredictions, match="has none of the frames"):
        like(as_version(made()), tmp_path, "sscbench-kitti360")
