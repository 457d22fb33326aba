"""The data set of a version gives what was published, by any number of processes, and stops at what is damaged."""

from __future__ import annotations

import gc
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import kitti_sequence
import numpy as np
import pytest
import torch
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from moto.server import ThreadedMotoServer
from torch.utils.data import DataLoader

import occlabel
from occlabel.pipeline.published.data_set import MASKS, LabelDataset
from occlabel.pipeline.published.splits import logs_of, split_of
from occlabel.pipeline.published.version import open_version
from occlabel.schemas.errors import AlteredArtifact, BadLog, StoreError
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.sensing.sight import in_sight

SPACE = LabelSpace(
    Grid(origin=(0, -8, -2), voxel_size=1, shape=(16, 16, 4), frame="lidar"), TAXONOMIES["semantickitti"]
)
LOGS = {"00": 5, "01": 3}


def volumes(log: str, index: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([int(log), index])
    semantics = rng.integers(0, 20, SPACE.grid.shape).astype(np.uint8)
    semantics[rng.random(SPACE.grid.shape) < 0.2] = UNKNOWN
    instance = rng.integers(0, 60_000, SPACE.grid.shape).astype(np.uint16)
    return {
        "semantics": semantics,
        "confidence": rng.integers(0, 256, SPACE.grid.shape).astype(np.uint8),
        "instance": instance if index != 2 else np.zeros_like(instance),  # zarr writes no chunk for it
    }


def made_up(seed: int = 0) -> MadeUpVersion:
    frames = [MadeUpFrame(log, f"{i:06d}", volumes(log, i + seed)) for log, count in LOGS.items() for i in range(count)]
    return MadeUpVersion(frames, SPACE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data-set") / "store"
    publish(made_up(), root)
    return root


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "store"))


def assert_as_published(data: LabelDataset, items: list[dict]) -> None:
    frames = list(open_version(data._source.spec).frames())
    assert len(items) == len(frames) == len(data) == 8
    for item, frame in zip(items, frames, strict=True):
        assert (item["log"], item["name"]) == (frame.log, frame.name)
        for name in ("semantics", "confidence", "instance"):
            np.testing.assert_array_equal(item[name].numpy(), frame.load(name))


def test_it_is_a_map_of_what_was_published(whole: Path) -> None:
    data = occlabel.LabelDataset(f"{whole}@v1")
    assert_as_published(data, [data[index] for index in range(len(data))])
    assert data[0]["instance"].dtype == torch.int32 and data[0]["semantics"].dtype == torch.uint8
    assert data[0]["world_from_ego"].isnan().all(), "a pose that is not known is none"
    assert torch.equal(data[0]["ego_from_grid"], torch.eye(4, dtype=torch.float64))
    assert set(LabelDataset(f"{whole}", arrays=["instance"])[3]) & {"semantics", "confidence"} == set()
    for opened in (Path(f"{whole}@v1"), open_version(f"{whole}@v1")):
        assert_as_published(again := LabelDataset(opened), [again[index] for index in range(len(again))])
    with pytest.raises(StoreError, match="arrays='instance' is text: give a list of names"):
        LabelDataset(f"{whole}", arrays="instance")


def test_any_number_of_processes_reads_it_in_any_order(whole: Path) -> None:
    data = LabelDataset(f"{whole}@v1")
    batches = list(DataLoader(data, batch_size=4, num_workers=2))
    items = [{name: values[row] for name, values in batch.items()} for batch in batches for row in range(4)]
    assert_as_published(data, items)
    data[5]  # what it remembers stays behind
    sent = pickle.loads(pickle.dumps(data))  # as a process that is spawned gets it
    assert_as_published(sent, [sent[index] for index in range(8)])


def test_what_is_not_sure_is_ignored_and_the_rest_weighs_as_much_as_it_is_sure(whole: Path) -> None:
    plain, sure = LabelDataset(f"{whole}"), LabelDataset(f"{whole}", sure=0.5, weights=True, arrays=["semantics"])
    semantics, confidence = plain[1]["semantics"], plain[1]["confidence"]
    known = (confidence >= 128) & (semantics != UNKNOWN)
    assert torch.equal(sure[1]["semantics"], torch.where(confidence >= 128, semantics, UNKNOWN))
    assert torch.equal(sure[1]["weight"], torch.where(known, confidence.float() / 255, 0.0))
    assert "confidence" not in sure[1]
    alone = LabelDataset(f"{whole}", weights=True, arrays=["confidence"])[1]
    assert torch.equal(alone["weight"] > 0, (semantics != UNKNOWN) & (confidence > 0)) and "semantics" not in alone


def test_of_a_frame_without_confidence_no_label_is_sure(tmp_path: Path) -> None:
    frames = [MadeUpFrame("00", f"{i:06d}", volumes("00", i), i) for i in range(2)]
    del frames[1].arrays["confidence"]
    publish(MadeUpVersion(frames, SPACE), tmp_path / "store")
    assert (LabelDataset(f"{tmp_path}/store", sure=0.1)[1]["semantics"] == UNKNOWN).all()
    assert LabelDataset(f"{tmp_path}/store", weights=True)[1]["weight"].sum() == 0
    assert (LabelDataset(f"{tmp_path}/store")[1]["semantics"] != UNKNOWN).any()


def test_no_log_changes_sides_when_others_are_added() -> None:
    few, many = [f"log-{n}" for n in range(60)], [f"log-{n}" for n in range(3000)]
    parts = {split: logs_of(split, many) for split in ("train", "val", "test")}
    assert sorted(log for part in parts.values() for log in part) == sorted(many)
    for split, part in parts.items():
        assert logs_of(split, few) == tuple(log for log in few if log in set(part))
    shares = {split: len(part) / 3000 for split, part in parts.items()}
    assert shares == pytest.approx({"train": 0.8, "val": 0.1, "test": 0.1}, abs=0.02)
    assert {split_of(log, {"a": 0.2}) for log in few} == {"a", None}, "shares may leave logs out"
    assert split_of("00") == "train"  # a change of the hash would mix the splits of everybody


def test_a_split_holds_its_logs_and_ids_can_be_given(whole: Path) -> None:
    both = [LabelDataset(f"{whole}", split, shares={"a": 0.5, "b": 0.5}).logs for split in "ab" if split in sides()]
    assert sorted(log for logs in both for log in logs) == ["00", "01"]
    data = LabelDataset(f"{whole}", ["01"])
    assert data.logs == ("01",) and len(data) == 3 and data[0]["log"] == "01"


def sides() -> set[str | None]:
    return {split_of(log, {"a": 0.5, "b": 0.5}) for log in LOGS}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split": "validation"}, "there is no split 'validation'; there are train, val, test"),
        ({"split": ["02"]}, "has no log '02'"),
        ({"split": []}, "split names no log: give ids of logs"),
        ({"raw": "path"}, r"raw='path' \(did you mean 'paths'\?\): points and images come as decoded or paths"),
        ({"split": "test", "shares": {"train": 1.0, "test": 0.0}}, "none of the 2 logs of .* is in the split 'test'"),
        ({"split": "a", "shares": {"a": 0.9, "b": 0.2}}, "sum to at most 1"),
        ({"arrays": ["semantic"]}, r"no array 'semantic' \(did you mean 'semantics'\?\)"),
        ({"sure": 1.5}, "a confidence is 0 to 1"),
        ({"arrays": ["mask_lidar"]}, "does not say what was observed, which mask_lidar needs"),
    ],
)
def test_wrong_input_gets_a_sentence(whole: Path, options: dict, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        LabelDataset(f"{whole}@v1", **options)


def shard(store: Path, array: str) -> Path:
    (found,) = store.glob(f"artifacts/made/up/00/{array}/c/0/0/0/0")
    return found


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "emptied": lambda path: path.write_bytes(b""),
    "a bit flipped": lambda path: flip(path, 900),
    "its index flipped": lambda path: flip(path, -30),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_is_damaged_is_named_and_never_handed_out(store: Path, damage: Callable[[Path], object]) -> None:
    damage(shard(store, "semantics"))
    data = LabelDataset(f"{store}@v1")
    with pytest.raises(AlteredArtifact, match="artifacts/made/up/00/semantics"):
        for index in range(5):
            data[index]
    assert data[6]["log"] == "01"


def test_what_went_with_a_version_is_gone_and_not_damaged(store: Path) -> None:
    data, opened = LabelDataset(f"{store}@v1"), open_version(f"{store}@v1")
    data[0]
    shutil.rmtree(store / "artifacts")
    for read in (lambda: data[0], lambda: data[6], lambda: next(opened.frames())["semantics"]):
        with pytest.raises(AlteredArtifact, match="is not in the store any more: it was removed, or its version was"):
            read()


def test_a_shard_that_is_gone_is_gone_and_not_damaged(store: Path) -> None:
    shard(store, "semantics").unlink()
    for read in (
        lambda: LabelDataset(f"{store}@v1")[0],
        lambda: next(open_version(f"{store}@v1").frames())["semantics"],
    ):
        with pytest.raises(AlteredArtifact, match=r"frame 0 of .*semantics is not in the store any more"):
            read()


def test_a_shard_that_was_exchanged_is_found_by_verify(store: Path, tmp_path: Path) -> None:
    publish(made_up(seed=9), tmp_path / "other")
    shutil.copy(shard(tmp_path / "other", "semantics"), shard(store, "semantics"))
    LabelDataset(f"{store}@v1", verify=False)[0]
    with pytest.raises(AlteredArtifact, match=r"frame 0 of .*semantics is not what was published"):
        LabelDataset(f"{store}@v1", verify=True)[0]


def test_an_array_that_nobody_describes_any_more_is_named(store: Path) -> None:
    (store / "artifacts/made/up/00/semantics/zarr.json").unlink()
    with pytest.raises(AlteredArtifact, match=r"semantics/zarr.json is not in the store any more"):
        LabelDataset(f"{store}@v1")[0]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    settings = {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "REGION": "us-east-1"}
    for name, value in {**settings, "ALLOW_HTTP": "true", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="labels")
    yield "s3://labels/nightly"
    server.stop()


def test_an_object_store_gives_the_same_but_to_no_forked_process(
    whole: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("s3")
    for path in (path for path in whole.rglob("*") if path.is_file()):
        client.upload_file(str(path), "labels", f"nightly/{path.relative_to(whole)}")
    data = LabelDataset(f"{bucket}@v1")
    assert_as_published(data, [data[index] for index in range(8)])
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.1)
    with pytest.raises(StoreError, match='multiprocessing_context="spawn"') as raised:
        list(DataLoader(data, num_workers=1))
    assert raised.type is StoreError, "what it has read of a shard before does not make it damaged"
    gc.collect()  # the loader, which waits for the end of its process as long as is said above


def test_what_the_car_had_comes_with_it(tmp_path: Path) -> None:
    logs = kitti_sequence.written(tmp_path / "logs", frames=2)
    frames = [MadeUpFrame("00", f"{i:06d}", volumes("00", i), i) for i in range(2)]
    publish(MadeUpVersion(frames, SPACE), tmp_path / "store")
    decoded = LabelDataset(f"{tmp_path}/store", logs=logs)
    item = pickle.loads(pickle.dumps(decoded))[1]
    log = kitti_sequence.only(logs)
    camera, sweep = log.frames[1].cameras[0], log.frames[1].sweep
    assert sweep is not None and camera.intrinsics is not None
    assert item["points"].shape[1] == 4 and len(item["points"]) == sweep.path.stat().st_size // 16
    assert tuple(item["images"]["image_2"].shape[1::-1]) == camera.size
    np.testing.assert_array_equal(item["intrinsics"]["image_2"], camera.intrinsics)
    np.testing.assert_array_equal(item["ego_from_lidar"], sweep.ego_from_lidar)
    paths = LabelDataset(f"{tmp_path}/store", logs=logs, raw="paths")[1]
    assert (paths["points"], paths["images"]["image_2"]) == (str(sweep.path), str(camera.path))
    shutil.rmtree(logs)
    kitti_sequence.written(logs, frames=1)
    with pytest.raises(BadLog, match="has no frame 000001 at place 1: it is not the log that was labelled"):
        LabelDataset(f"{tmp_path}/store", logs=logs)[1]


def test_cameras_see_by_what_a_stage_found_of_them(tmp_path: Path) -> None:
    logs = kitti_sequence.written(tmp_path / "logs", frames=1)
    (camera,), frame = kitti_sequence.only(logs).rig.cameras, kitti_sequence.only(logs).frames[0]
    semantics = np.zeros(SPACE.grid.shape, np.uint8)
    aside = frame.cameras[0].ego_from_camera.copy()
    aside[1, 3] -= 4
    arrays = {"semantics": semantics, "observed": semantics + 1, "extrinsics": aside[None]}
    publish(MadeUpVersion([MadeUpFrame("00", "000000", arrays)], SPACE), tmp_path / "store", Rig(cameras=(camera,)))
    item = LabelDataset(f"{tmp_path}/store", arrays=["mask_camera"], logs=logs)[0]
    assert torch.is_tensor(item["intrinsics"]["image_2"]) and torch.is_tensor(item["ego_from_camera"]["image_2"])
    own = replace(frame.cameras[0], ego_from_camera=aside)
    expected, other = (
        in_sight([one], semantics > 0, SPACE.grid, frame.ego_from_grid(SPACE.grid)) for one in (own, frame.cameras[0])
    )
    np.testing.assert_array_equal(item["mask_camera"], expected)
    assert (expected != other).any()
    lost = MadeUpFrame("00", "000000", arrays | {"extrinsics": np.full((1, 4, 4), np.nan)})
    publish(MadeUpVersion([lost], SPACE), tmp_path / "lost", Rig(cameras=(camera,)))
    with pytest.raises(BadLog, match="log 00, frame 000000: neither the version nor the log says how its cameras"):
        LabelDataset(f"{tmp_path}/lost", arrays=["mask_camera"], logs=logs)[0]


def test_what_is_done_to_an_item_is_done_to_no_other(tmp_path: Path) -> None:
    logs = kitti_sequence.written(tmp_path / "logs", frames=2)
    frames = [MadeUpFrame("00", f"{i:06d}", volumes("00", i), i) for i in range(2)]
    publish(MadeUpVersion(frames, SPACE), tmp_path / "store")
    data, camera, lidar = LabelDataset(f"{tmp_path}/store", logs=logs), "image_2", "ego_from_lidar"
    whole = [(item["intrinsics"][camera].clone(), item[lidar].clone()) for item in map(data.__getitem__, range(2))]
    for index in (0, 1, 0, 1):
        item = data[index]
        assert torch.equal(item["intrinsics"][camera], whole[index][0]) and torch.equal(item[lidar], whole[index][1])
        item["intrinsics"][camera][:2] *= 0.5
        item["ego_from_camera"][camera] += 1
        item[lidar][0, 3] += 1


def test_masks_are_made_as_occ3d_has_them(tmp_path: Path) -> None:
    logs = kitti_sequence.written(tmp_path / "logs", frames=1)
    semantics = np.zeros(SPACE.grid.shape, np.uint8)  # nothing is there, but for
    semantics[9], semantics[0] = 5, UNKNOWN
    observed = np.random.default_rng(2).integers(0, 3, SPACE.grid.shape).astype(np.uint8)
    confidence = np.random.default_rng(3).integers(0, 256, SPACE.grid.shape).astype(np.uint8)
    confidence[9] = 20
    arrays = {"semantics": semantics, "observed": observed, "confidence": confidence}
    publish(MadeUpVersion([MadeUpFrame("00", "000000", arrays)], SPACE), tmp_path / "store")
    item = LabelDataset(f"{tmp_path}/store", arrays=["mask_lidar", "mask_camera"], logs=logs)[0]
    assert not {"semantics", "observed"} & set(item)
    known = (observed > 0) & (semantics != UNKNOWN)
    np.testing.assert_array_equal(item["mask_lidar"], known)
    frame = kitti_sequence.only(logs).frames[0]
    reached = in_sight(frame.cameras, semantics == 5, SPACE.grid, frame.ego_from_grid(SPACE.grid))
    assert 0 < (reached & known).sum() < known.sum()
    np.testing.assert_array_equal(item["mask_camera"], reached & known)
    sure = LabelDataset(f"{tmp_path}/store", arrays=["semantics", *MASKS], logs=logs, sure=0.5)[0]
    for name in MASKS:  # what is not sure hides what lies behind it all the same
        np.testing.assert_array_equal(sure[name], item[name].numpy() & (sure["semantics"].numpy() != UNKNOWN))
        assert 0 < sure[name].sum() < item[name].sum()
    with pytest.raises(StoreError, match="mask_camera needs to know where the cameras were: give the drive logs"):
        LabelDataset(f"{tmp_path}/store", arrays=["mask_camera"])
