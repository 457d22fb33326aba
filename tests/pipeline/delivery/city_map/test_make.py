"""The map of a version: the same bytes however it came about, and nothing computed twice."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import made_up_town as town
import numpy as np
import obstore
import pytest
import reported
from chain import MadeUpReader, Voxelise, WithPoses, small_recipe
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from moto.server import ThreadedMotoServer
from PIL import Image
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.city_map import contribute
from occlabel.pipeline.delivery.city_map.files import draw_map, export_ply
from occlabel.pipeline.delivery.city_map.make import MapReport, make_map
from occlabel.pipeline.delivery.city_map.score import score_map
from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import DriveLog, Frame
from occlabel.schemas.errors import AlteredArtifact, BadLog, BadPredictions, DamagedFile, OcclabelError, StoreError
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.truth import open_truth
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.workers.map_store import MapStore
from occlabel.workers.store import Store

LOGS = {"a": 6, "b": 4, "c": 3}


@dataclass(frozen=True)
class OneWorld(MadeUpReader):
    """Its logs share a world. ``shifted`` logs start elsewhere, 1000 m ahead."""

    shifted: tuple[str, ...] = ()
    world: str | None = "city"

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log in super().logs(ids):
            frames = tuple(self._moved(log.id, frame) for frame in log.frames)
            yield replace(log, world=self.world, frames=frames, stamp=f"{log.stamp} in {self.world}, {self.shifted}")

    def _moved(self, log_id: str, frame: Frame) -> Frame:
        if log_id not in self.shifted or frame.world_from_ego is None:
            return frame
        pose = frame.world_from_ego.copy()
        pose[0, 3] += 1000.0
        return replace(frame, world_from_ego=pose)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with versions of the logs, as in VERSIONS."""
    root = tmp_path_factory.mktemp("map")
    for name, (logs, options) in VERSIONS.items():
        kind = WithPoses if name == "poses-found" else Voxelise
        recipe = small_recipe(second=None, first=kind(label=1 if name == "cars" else 9))
        reader = OneWorld(root, LOGS, **options)
        label_logs(
            recipe, reader, Store(root / "store"), name, log_ids=list(logs), workplace=Workplace("local"), quiet=True
        )
    return root / "store"


VERSIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ab": ("ab", {}),
    "abc": ("abc", {}),
    "cars": ("abc", {}),
    "b-ahead": ("abc", {"shifted": ("b",)}),
    "b-and-c-ahead": ("abc", {"shifted": ("b", "c")}),
    "apart": ("abc", {"world": None}),
    "poses-found": ("abc", {}),
    "without-poses": ("ab", {"poseless": ("a", "b")}),
    "a-without-poses": ("ab", {"poseless": ("a",)}),
}
"""Name -> its logs, and what is different about them. In ``cars`` all that is seen can move."""


@pytest.fixture
def store(labelled: Path, tmp_path: Path) -> Path:
    """The same store, and nobody has made a map of it yet."""
    return Path(shutil.copytree(labelled, tmp_path / "store"))


def fuse(store: Path, version: str, out: Path, **options: Any) -> MapReport:
    return make_map(open_version(f"{store}@{version}"), MapStore(str(out)), **options)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_adding_a_log_computes_it_alone_and_equals_building_from_scratch(
    labelled: Path, store: Path, tmp_path: Path
) -> None:
    fuse(store, "ab", tmp_path / "grown")
    grown = fuse(store, "abc", tmp_path / "grown")
    scratch = fuse(Path(shutil.copytree(labelled, tmp_path / "other")), "abc", tmp_path / "scratch")
    assert (grown.computed, scratch.computed) == (("c",), ("a", "b", "c"))
    assert grown.index == scratch.index
    assert content(tmp_path / "grown") == content(tmp_path / "scratch")
    assert sum(tile.occupied for tile in grown.index.tiles) > 10


def test_votes_lie_with_the_labels_and_the_map_is_index_and_tiles(store: Path, tmp_path: Path) -> None:
    fuse(store, "ab", tmp_path / "map")
    assert {path.name for path in (store / "jobs/map-votes").glob("*/*.bin")} == {"a.bin", "b.bin"}
    assert {path.name for path in (tmp_path / "map").iterdir()} == {"index.json", "tiles", "zarr.json"}
    again = fuse(store, "ab", tmp_path / "another map")
    assert (again.computed, again.tiles) == ((), len(again.index.tiles))
    assert content(tmp_path / "another map") == content(tmp_path / "map")


def test_taking_logs_away_equals_never_having_had_them(store: Path, tmp_path: Path) -> None:
    fuse(store, "abc", tmp_path / "shrunk")
    fuse(store, "abc", tmp_path / "shrunk", logs=["a", "b"])
    fuse(store, "ab", tmp_path / "scratch")
    assert content(tmp_path / "shrunk") == content(tmp_path / "scratch")


def test_a_second_time_nothing_is_computed(store: Path, tmp_path: Path) -> None:
    fuse(store, "ab", tmp_path / "map")
    before = content(tmp_path)
    again = fuse(store, "ab", tmp_path / "map")
    assert (again.computed, again.tiles) == ((), 0)
    assert content(tmp_path) == before


def test_a_log_that_changed_costs_itself_and_the_tiles_it_touches(store: Path, tmp_path: Path) -> None:
    fuse(store, "b-ahead", tmp_path / "map")
    report = fuse(store, "b-and-c-ahead", tmp_path / "map")
    assert report.computed == ("c",)
    assert report.tiles == len(report.index.tiles)  # c left the one of a and came to that of b
    fuse(store, "b-and-c-ahead", tmp_path / "scratch")
    assert content(tmp_path / "map") == content(tmp_path / "scratch")
    without_c = fuse(store, "b-and-c-ahead", tmp_path / "map", logs=["a", "b"])
    assert (without_c.tiles, len(without_c.index.tiles)) == (2, 4)  # those of b, not those of a


def test_a_killed_command_goes_on(labelled: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = contribute.contribute

    def die_at_b(frames, space, about) -> bytes:
        if about.log == "b":
            raise KeyboardInterrupt
        return real(frames, space, about)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(contribute, "contribute", die_at_b)
        fuse(store, "abc", tmp_path / "map")
    assert fuse(store, "abc", tmp_path / "map").computed == ("b", "c")
    fuse(Path(shutil.copytree(labelled, tmp_path / "other")), "abc", tmp_path / "scratch")
    assert content(tmp_path / "map") == content(tmp_path / "scratch")


def test_a_command_that_is_killed_among_the_tiles_goes_on(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = MapStore.write
    written: list[str] = []

    def die_at_the_second(self: MapStore, path: str, arrays: dict[str, np.ndarray]) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write(self, path, arrays)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MapStore, "write", die_at_the_second)
        fuse(store, "abc", tmp_path / "map")
    assert fuse(store, "abc", tmp_path / "map").computed == ()
    fuse(store, "abc", tmp_path / "scratch")
    assert content(tmp_path / "map") == content(tmp_path / "scratch")


def test_labels_that_cannot_be_read_leave_the_map_as_it_was(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuse(store, "ab", tmp_path / "map")
    before, real = content(tmp_path / "map"), contribute.contribute

    def damaged(frames, space, about) -> bytes:
        if about.log == "c":
            raise DamagedFile("a shard is torn")
        return real(frames, space, about)

    monkeypatch.setattr(contribute, "contribute", damaged)
    with pytest.raises(StoreError, match=r"1 of 3 logs could not be worked through: c: .*a shard is torn"):
        fuse(store, "abc", tmp_path / "map")
    assert content(tmp_path / "map") == before


def test_what_can_move_is_not_in_the_map(store: Path, tmp_path: Path) -> None:
    report = fuse(store, "cars", tmp_path / "map")
    assert [tile.occupied for tile in report.index.tiles] == [0] * len(report.index.tiles)


@pytest.mark.parametrize("version", ["apart", "poses-found"])
def test_logs_of_their_own_worlds_are_not_laid_over_each_other(version: str, store: Path, tmp_path: Path) -> None:
    apart = fuse(store, version, tmp_path / "apart")
    assert apart.index.worlds == ("a", "b", "c")
    alone = fuse(store, version, tmp_path / "alone", logs=["b"])
    b = [tile for tile in apart.index.tiles if tile.world == "b"]
    assert b == list(alone.index.tiles)
    out = MapStore(str(tmp_path / "apart"))
    with pytest.raises(OcclabelError, match=r"3 worlds.*--world \(a, b, c\)"):
        export_ply(out, apart.index, None, tmp_path / "map.ply")
    with pytest.raises(OcclabelError, match="no world 'd'"):
        draw_map(out, apart.index, "d", tmp_path / "map.png")
    assert export_ply(out, apart.index, "b", tmp_path / "map.ply") == sum(tile.occupied for tile in b)


def test_bad_input_gets_a_sentence_and_writes_nothing(store: Path, tmp_path: Path) -> None:
    with pytest.raises(BadLog, match="has a pose, and without poses there is no map"):
        fuse(store, "without-poses", tmp_path / "map")
    space = open_version(f"{store}@ab").space
    nothing = MadeUpVersion([MadeUpFrame("a", "000000", {"observed": np.zeros(space.grid.shape, np.uint8)})], space)
    publish(nothing, tmp_path / "bare")
    with pytest.raises(BadPredictions, match="publishes no semantics, of which a map is made"):
        fuse(tmp_path / "bare", "v1", tmp_path / "map")
    with pytest.raises(BadLog, match="no log d; it has a, b"):
        fuse(store, "ab", tmp_path / "map", logs=["d"])
    assert not (tmp_path / "map").exists()
    assert not (store / "jobs").exists()
    assert fuse(store, "a-without-poses", tmp_path / "map").poseless == ("a",)


def test_a_folder_that_is_no_such_map_is_left_alone(store: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.png").touch()
    with pytest.raises(StoreError, match="no city map; choose another folder"):
        fuse(store, "ab", tmp_path / "photos")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        fuse(store, "ab", tmp_path / "file/map")
    fuse(store, "ab", tmp_path / "map")
    target = MapStore(str(tmp_path / "map"))
    found = target.index()
    assert found is not None
    target.put_index(found.model_copy(update={"voxel_size": 0.5}))
    with pytest.raises(StoreError, match=r"its voxels have 0.5 m, not 1.0 m; choose another --out"):
        fuse(store, "ab", tmp_path / "map")
    index = tmp_path / "map/index.json"
    index.write_text(index.read_text().replace("0.5", "1.0"))
    with pytest.raises(StoreError, match="is not what occlabel wrote"):
        fuse(store, "ab", tmp_path / "map")


def test_a_tile_that_was_altered_is_never_believed_and_made_again(store: Path, tmp_path: Path) -> None:
    report = fuse(store, "ab", tmp_path / "map")
    tile = report.index.tiles[0]
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:-3]), Path.unlink):
        chunk, *_ = sorted(p for p in (tmp_path / "map" / tile.path / "semantics/c").rglob("*") if p.is_file())
        damage(chunk)
        with pytest.raises(AlteredArtifact, match="/semantics is"):
            load_tile(MapStore(str(tmp_path / "map")), tile)
        again = fuse(store, "ab", tmp_path / "map")
        assert (again.tiles, again.index) == (1, report.index)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A KITTI log of one frame with truth, and a store whose version ``v1`` is the truth."""
    root = tmp_path_factory.mktemp("drive")
    rig = town.rig("kitti", ("image_2",))
    write_kitti("04", town.frames(rig, 1, images=False), rig, root / "logs")
    reader = KittiReader(root / "logs")
    truth = reader.voxel_truth(next(reader.logs()).frames[0])
    place = root / "labels/sequences/04/predictions"
    place.mkdir(parents=True)
    raw = TAXONOMIES["semantickitti"].to_raw[truth.semantics]
    (place / "000000.label").write_bytes(raw.astype("<u2").tobytes())
    recipe = root / "recipe.yaml"
    recipe.write_text(
        f"{{grid: semantickitti, taxonomy: semantickitti, completion: {{kind: stored, path: {root / 'labels'}}}}}"
    )
    arguments = ["--logs", root / "logs", "--store", root / "store", "--version", "v1", "--executor", "local"]
    assert occlabel("run", recipe, *arguments, "--skip", "voting") == 0
    return root / "logs", root / "store"


def occlabel(*arguments: object) -> int:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return result.exit_code


def test_the_command_maps_draws_exports_and_scores(drive: tuple[Path, Path], tmp_path: Path) -> None:
    logs, store = drive
    files = {"--ply": tmp_path / "a.ply", "--picture": tmp_path / "a.png"}
    options = [part for pair in files.items() for part in pair]
    assert occlabel("map", f"{store}@v1", "--out", tmp_path / "map", "--executor", "local", *options) == 0
    truth = ["--truth", logs, "--format", "semantickitti", "--json", tmp_path / "a.json"]
    assert occlabel("evaluate", tmp_path / "map", *truth) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    alone = CliRunner().invoke(app, ["evaluate", *map(str, [tmp_path / "map", *truth[:-1], "-"])])
    assert json.loads(alone.stdout) == found and "static classes only" in alone.stderr
    scores = found["scores"]["map"]
    assert found["frames"] == 1
    assert (scores["iou"], scores["miou_present"]) == (1.0, 1.0)  # the labels are the truth
    assert scores["per_class"]["road"] == 1.0
    assert "car" not in scores["per_class"]
    image = Image.open(files["--picture"])
    road = TAXONOMIES["semantickitti"].classes[9].colour
    assert image.width > 400
    colours = {colour for _, colour in image.getcolors(1 << 20)}
    assert road in colours
    found = MapStore(str(tmp_path / "map"))
    voxels = sum(tile.occupied for tile in found.index().tiles)
    header, _, body = files["--ply"].read_bytes().partition(b"end_header\n")
    assert f"element vertex {voxels}\n".encode() in header
    assert len(body) == voxels * 29
    labels = np.concatenate([np.unique(load_tile(found, tile).semantics) for tile in found.index().tiles])
    assert set(labels.tolist()) <= {0, UNKNOWN, *range(9, 20)}


def test_the_command_says_which_frames_have_no_pose_and_knows_the_logs_first(tmp_path: Path) -> None:
    labels = np.zeros(reported.GRID.shape, np.uint8)
    labels[:, :, 0] = reported.ROAD
    frames = [
        MadeUpFrame("00", name, {"semantics": labels}, world_from_grid=pose)
        for name, pose in (("0", np.eye(4)), ("1", None), ("2", np.eye(4)), ("3", None))
    ]
    version = publish(MadeUpVersion(frames, reported.SPACE, "v1"), tmp_path / "s")
    asked = ["map", version.spec, "--out", str(tmp_path / "map"), "--executor", "local"]
    result = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert "log 00: 2 of 4 frames have no pose and are not in the map" in result.stderr
    with pytest.raises(BadLog, match="version v1 has no log nope; it has 00"):
        CliRunner().invoke(app, [*asked, "--log", "nope", "--picture", f"{tmp_path}/a.png"], catch_exceptions=False)


def test_truth_that_a_map_is_not_scored_against_is_said(drive: tuple[Path, Path], tmp_path: Path) -> None:
    _, store = drive
    rig = town.rig("kitti", ("image_2",))
    write_kitti("04", town.frames(rig, 2, images=False), rig, tmp_path / "logs")
    (tmp_path / "logs/sequences/04/voxels/000001.label").write_bytes(b"cut")
    assert occlabel("map", f"{store}@v1", "--out", tmp_path / "map", "--executor", "local") == 0
    index = MapStore(str(tmp_path / "map")).index()
    found = score_map(MapStore(str(tmp_path / "map")), index, open_truth(tmp_path / "logs"), "semantickitti")
    assert found.frames == found.facts()["frames"] == 1
    (said,) = found.facts()["unreadable"]
    assert said.startswith("log 04, frame 000001: ") and f"not scored: {said}" in list(found.notes())
    (tmp_path / "logs/sequences/04/voxels/000000.label").write_bytes(b"cut")
    with pytest.raises(
        BadPredictions, match="no voxel truth of the map's logs: 04, or no pose with it; log 04, frame 0"
    ):
        score_map(MapStore(str(tmp_path / "map")), index, open_truth(tmp_path / "logs"), "semantickitti")


def test_a_map_is_scored_only_by_truth_of_its_own_voxels_and_classes(
    store: Path, drive: tuple[Path, Path], tmp_path: Path
) -> None:
    logs, _ = drive
    coarse = fuse(store, "ab", tmp_path / "coarse")
    with pytest.raises(BadPredictions, match=r"cannot be scored .*: its voxels have 1.0 m, not 0.2 m"):
        score_map(MapStore(str(tmp_path / "coarse")), coarse.index, open_truth(logs), "semantickitti")
    fine = coarse.index.model_copy(update={"voxel_size": 0.2})
    with pytest.raises(BadPredictions, match=r"no voxel truth of the map's logs: a, b"):
        score_map(MapStore(str(tmp_path / "coarse")), fine, open_truth(logs), "semantickitti")
    other = fine.model_copy(update={"taxonomy": TAXONOMIES["occ3d"]})
    with pytest.raises(BadPredictions, match="it has the classes of 'occ3d', not those of 'semantickitti'"):
        score_map(MapStore(str(tmp_path / "coarse")), other, open_truth(logs), "semantickitti")
    shutil.copytree(logs / "sequences/04/voxels", tmp_path / "alone/sequences/04/voxels")
    with pytest.raises(BadPredictions, match="give the root of the logs as truth"):
        score_map(MapStore(str(tmp_path / "coarse")), fine, open_truth(tmp_path / "alone"), "semantickitti")


def test_a_map_in_an_object_store_is_swept_and_equals_one_on_disk(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}
    for name, value in {**settings, "ALLOW_HTTP": "true", "DEFAULT_REGION": "us-east-1", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    boto3.client("s3", endpoint_url=settings["ENDPOINT_URL"]).create_bucket(Bucket="maps")
    labels, remote = Store("s3://maps/labels"), Store("s3://maps/city")
    for path, data in content(store).items():
        labels.put(path, data)
    for version in ("abc", "ab"):
        report = make_map(open_version(f"s3://maps/labels@{version}"), MapStore(remote.location))
    assert report.computed == ()
    fuse(store, "ab", tmp_path / "map")
    found = {meta["path"]: remote.get(meta["path"]) for batch in obstore.list(remote.objects) for meta in batch}
    server.stop()
    assert found == content(tmp_path / "map")
