"""A written root is a nuScenes root: the devkit opens it, and read back it is the drive that was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import made_up_town as town
import numpy as np
import pytest
from nuscenes.eval.lidarseg.utils import LidarsegClassMapper
from nuscenes.nuscenes import NuScenes

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.nuscenes_categories import CATEGORIES, OCC3D_CLASS
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.nuscenes import NuScenesReader
from occlabel.stages.town.sensors.visibility import visibility
from occlabel.stages.town.things.kinds import KINDS
from occlabel.stages.town.writers.nuscenes import write_nuscenes, write_scene

CAMERAS = ("CAM_FRONT", "CAM_BACK")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("nuscenes")
    rig = town.rig("nuscenes", CAMERAS)
    frames = town.frames(rig, 3)
    for seed, scene in ((8, "scene-0002"), (7, "scene-0001")):
        write_nuscenes(scene, frames, rig, root, seed=seed, split="val")
    return root, rig, frames


@pytest.fixture(scope="module")
def devkit(written) -> NuScenes:
    return NuScenes(version="v1.0-mini", dataroot=str(written[0]), verbose=False)


def test_several_logs_live_in_one_root(written) -> None:
    reader = NuScenesReader(written[0])
    assert reader.log_ids() == ["scene-0001", "scene-0002"]
    first, second = reader.logs()
    assert not {frame.name for frame in first.frames} & {frame.name for frame in second.frames}
    assert first.warnings == ()


def test_the_drive_comes_back(written) -> None:
    root, rig, frames = written
    reader = NuScenesReader(root)
    log = next(reader.logs())
    for frame, recorded in zip(log.frames, frames, strict=True):
        np.testing.assert_allclose(frame.world_from_ego, recorded.world_from_ego, atol=1e-9)
        np.testing.assert_allclose(frame.sweep.ego_from_lidar, rig.lidar.ego_from_lidar, atol=1e-9)
        np.testing.assert_allclose(reader.points(frame.sweep), recorded.scan.points, atol=1e-6)
        assert frame.time - log.frames[0].time == pytest.approx(recorded.time, abs=1e-6)
        for camera, model in zip(frame.cameras, rig.cameras, strict=True):
            assert camera.size == model.size
            np.testing.assert_allclose(camera.ego_from_camera, model.ego_from_camera, atol=1e-9)
            np.testing.assert_allclose(camera.intrinsics, model.intrinsics)
            error = reader.image(camera).astype(int) - recorded.images[camera.name].pixels
            assert np.abs(error).mean() < 6, "JPEG loses little"


def test_boxes_come_back(written) -> None:
    root, _, frames = written
    log = next(NuScenesReader(root).logs())
    for frame, recorded in zip(log.frames, frames, strict=True):
        for box, original in zip(frame.truth.boxes, recorded.boxes, strict=True):
            assert (box.size, box.lidar_points) == (original.size, original.lidar_points)
            np.testing.assert_allclose(box.world_from_box, original.world_from_box, atol=1e-9)
    assert [box.category for box in log.frames[0].truth.boxes] == ["vehicle.car", "human.pedestrian.adult"]
    instances = [[box.instance for box in frame.truth.boxes] for frame in log.frames]
    assert instances[0] == instances[1] == instances[2]


def test_truth_comes_back(written) -> None:
    root, _, frames = written
    reader = NuScenesReader(root)
    frame = next(reader.logs()).frames[1]
    voxels = reader.voxel_truth(frame)
    occ3d = taxonomy_preset("occ3d").names
    assert occ3d[voxels.semantics[0, 0, 0]] == "driveable_surface"
    assert occ3d[voxels.semantics[30, 40, 2]] == "pedestrian"
    assert occ3d[voxels.semantics[100, 100, 9]] == "free"
    np.testing.assert_array_equal(voxels.scored, frames[1].truth.seen_by_cameras)
    points, scan = reader.point_truth(frame), frames[1].scan
    expected = np.array([UNKNOWN, *(kind.occ3d for kind in KINDS)])[scan.kinds]
    np.testing.assert_array_equal(points.semantics, expected)


def test_the_devkit_walks_through_every_table(written, devkit: NuScenes) -> None:
    _, _, frames = written
    assert len(devkit.scene) == 2
    for scene in devkit.scene:
        token, seen = scene["first_sample_token"], []
        while token:
            sample = devkit.get("sample", token)
            seen.append(token)
            assert set(sample["data"]) == {"LIDAR_TOP", *CAMERAS}
            for data in sample["data"].values():
                path, boxes, _ = devkit.get_sample_data(data)
                assert Path(path).is_file()
                assert len(boxes) <= 2
            token = sample["next"]
        assert len(seen) == scene["nbr_samples"] == len(frames)
        assert seen[-1] == scene["last_sample_token"]
    for instance in devkit.instance:
        chain = [instance["first_annotation_token"]]
        while following := devkit.get("sample_annotation", chain[-1])["next"]:
            chain.append(following)
        assert chain[-1] == instance["last_annotation_token"]
        assert len(chain) == instance["nbr_annotations"] == 3
    walker = next(row for row in devkit.sample_annotation if row["category_name"].startswith("human"))
    assert devkit.get("attribute", walker["attribute_tokens"][0])["name"] == "pedestrian.moving"
    assert devkit.box_velocity(walker["token"])[:2] == pytest.approx([2.0, 0.0], abs=1e-3)


def test_our_categories_are_those_of_the_challenge(devkit: NuScenes) -> None:
    """Our list, written by hand, against the mapping that the devkit scores with."""
    mapper = LidarsegClassMapper(devkit)
    for index, name in enumerate(CATEGORIES):
        challenge = mapper.fine_idx_2_coarse_idx_mapping[index]
        assert OCC3D_CLASS[name] == (UNKNOWN if challenge == 0 else challenge)
    for kind in KINDS:
        assert kind.category in CATEGORIES
        assert OCC3D_CLASS[kind.category] == kind.occ3d


def test_occ3d_lists_every_frame(written) -> None:
    root, _, _ = written
    index = json.loads((root / "annotations.json").read_text())
    assert index["val_split"] == ["scene-0001", "scene-0002"]
    for scene, infos in index["scene_infos"].items():
        assert [info["next"] for info in infos.values()] == [*list(infos)[1:], ""]
        for token, info in infos.items():
            assert info["gt_path"] == f"gts/{scene}/{token}/labels.npz"
            assert (root / info["gt_path"]).is_file()
            assert all((root / camera["img_path"]).is_file() for camera in info["camera_sensor"].values())
            with np.load(root / info["gt_path"]) as labels:
                assert {name: labels[name].dtype.name for name in labels} == dict.fromkeys(
                    ("semantics", "mask_lidar", "mask_camera"), "uint8"
                )


def test_the_same_frames_give_the_same_bytes_in_any_order_of_logs(written, tmp_path: Path) -> None:
    root, rig, frames = written
    for seed, scene in ((7, "scene-0001"), (8, "scene-0002")):
        write_nuscenes(scene, frames, rig, tmp_path, seed=seed, split="val")
    ours = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert ours == sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert all((tmp_path / path).read_bytes() == (root / path).read_bytes() for path in ours)


def test_a_log_that_was_never_finished_is_not_seen(tmp_path: Path) -> None:
    rig = town.rig("nuscenes", CAMERAS)
    frames = town.frames(rig, 2, truth=False)
    write_nuscenes("scene-0001", frames, rig, tmp_path, seed=1, split="test")

    def broken():
        yield frames[0]
        raise RuntimeError("out of road")

    with pytest.raises(RuntimeError):
        write_scene("scene-0002", broken(), rig, tmp_path, seed=2, split="test")
    assert NuScenesReader(tmp_path).log_ids() == ["scene-0001"]
    # Killed between the move of the files and the commit: the next publication clears what the devkit would trip over.
    stranger = tmp_path / "lidarseg/v1.0-mini/0123_lidarseg.bin"
    stranger.write_bytes(b"\0")
    write_nuscenes("scene-0003", frames, rig, tmp_path, seed=3, split="test")
    assert not stranger.exists()
    assert NuScenesReader(tmp_path).log_ids() == ["scene-0001", "scene-0003"]


def test_a_log_without_images_has_no_cameras(tmp_path: Path) -> None:
    rig = town.rig("nuscenes", CAMERAS)
    write_nuscenes("scene-0001", town.frames(rig, 2, images=False), rig, tmp_path, seed=1, split="test")
    log = next(NuScenesReader(tmp_path).logs())
    assert log.warnings == ()
    assert all(frame.sweep and not frame.cameras for frame in log.frames)


def test_a_camera_that_nuscenes_has_not_is_refused(tmp_path: Path) -> None:
    rig = town.rig("nuscenes", ("image_2",))
    with pytest.raises(OcclabelError, match="nuScenes has no camera image_2"):
        write_scene("scene-0001", town.frames(rig, 1), rig, tmp_path, seed=1, split="test")


def test_visibility_is_the_share_that_nothing_hides() -> None:
    rig = town.rig("nuscenes", ("CAM_FRONT",))
    frame = town.frames(rig, 1, truth=False)[0]
    ahead = frame.world_from_ego @ town.placed(10.0, 0.2, 1.5)
    box = replace(frame.boxes[0], world_from_box=ahead)
    behind = replace(box, world_from_box=frame.world_from_ego @ town.placed(-10.0, 0.2, 1.5))
    picture = frame.images["CAM_FRONT"]
    near = np.full_like(picture.depth, 3.0)
    half = picture.depth.copy()
    half[:, :32] = 3.0  # a wall before the left half of the picture

    def level(depth: np.ndarray) -> list[str]:
        images = {"CAM_FRONT": replace(picture, depth=depth)}
        return visibility(replace(frame, boxes=(box, behind), images=images), rig)

    assert level(picture.depth) == ["4", "1"]
    assert level(near) == ["1", "1"]
    assert level(half)[0] in ("2", "3")
    assert visibility(replace(frame, images={}), rig) == ["1", "1"]
