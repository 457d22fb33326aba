"""The map of a version: the same bytes however it came about, and nothing computed twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import made_up_town as town
import numpy as np
import obstore
import pytest
from chain import MadeUpReader, SmallRecipe, Voxelise, small_recipe
from moto.server import ThreadedMotoServer
from PIL import Image
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.city_map.files import draw_map, export_ply
from occlabel.pipeline.delivery.city_map.make import MapReport, make_map
from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, OcclabelError, StoreError
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.ingest.kitti import KittiReader
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
            yield replace(log, world=self.world, frames=tuple(self._moved(log.id, frame) for frame in log.frames))

    def _moved(self, log_id: str, frame):
        if log_id not in self.shifted:
            return frame
        pose = frame.world_from_ego.copy()
        pose[0, 3] += 1000.0
        return replace(frame, world_from_ego=pose)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions ``ab`` and ``abc`` of the logs; ``cars`` holds but cars."""
    root = tmp_path_factory.mktemp("map")
    recipes = {"ab": small_recipe(second=None), "abc": small_recipe(second=None)}
    recipes["cars"] = small_recipe(second=None, first=Voxelise(label=1))
    for name, recipe in recipes.items():
        logs = list(name) if len(name) < 4 else None
        label_logs(
            recipe, OneWorld(root, LOGS), Store(root / "store"), name, log_ids=logs, executor="local", quiet=True
        )
    return root / "store"


class SmallVersion(PublishedVersion):
    """A version of the small recipe, which no recipe file can hold."""

    @property
    def recipe(self) -> SmallRecipe:
        return small_recipe()


def small_version(store: Path, name: str) -> SmallVersion:
    opened = open_version(f"{store}@{name}")
    return SmallVersion(opened.store, opened.info, [frame.row for frame in opened.frames()])


def fuse(store: Path, version: str, out: Path, reader: MadeUpReader | None = None, **options) -> MapReport:
    return make_map(small_version(store, version), reader or OneWorld(store, LOGS), MapStore(str(out)), **options)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_adding_a_log_computes_it_alone_and_equals_building_from_scratch(store: Path, tmp_path: Path) -> None:
    fuse(store, "ab", tmp_path / "grown")
    grown = fuse(store, "abc", tmp_path / "grown")
    scratch = fuse(store, "abc", tmp_path / "scratch", jobs=2)
    assert (grown.computed, scratch.computed) == (("c",), ("a", "b", "c"))
    assert grown.index == scratch.index
    assert content(tmp_path / "grown") == content(tmp_path / "scratch")
    assert sum(tile.occupied for tile in grown.index.tiles) > 10


def test_taking_logs_away_equals_never_having_had_them(store: Path, tmp_path: Path) -> None:
    fuse(store, "abc", tmp_path / "shrunk")
    fuse(store, "abc", tmp_path / "shrunk", logs=["a", "b"])
    fuse(store, "ab", tmp_path / "scratch")
    assert content(tmp_path / "shrunk") == content(tmp_path / "scratch")


def test_a_second_time_nothing_is_computed(store: Path, tmp_path: Path) -> None:
    fuse(store, "ab", tmp_path)
    before = content(tmp_path)
    again = fuse(store, "ab", tmp_path)
    assert (again.computed, again.tiles) == ((), 0)
    assert content(tmp_path) == before


def test_a_log_that_changed_costs_itself_and_the_tiles_it_touches(store: Path, tmp_path: Path) -> None:
    reader = OneWorld(store, LOGS, shifted=("b",))
    fuse(store, "abc", tmp_path / "map", reader)
    moved = OneWorld(store, LOGS, shifted=("b", "c"))
    report = fuse(store, "abc", tmp_path / "map", moved)
    assert report.computed == ("c",)
    assert report.tiles == len(report.index.tiles)  # c left the one of a and came to that of b
    fuse(store, "abc", tmp_path / "scratch", moved)
    assert content(tmp_path / "map") == content(tmp_path / "scratch")
    without_c = fuse(store, "ab", tmp_path / "map", moved)
    assert (without_c.tiles, len(without_c.index.tiles)) == (2, 4)  # those of b, not those of a


def test_a_killed_command_goes_on(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = MapStore.commit

    def die_at_b(self: MapStore, contribution) -> None:
        if contribution.log == "b":
            raise KeyboardInterrupt
        commit(self, contribution)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MapStore, "commit", die_at_b)
        fuse(store, "abc", tmp_path / "map")
    resumed = fuse(store, "abc", tmp_path / "map")
    assert "a" not in resumed.computed
    fuse(store, "abc", tmp_path / "scratch")
    assert content(tmp_path / "map") == content(tmp_path / "scratch")


def test_what_can_move_is_not_in_the_map(store: Path, tmp_path: Path) -> None:
    report = fuse(store, "cars", tmp_path)
    assert [tile.occupied for tile in report.index.tiles] == [0] * len(report.index.tiles)


def test_logs_of_their_own_worlds_are_not_laid_over_each_other(store: Path, tmp_path: Path) -> None:
    apart = fuse(store, "abc", tmp_path / "apart", OneWorld(store, LOGS, world=None))
    assert apart.index.worlds == ("a", "b", "c")
    alone = fuse(store, "abc", tmp_path / "alone", OneWorld(store, LOGS, world=None), logs=["b"])
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
        fuse(store, "ab", tmp_path / "map", MadeUpReader(store, LOGS, poseless=("a", "b")))
    with pytest.raises(BadLog, match="no log d; it has a, b"):
        fuse(store, "ab", tmp_path / "map", logs=["d"])
    with pytest.raises(BadLog, match="log a has no frame 000002, which version ab labels"):
        fuse(store, "ab", tmp_path / "map", OneWorld(store, {"a": 2, "b": 4}))
    assert not (tmp_path / "map").exists()
    assert fuse(store, "ab", tmp_path / "map", MadeUpReader(store, LOGS, poseless=("a",))).poseless == ("a",)


def test_a_folder_that_is_no_such_map_is_left_alone(store: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.png").touch()
    with pytest.raises(StoreError, match="no city map; choose another folder"):
        fuse(store, "ab", tmp_path / "photos")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        fuse(store, "ab", tmp_path / "file/map")
    fuse(store, "ab", tmp_path / "map")
    index = tmp_path / "map/index.json"
    index.write_text(index.read_text().replace('"voxel_size": 1.0', '"voxel_size": 0.5'))
    with pytest.raises(StoreError, match=r"voxels have 0.5 m, those of the version 1.0 m; choose another --out"):
        fuse(store, "ab", tmp_path / "map")
    index.write_text("{}")
    with pytest.raises(StoreError, match="not the index of a city map"):
        fuse(store, "ab", tmp_path / "map")


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
    assert occlabel("map", f"{store}@v1", "--logs", logs, "--out", tmp_path / "map", *options) == 0
    truth = ["--truth", logs, "--format", "semantickitti", "--json", tmp_path / "a.json"]
    assert occlabel("evaluate", tmp_path / "map", *truth) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    scores = found["scores"]["map"]
    assert found["frames"] == 1
    assert (scores["iou"], scores["miou_present"]) == (1.0, 1.0)  # the labels are the truth
    assert scores["per_class"]["road"] == 1.0
    assert "car" not in scores["per_class"]
    image = Image.open(files["--picture"])
    road = TAXONOMIES["semantickitti"].classes[9].colour
    assert image.width > 400
    colours = {colour for _, colour in image.getcolors(1 << 20)}
    assert tuple(int(0.7 * channel) for channel in road) in colours
    found = MapStore(str(tmp_path / "map"))
    voxels = sum(tile.occupied for tile in found.index().tiles)
    header, _, body = files["--ply"].read_bytes().partition(b"end_header\n")
    assert f"element vertex {voxels}\n".encode() in header
    assert len(body) == voxels * 29
    labels = np.concatenate([np.unique(load_tile(found, tile).semantics) for tile in found.index().tiles])
    assert set(labels.tolist()) <= {0, UNKNOWN, *range(9, 20)}


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
    remote = Store("s3://maps/city")
    for version in ("abc", "ab"):
        make_map(small_version(store, version), OneWorld(store, LOGS), MapStore(remote.location))
    fuse(store, "ab", tmp_path)
    found = {meta["path"]: remote.get(meta["path"]) for batch in obstore.list(remote.objects) for meta in batch}
    server.stop()
    assert found == content(tmp_path)
