"""``occlabel evaluate`` on a version with instances: whose voxel it is comes from the boxes of the logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import made_up_town as town
import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, labels_of, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.counting import Question
from occlabel.pipeline.quality.evaluate import score
from occlabel.schemas.drive_log import Box
from occlabel.schemas.formats.kitti_boxes import write_boxes
from occlabel.schemas.formats.occ3d import read_labels
from occlabel.schemas.formats.semantickitti import write_flags, write_volume
from occlabel.schemas.geometry import inverse, transform_points, yaw_rotation
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.stages.town.writers.nuscenes import write_nuscenes

CAR, ROAD = 1, 9


def version(frames: Sequence[tuple[str, str, np.ndarray, np.ndarray | None]], format: str) -> MadeUpVersion:
    made = []
    for log, name, semantics, instance in frames:
        arrays = {"semantics": semantics, "confidence": np.full_like(semantics, 255)}
        made.append(MadeUpFrame(log, name, arrays if instance is None else {**arrays, "instance": instance}))
    return MadeUpVersion(made, LabelSpace(GRIDS[format], TAXONOMIES[format]))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, np.ndarray]]]:
    """Three frames past a parked car on a road, and the true classes of each; one box, of another class, is empty."""
    root, grid = tmp_path_factory.mktemp("street"), GRIDS["semantickitti"]
    rig = town.rig("kitti", ("image_2",))
    write_kitti("00", town.frames(rig, 3), rig, root)
    log = next(KittiReader(root).logs())
    pose = yaw_rotation(0.3)
    pose[:3, 3] = [12.0, 1.0, -0.6]
    car, bus = Box("7", "car", pose, (4.0, 1.8, 1.6), 9), Box("8", "other-vehicle", pose, (9.0, 3.0, 3.0), 0)
    write_boxes(root / "sequences/00/boxes.txt", [(frame.name, box) for frame in log.frames for box in (bus, car)])
    volumes = []
    for frame in log.frames:
        centres = grid.centres().reshape(-1, 3)
        offset = np.abs(transform_points(inverse(pose) @ frame.world_from_grid(grid), centres))
        semantics = np.zeros(grid.shape, np.uint8)
        semantics[:, :, 1] = ROAD
        semantics[(offset < [2.0, 0.9, 0.8]).all(axis=1).reshape(grid.shape)] = CAR
        path = root / f"sequences/00/voxels/{frame.name}.label"
        write_volume(path, TAXONOMIES["semantickitti"].to_raw[semantics])
        write_flags(path.with_suffix(".invalid"), np.zeros(grid.shape, bool))
        volumes.append((frame.name, semantics))
    return root, volumes


def test_a_car_that_changes_its_id(street) -> None:
    root, volumes = street
    frames = [
        ("00", name, semantics, np.where(semantics == CAR, id_, 0).astype(np.uint16))
        for (name, semantics), id_ in zip(volumes, (5, 5, 60_000), strict=True)
    ]
    found = score(labels_of(version(frames, "semantickitti")), Question(root, "semantickitti"))
    facts = found.facts()["panoptic"]
    assert (facts["frames"], facts["voxels"]["all"]["pq"], facts["voxels"]["pq_dagger"]) == (3, 1.0, 1.0)
    assert facts["voxels"]["per_class"]["other-vehicle"]["pq"] is None
    assert facts["tracking"]["id_switches_per_100_object_frames"] == pytest.approx(100 / 3)
    sizes = np.array([(semantics == CAR).sum() for _, semantics in volumes])
    assert (sizes > 300).all()
    association = (sizes[:2].sum() ** 2 + sizes[2] ** 2) / sizes.sum() ** 2
    assert facts["tracking"]["stq"] == pytest.approx(np.sqrt(association))
    assert "rays" not in facts


def test_without_instances_or_boxes_nothing_is_said_of_them(street, tmp_path: Path) -> None:
    root, volumes = street
    frames = [("00", name, semantics, None) for name, semantics in volumes]
    assert score(labels_of(version(frames, "semantickitti")), Question(root, "semantickitti")).panoptic is None
    named = [("00", name, semantics, np.zeros(semantics.shape, np.uint16)) for name, semantics in volumes]
    bare = tmp_path / "sequences/00/voxels"
    bare.parent.mkdir(parents=True)
    bare.symlink_to(root / "sequences/00/voxels")
    (tmp_path / "sequences/00/velodyne").symlink_to(root / "sequences/00/velodyne")
    assert score(labels_of(version(named, "semantickitti")), Question(tmp_path, "semantickitti")).panoptic is None


def test_the_command_prints_and_writes_rays_too(tmp_path: Path) -> None:
    rig = town.rig("nuscenes", ("CAM_FRONT",))
    write_nuscenes("scene-1", town.frames(rig, 2), rig, tmp_path, seed=3, split="test")
    frames = []
    for path in sorted((tmp_path / "gts").glob("*/*/labels.npz")):
        semantics = read_labels(path)["semantics"]
        frames.append((path.parent.parent.name, path.parent.name, semantics, np.zeros(semantics.shape, np.uint16)))
    publish(version(frames, "occ3d"), tmp_path / "store")
    out = tmp_path / "scores.json"
    arguments = [
        "evaluate",
        f"{tmp_path}/store@v1",
        "--truth",
        str(tmp_path / "gts"),
        "--format",
        "occ3d",
        "--json",
        str(out),
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert "RayIoU 100.00 (100.00 at 1 m, 100.00 at 2 m, 100.00 at 4 m)" in text
    assert "instances of 2 frames: STQ -" in text, "the boxes of this town hold no voxels"
    facts = json.loads(out.read_text())["panoptic"]
    assert facts["rays"]["ray_iou"] == 1.0
    assert facts["voxels"]["stuff"]["pq"] == 1.0
