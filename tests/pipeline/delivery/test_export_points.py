"""``occlabel export --format semantickitti-panoptic`` and ``nuscenes-panoptic``: points with the labels of voxels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_street import kitti_street, labelled, nuscenes_street, scan_in_grid
from made_up_versions import MadeUpVersion, publish
from nuscenes.utils.splits import create_splits_scenes
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.export_points import PointFormat, export_points
from occlabel.pipeline.delivery.exporters import ExportOptions
from occlabel.pipeline.published.open_labels import open_labels
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile, OcclabelError
from occlabel.schemas.formats.semantickitti import read_point_labels
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, Taxonomy
from occlabel.stages.export.nuscenes_panoptic import SPLITS
from occlabel.stages.export.semantickitti import write_frame
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.nuscenes import NuScenesReader


@pytest.fixture
def kitti(tmp_path: Path) -> tuple[LogReader, MadeUpVersion]:
    reader = KittiReader(tmp_path / "kitti")
    return reader, labelled(reader, kitti_street(reader.root), "semantickitti")


@pytest.fixture
def nuscenes(tmp_path: Path) -> tuple[LogReader, MadeUpVersion]:
    reader = NuScenesReader(tmp_path / "nuscenes")
    return reader, labelled(reader, nuscenes_street(reader.root), "occ3d")


def test_each_point_has_class_and_object_of_its_voxel(kitti, tmp_path: Path) -> None:
    reader, version = kitti
    [log] = reader.logs()
    with log.frames[1].sweep.path.open("ab") as file:
        file.write(np.array([-9, 0, 0, 0], "<f4").tobytes())  # behind the car, where no grid is
    assert export_points(version, "semantickitti-panoptic", tmp_path / "out", ExportOptions(reader)).frames == 3
    one_number: dict[int, set[int]] = {}
    for frame, labels in zip(log.frames, version.kept, strict=True):
        points = scan_in_grid(reader, frame, version.space.grid)
        path = tmp_path / f"out/sequences/00/predictions/{frame.name}.label"
        raw, number = read_point_labels(path, len(points))
        cells, inside = version.space.grid.cells(points)
        at = tuple(cells[inside].T)
        np.testing.assert_array_equal(version.space.taxonomy.from_raw[raw[inside]], labels.load("semantics")[at] % 255)
        for id_, written in zip(labels.load("instance")[at].tolist(), number[inside].tolist(), strict=True):
            one_number.setdefault(id_, set()).add(written)
        assert not raw[~inside].any() and not number[~inside].any()
    assert sorted(one_number) == [0, 9, 700, 1400, 2100, 2800, 3500], "and no barrier, which is a fence there"
    assert one_number.pop(0) == {0}
    assert sorted(map(list, one_number.values())) == [[n] for n in range(1, 7)], "one in all frames"


def test_a_frame_without_a_readable_scan_is_skipped_and_told(nuscenes, tmp_path: Path) -> None:
    reader, version = nuscenes
    publish(version, tmp_path / "store")
    sweeps = [frame.sweep for log in reader.logs() for frame in log.frames]
    sweeps[0].path.unlink()
    sweeps[4].path.write_bytes(b"\0" * 7)
    arguments = ("--logs", reader.root, "--out", tmp_path / "out", "--split", "mini_val")
    code, text, _ = export(tmp_path / "store", "nuscenes-panoptic", *arguments)
    assert code == 0
    assert "wrote the points of 4 of 6 frames; 2 without a scan that can be read skipped" in text
    assert f"log scene-0103, frame {version.kept[0].name} has no scan" in text and "it is truncated" in text
    written = {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert written == {f"{sweep.name}_panoptic.npz" for index, sweep in enumerate(sweeps) if index not in (0, 4)}
    for sweep in sweeps[1:]:
        sweep.path.write_bytes(b"")
    with pytest.raises(BadLog, match="nothing was written"):
        export_points(version, "nuscenes-panoptic", tmp_path / "none", ExportOptions(reader))
    assert not (tmp_path / "none").exists()


def test_what_can_be_refused_is_refused_before_anything_is_written(kitti, nuscenes, tmp_path: Path) -> None:
    reader, version = kitti
    out = tmp_path / "out"

    def refused(
        match: str, format: PointFormat = "semantickitti-panoptic", reader: LogReader = reader, **options: Any
    ) -> None:
        with pytest.raises(OcclabelError, match=match):
            export_points(version, format, out, ExportOptions(reader, **options))
        assert not out.exists()

    last = version.kept[-1]
    refused("classes that 'occ3d' has not: other-vehicle", "nuscenes-panoptic")
    instance = last.arrays.pop("instance")
    refused("has no instances; add the blocks instances and tracking")
    last.arrays["instance"] = instance
    last.log = "01"
    refused("has no sequence '01'; it has 00")
    last.log = "00"
    names = [frame.name for frame in version.kept]
    for frame, other in zip(version.kept, ("000007", "000008", "000009"), strict=True):
        frame.name = other
    refused("log 00 has none of the labelled frames: these are not the logs that were labelled")
    for frame, name in zip(version.kept, names, strict=True):
        frame.name = name
    (reader.root / "sequences/00").rename(reader.root / "sequences/town")
    for frame in version.kept:
        frame.log = "town"
    refused("two digits")
    version.kept.clear()
    refused("no frames")
    reader, version = nuscenes
    refused(r"no split 'min_val' .did you mean 'mini_val'", "nuscenes-panoptic", reader, split="min_val")
    refused("no split '../val'", "nuscenes-panoptic", reader, split="../val")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/precious").touch()
    with pytest.raises(OcclabelError, match="not an empty folder"):
        export_points(version, "nuscenes-panoptic", tmp_path / "full", ExportOptions(reader))


def test_a_frame_that_the_logs_lost_is_skipped_and_told(kitti, tmp_path: Path) -> None:
    reader, version = kitti
    (reader.root / "sequences/00/velodyne/000001.bin").unlink()
    done = export_points(version, "semantickitti-panoptic", tmp_path / "out", ExportOptions(reader))
    assert done.frames == 2 and done.skipped == ["log 00, frame 000001 has no scan"]
    assert sorted(path.stem for path in (tmp_path / "out").rglob("*.label")) == ["000000", "000002"]


def test_only_nuscenes_names_its_scans_by_token(kitti, tmp_path: Path) -> None:
    reader, version = kitti
    version.space = LabelSpace(version.space.grid, TAXONOMIES["occ3d"])
    with pytest.raises(BadPredictions, match="which only the logs of a nuScenes root have"):
        export_points(version, "nuscenes-panoptic", tmp_path / "out", ExportOptions(reader))
    assert not (tmp_path / "out").exists()


def test_a_class_that_is_none_of_the_formats_is_unlabelled_and_said(kitti, tmp_path: Path) -> None:
    reader, version = kitti
    own = [c.model_copy(update={"name": "lorry"}) if c.name == "truck" else c for c in version.space.taxonomy.classes]
    taxonomy = version.space.taxonomy.model_copy(update={"classes": tuple(own)})
    options = ExportOptions(reader, (("lorry", None),))
    whole = export_points(version, "semantickitti-panoptic", tmp_path / "whole", ExportOptions(reader))
    version.space = LabelSpace(version.space.grid, Taxonomy.model_validate(taxonomy.model_dump()))
    done = export_points(version, "semantickitti-panoptic", tmp_path / "out", options)
    assert done.sentence() == whole.sentence() + "; unlabelled where the labels say lorry"
    files = sorted((tmp_path / "whole").rglob("*.label"))
    assert files
    for file in files:
        raw = np.fromfile(file, "<u4") & 0xFFFF
        found = np.fromfile(tmp_path / "out" / file.relative_to(tmp_path / "whole"), "<u4") & 0xFFFF
        assert (raw == 18).any() and (found == np.where(raw == 18, 0, raw)).all()


def test_the_command_says_what_it_lacks(kitti, tmp_path: Path) -> None:
    reader, version = kitti
    store = tmp_path / "store"
    publish(version, store)
    arguments = ("--out", tmp_path / "out")
    assert "say where the labelled logs lie, with --logs" in export(store, "semantickitti-panoptic", *arguments)[2]
    assert (
        "--own-classes"
        in export(store, "semantickitti-panoptic", *arguments, "--logs", reader.root, "--own-classes")[2]
    )
    assert not (tmp_path / "out").exists()
    _, text, _ = export(store, "semantickitti-panoptic", *arguments, "--logs", reader.root)
    assert text.endswith("wrote the points of 3 frames")


def test_a_split_that_the_devkit_does_not_have_is_refused(nuscenes, tmp_path: Path) -> None:
    reader, version = nuscenes
    publish(version, tmp_path / "store")
    arguments = ("--logs", reader.root, "--out", tmp_path / "out", "--split", "nosuch")
    code, _, error = export(tmp_path / "store", "nuscenes-panoptic", *arguments)
    assert code == 1 and not (tmp_path / "out").exists()
    assert error == (
        "the devkit of nuScenes has no split 'nosuch'; it has train, val, test, mini_train, mini_val, train_detect, "
        "train_track"
    )


def test_the_splits_are_those_of_the_devkit() -> None:
    assert tuple(create_splits_scenes()) == SPLITS


@pytest.mark.parametrize("within", [".", "panoptic", "panoptic/val"])
def test_a_folder_of_point_labels_of_nuscenes_is_not_scored_as_volumes(nuscenes, tmp_path: Path, within: str) -> None:
    reader, version = nuscenes
    export_points(version, "nuscenes-panoptic", tmp_path / "out", ExportOptions(reader))
    with pytest.raises(BadPredictions, match=rf"{tmp_path}/out.* holds labels of LiDAR points \(.*_panoptic.npz\)"):
        open_labels(f"{tmp_path}/out/{within}", "occ3d")


def test_a_folder_of_point_labels_of_semantickitti_is_not_scored_as_volumes(kitti, tmp_path: Path) -> None:
    reader, version = kitti
    out = tmp_path / "out"
    export_points(version, "semantickitti-panoptic", out, ExportOptions(reader))
    for format in ("semantickitti", "occ3d"):
        arguments = ["evaluate", str(out), "--truth", str(reader.root), "--format", format, "--at", "points"]
        assert re.fullmatch(
            rf"{out} holds labels of LiDAR points \(sequences/00/predictions/00000\d.label\), and of a folder only "
            "volumes of voxels are scored: score the version that it was exported from, with occlabel evaluate "
            "STORE@VERSION --at points",
            str(CliRunner().invoke(app, arguments).exception),
        )


@pytest.mark.parametrize("size", [1_000_000, 1_000_001, 4_194_303])
def test_a_torn_volume_is_not_taken_for_labels_of_points(kitti, tmp_path: Path, size: int) -> None:
    _, version = kitti
    write_frame(tmp_path, "00", "000000", np.where(version.kept[0].arrays["semantics"] == UNKNOWN, 0, 9))
    [path] = tmp_path.rglob("predictions/*.label")
    path.write_bytes(path.read_bytes()[:size])
    labels = open_labels(str(tmp_path), "semantickitti")
    with pytest.raises(DamagedFile, match="it is truncated or of another grid"):
        labels.semantics("00", "000000")


def export(store: Path, format: str, *arguments: object) -> tuple[int, str, str]:
    """Exit code, output on one line, and the error's sentence."""
    result = CliRunner().invoke(app, ["export", f"{store}@v1", "--format", format, *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split()), str(result.exception)
