"""Boxes of nuScenes for what is stacked: of every version that lies under a root."""

import json
from pathlib import Path

import pytest

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.taxonomy import taxonomy_preset
from occlabel.stages.completion.accumulated.boxes import BoxFiles

OCC3D = taxonomy_preset("occ3d")


def version(root: Path, name: str, length: float, *samples: str) -> None:
    """Tables of keyframes ``samples``, in each of which a car is so long."""
    still = {"rotation": [1.0, 0.0, 0.0, 0.0], "translation": [0.0, 0.0, 0.0]}
    tables = {
        "category": [{"token": "c", "name": "vehicle.car"}],
        "instance": [{"token": "i", "category_token": "c"}],
        "ego_pose": [{"token": f"pose {sample}", **still} for sample in samples],
        "sample_data": [
            {"sample_token": s, "ego_pose_token": f"pose {s}", "is_key_frame": True, "filename": "samples/LIDAR_TOP/x"}
            for s in samples
        ],
        "sample_annotation": [
            {"sample_token": sample, "instance_token": "i", "size": [2.0, length, 1.5], **still} for sample in samples
        ],
    }
    (root / name).mkdir(parents=True)
    for table, rows in tables.items():
        (root / name / f"{table}.json").write_text(json.dumps(rows))


def test_all_versions_of_a_root_have_boxes(tmp_path: Path) -> None:
    version(tmp_path, "v1.0-mini", 9.0, "a")
    version(tmp_path, "v1.0-test", 0.0)
    version(tmp_path, "v1.0-trainval", 4.0, "a", "b")
    found = BoxFiles(tmp_path).of("scene-0001", OCC3D)
    assert {sample: [box.size[0] for box in boxes] for sample, boxes in found.items()} == {"a": [4.0], "b": [4.0]}
    assert OCC3D.names[found["b"][0].class_id] == "car"


def test_tables_of_every_version_decide_the_labels(tmp_path: Path) -> None:
    version(tmp_path, "v1.0-test", 0.0)
    digests = [BoxFiles(tmp_path).digest("scene-0001")]
    version(tmp_path, "v1.0-trainval", 4.0, "a")
    digests.append(BoxFiles(tmp_path).digest("scene-0001"))
    (tmp_path / "v1.0-trainval/ego_pose.json").write_text("[]")
    digests.append(BoxFiles(tmp_path).digest("scene-0001"))
    assert len(set(digests)) == 3


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    version(tmp_path, "v1.0-trainval", 4.0, "a")
    version(tmp_path, "v1.0-test", 4.0, "b")
    (tmp_path / "v1.0-trainval/instance.json").write_text("[")
    with pytest.raises(DamagedFile, match=r"v1\.0-trainval/instance\.json, which boxes need"):
        BoxFiles(tmp_path).of("scene-0001", OCC3D)


def test_tables_that_were_corrected_are_read_again(tmp_path: Path) -> None:
    version(tmp_path / "before", "v1.0-trainval", 4.0, "a")
    version(tmp_path / "after", "v1.0-trainval", 5.0, "a")
    boxes = BoxFiles(tmp_path / "before")
    assert boxes.of("scene-0001", OCC3D)["a"][0].size[0] == 4.0
    (tmp_path / "after/v1.0-trainval/sample_annotation.json").replace(
        tmp_path / "before/v1.0-trainval/sample_annotation.json"
    )
    assert boxes.of("scene-0001", OCC3D)["a"][0].size[0] == 5.0
