"""The objects of a version as a table, read back."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.exporters import ExportOptions, exporter
from occlabel.pipeline.delivery.selection import by_rule
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import INSTANCE
from occlabel.schemas.drive_log import Camera, DriveLog, Frame
from occlabel.schemas.errors import BadLog, BadPredictions
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

GRID = Grid(origin=(0.0, -20.0, -1.0), voxel_size=0.5, shape=(80, 80, 8), frame="ego")
CAR, PERSON = 1, 6
FRAMES = 6


def street(place: int, frame: int) -> MadeUpFrame:
    """A car that drives along x by two metres a frame, and a person that stands."""
    semantics, instance = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint16)
    for id_, class_id, at in (
        (3, CAR, (slice(place, place + 9), slice(40, 44), slice(2, 5))),
        (8, PERSON, (slice(30, 31), slice(60, 62), slice(2, 6))),
    ):
        semantics[at], instance[at] = class_id, id_
    pose = np.eye(4)
    pose[:2, :2], pose[:2, 3] = [[0, -1], [1, 0]], [100.0, 50.0]  # the car looks along the y of the world
    sure = np.where(semantics == CAR, 204, 51).astype(np.uint8)
    arrays: dict[str, np.ndarray] = {"semantics": semantics, "instance": instance, "confidence": sure}
    return MadeUpFrame("log-1", f"{frame:06d}", arrays, frame, pose)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> PublishedVersion:
    frames = [street(4 + 4 * n, n) for n in range(FRAMES)]
    space = LabelSpace(GRID, TAXONOMIES["semantickitti"])
    version = publish(MadeUpVersion(frames, space), tmp_path_factory.mktemp("objects"))
    kept = version.info.arrays[INSTANCE.name].model_copy(update={"stage": "tracking"})
    info = version.info.model_copy(update={"arrays": version.info.arrays | {INSTANCE.name: kept}})
    rows = [frame.row.model_copy(update={"time": 0.5 * frame.row.index}) for frame in version.frames()]
    return PublishedVersion(version.store, info, rows)


class Ahead:
    """Logs with one camera that looks along x."""

    root = Path("nowhere")

    def __init__(self, log: str = "log-1", frames: int = FRAMES, known: bool = True) -> None:
        self.log, self.frames, self.known = log, frames, known

    def log_ids(self) -> list[str]:
        return [self.log]

    def logs(self, ids: list[str] | None = None) -> list[DriveLog]:
        pose = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
        intrinsics = np.array([[100.0, 0, 200], [0, 100, 100], [0, 0, 1]]) if self.known else None
        camera = Camera("front", Path(), intrinsics, pose, 0.0, (400, 200))
        return [DriveLog(self.log, "", "", tuple(Frame(f"{n:06d}", n, None, (camera,)) for n in range(self.frames)))]


def export(version: PublishedVersion, out: Path, **options: object) -> str:
    return exporter("objects")(version, out, ExportOptions(**options))  # type: ignore[arg-type]


def test_a_row_for_each_object_and_frame(tracked: PublishedVersion, tmp_path: Path) -> None:
    said = export(tracked, tmp_path / "out")
    assert said.startswith("wrote 12 rows of objects in 6 frames")
    assert "boxes_2d is null in 12 of them, where the version knows no calibration" in said
    table = pq.read_table(tmp_path / "out/objects.parquet")
    about = json.loads(table.schema.metadata[b"occlabel"])
    assert (about["content_digest"], about["categories"][0]) == (tracked.info.content_digest, {"id": 1, "name": "car"})
    rows = table.to_pylist()
    car, person = rows[2], rows[3]
    assert (car["log"], car["frame"], car["frame_index"], car["time"]) == ("log-1", "000001", 1, 0.5)
    assert [(row["instance"], row["class"], row["voxels"]) for row in (car, person)] == [
        (3, "car", 108),
        (8, "person", 8),
    ]
    box = [car[name] for name in ("x", "y", "z", "length", "width", "height", "yaw")]
    np.testing.assert_allclose(box[:3] + box[6:], [6.25, 1.0, 0.75, 0.0], atol=1e-9)
    np.testing.assert_allclose(box[3:6], [4.5, 2.0, 1.5], atol=0.5)  # of voxels of half a metre
    world = [car[name] for name in ("world_x", "world_y", "world_z", "world_yaw")]
    np.testing.assert_allclose(world, [99.0, 56.25, 0.75, np.pi / 2], atol=1e-9)
    assert car["box_frame"] == "ego" and car["confidence"] == pytest.approx(0.8)
    assert person["confidence"] == pytest.approx(0.2)
    assert [row["moving"] for row in rows] == [True, False] * FRAMES
    np.testing.assert_allclose([car["vx"], car["vy"]], [0, 4], atol=0.2)
    assert {row["boxes_2d"] for row in rows} == {None}


def test_boxes_in_images_where_calibration_is_known(tracked: PublishedVersion, tmp_path: Path) -> None:
    assert "boxes_2d" not in export(tracked, tmp_path / "out", logs=Ahead())
    car, person = pq.read_table(tmp_path / "out/objects.parquet").to_pylist()[2:4]
    (seen,) = car["boxes_2d"]
    assert seen["camera"] == "front"  # the near face is at x = 4, y from 0 to 2, z from 0 to 1.5
    np.testing.assert_allclose([seen[side] for side in ("x", "y", "width", "height")], [150, 62.5, 50, 37.5], atol=1e-4)
    assert len(person["boxes_2d"]) == 1
    assert "the version and the logs know no calibration" in export(tracked, tmp_path / "b", logs=Ahead(known=False))


def test_ids_of_a_frame_alone_have_no_motion(tmp_path: Path) -> None:
    version = publish(MadeUpVersion([street(4, 0)], LabelSpace(GRID, TAXONOMIES["semantickitti"])), tmp_path / "store")
    assert "moving is null: the version was not tracked" in export(version, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out/objects.parquet").to_pylist()
    assert [(row["moving"], row["vx"]) for row in rows] == [(None, None)] * 2


def test_what_does_not_fit_is_said_before_anything_is_written(tracked: PublishedVersion, tmp_path: Path) -> None:
    with pytest.raises(BadPredictions, match="--map is for layouts of benchmarks"):
        export(tracked, tmp_path / "out", told=(("car", "truck"),))
    with pytest.raises(BadPredictions, match=r"--zip writes a submission to the SemanticKITTI server; .* is none$"):
        export(tracked, tmp_path / "out", zipped=True)
    with pytest.raises(BadLog, match="the logs have no log log-1"):
        export(tracked, tmp_path / "out", logs=Ahead("other"))
    with pytest.raises(BadLog, match="the logs have no frame 000003 of log log-1"):
        export(tracked, tmp_path / "out", logs=Ahead(frames=3))
    bare = MadeUpFrame("log-1", "000000", {"semantics": np.zeros(GRID.shape, np.uint8)})
    with pytest.raises(BadPredictions, match="has no instances; add the blocks instances and tracking"):
        export(publish(MadeUpVersion([bare], tracked.space, "bare"), tmp_path / "store"), tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_chosen_frames_have_the_rows_that_they_have_among_all(tracked: PublishedVersion, tmp_path: Path) -> None:
    """The size of an object and whether it moves are told by all of its frames, whichever are asked for."""
    export(tracked, tmp_path / "all")
    names = ("000001", "000004")
    export(by_rule(tracked, ",".join(names)).version, tmp_path / "some", whole=tracked)
    whole, some = (pq.read_table(tmp_path / name / "objects.parquet").to_pylist() for name in ("all", "some"))
    assert some == [row for row in whole if row["frame"] in names] and len(some) == 4
    assert {row["moving"] for row in some if row["instance"] == 3} == {True}


def test_the_command_tells_of_chosen_frames_what_all_frames_tell(tmp_path: Path) -> None:
    frames = [street(4 + 4 * n, n) for n in range(FRAMES)]
    for frame in frames[1:]:
        frame.arrays["instance"][30:31, 60:62, 5:6] = 0
    publish(MadeUpVersion(frames, LabelSpace(GRID, TAXONOMIES["semantickitti"]), tracked=True), tmp_path / "store")
    command = ["export", f"{tmp_path}/store@v1", "--format", "objects", "--out"]
    for more in ([str(tmp_path / "all")], [str(tmp_path / "some"), "--frames", "000003"]):
        assert CliRunner().invoke(app, [*command, *more], catch_exceptions=False).exit_code == 0
    whole, some = (pq.read_table(tmp_path / name / "objects.parquet").to_pylist() for name in ("all", "some"))
    assert some == [row for row in whole if row["frame"] == "000003"]
