"""A log as a scene: which voxels are drawn, where, in which colours, and what is said of what is not."""

from pathlib import Path

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.delivery.scene import log_scene, voxels
from occlabel.pipeline.delivery.scene.log_scene import LogScene
from occlabel.pipeline.delivery.scene.motion import MOST_ARROWS, flow_arrows
from occlabel.pipeline.delivery.scene.shapes import (
    ABOUT,
    FRAME,
    NOTES,
    WORLD,
    Boxes,
    Lines,
    Placed,
    Points,
    Text,
    Voxels,
)
from occlabel.pipeline.delivery.trajectories import log_frame
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.pipeline.quality.compare.job import opened
from occlabel.schemas.arrays import INSTANCE
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.errors import BadLog, DamagedFile, StoreError
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.tracking.logbook import Logbook

CAR, ROAD, BUILDING = 1, 9, 13
GRID = Grid(origin=(0.0, -8.0, -1.0), voxel_size=0.5, shape=(40, 32, 8), frame="lidar")
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
COLOURS = SPACE.taxonomy.colours


def street(car: int, frame: int, far: float = 5000.0) -> MadeUpFrame:
    """A road, a solid building, and a car that begins at x = ``car``; the drive goes along the y of the world."""
    semantics, instance = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint16)
    semantics[:, :, 0], semantics[:, :, 7] = ROAD, UNKNOWN
    semantics[20:26, 24:30, 1:6] = BUILDING
    body = slice(car, car + 6), slice(14, 18), slice(1, 4)
    semantics[body], instance[body] = CAR, 5
    pose = np.eye(4)
    pose[:2, :2], pose[:2, 3] = [[0, -1], [1, 0]], [far, far + frame]
    arrays: dict[str, np.ndarray] = {"semantics": semantics, "instance": instance}
    arrays["confidence"] = np.where(semantics == CAR, 0, 255).astype(np.uint8)
    return MadeUpFrame("log-1", f"{frame:06d}", arrays, frame, pose)


def made(root: Path, name: str, cars: tuple[int, ...], tracked: bool = True) -> PublishedVersion:
    version = publish(MadeUpVersion([street(car, n) for n, car in enumerate(cars)], SPACE, name), root)
    if not tracked:
        return version
    kept = version.info.arrays[INSTANCE.name].model_copy(update={"stage": "tracking"})
    info = version.info.model_copy(update={"arrays": version.info.arrays | {INSTANCE.name: kept}})
    return PublishedVersion(version.store, info, [frame.row for frame in version.frames()])


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> PublishedVersion:
    return made(tmp_path_factory.mktemp("scene") / "store", "monday", (2, 4, 6))


def voxels_at(shapes: object, *path: str) -> Voxels:
    found = shapes[(*FRAME, *path)]  # type: ignore[index]
    assert isinstance(found, Voxels)
    return found


def test_what_is_drawn_has_a_side_to_something_else(monday: PublishedVersion) -> None:
    first = next(LogScene(monday, "log-1").moments()).shapes
    assert {path[3] for path in first if path[:3] == (*FRAME, "classes")} == {"car", "road", "building"}
    building, car = voxels_at(first, "classes", "building"), voxels_at(first, "classes", "car")
    assert len(building.cells) == 6 * 6 * 5 - 4 * 4 * 3 and (building.colours == COLOURS[BUILDING]).all()
    assert len(car.cells) == 6 * 4 * 3 - 4 * 2 * 1
    assert car.cells.min(axis=0).tolist() == [2, 14, 1] and car.cells.max(axis=0).tolist() == [7, 17, 3]
    alone = voxels_at(first, "instances")
    np.testing.assert_array_equal(alone.cells, car.cells)
    assert len(np.unique(alone.colours, axis=0)) == 1
    sure = voxels_at(first, "confidence")
    of_car = (sure.cells[:, None] == car.cells).all(axis=2).any(axis=1)
    assert (sure.colours[of_car] == voxels.ramp(np.zeros(1))).all()
    assert (sure.colours[~of_car] == voxels.ramp(np.ones(1))).all()


def test_the_scene_begins_at_zero_and_moves_as_the_poses_say(monday: PublishedVersion) -> None:
    scene = LogScene(monday, "log-1")
    moments = list(scene.moments())
    poses = [shape for moment in moments for shape in (moment.shapes[FRAME],) if isinstance(shape, Placed)]
    np.testing.assert_allclose([pose.pose[:3, 3] for pose in poses], [[0, 0, 0], [0, 1, 0], [0, 2, 0]])
    way = scene.scene.always[*WORLD, "ways", "car"]
    assert isinstance(way, Lines)
    np.testing.assert_allclose(way.ways[0], [[0, 0, 0], [0, 1, 0], [0, 2, 0]])
    trail = moments[2].shapes[*WORLD, "ways", "objects"]
    assert isinstance(trail, Lines)
    # In its grid the car's labels are at x = 2.5, 3.5, 4.5 and y = 0; forward is the y of the world. It is longer.
    np.testing.assert_allclose(np.diff(trail.ways[0], axis=0), [[0, 2, 0], [0, 2, 0]], atol=1e-9)
    assert trail.ways[0][0] == pytest.approx([0, 2.5, 0.25], abs=2.0)
    boxes = moments[0].shapes[*FRAME, "boxes"]
    assert isinstance(boxes, Boxes) and boxes.names == ("car 5",)
    x, y, z, *size = boxes.boxes[0, :6].tolist()
    assert (x, y, z) == (pytest.approx(3.2, abs=0.1), pytest.approx(0), 0.25), "its back is at x = 1"
    assert size == [4.63, pytest.approx(2.0, abs=0.4), 1.5]


def test_another_version_is_shown_by_what_differs(monday: PublishedVersion, tmp_path: Path) -> None:
    made(tmp_path, "tuesday", (2, 5, 6))
    scene = LogScene(monday, "log-1", opened(monday.spec, f"{tmp_path}@tuesday", ()))
    same, other, _ = (moment.shapes for moment in scene.moments())
    assert not [path for path in same if "difference" in path]
    ours, theirs = (voxels_at(other, "difference", f"only in {day}") for day in ("monday", "tuesday"))
    assert (set(ours.cells[:, 0]), set(theirs.cells[:, 0])) == ({4}, {10})
    assert len(ours.cells) == len(theirs.cells) == 4 * 3
    assert voxels_at(other, "against", "car").cells[:, 0].min() == 5
    hidden = scene.scene.hidden
    assert (*FRAME, "classes") in hidden and (*FRAME, "difference") not in hidden
    about = scene.scene.always[ABOUT]
    assert isinstance(about, Text) and "only in tuesday #e12d2d" in about.words


def test_more_voxels_than_are_drawn_are_thinned_and_it_is_said(
    monday: PublishedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = next(LogScene(monday, "log-1").moments()).shapes
    drawn = sum(len(shape.cells) for path, shape in whole.items() if "classes" in path and isinstance(shape, Voxels))
    monkeypatch.setattr(voxels, "MOST", drawn - 1)
    scene = LogScene(monday, "log-1")
    moment = next(scene.moments())
    thin = [shape for path, shape in moment.shapes.items() if "classes" in path and isinstance(shape, Voxels)]
    assert sum(len(shape.cells) for shape in thin) == -(-drawn // 2)
    notes = moment.shapes[NOTES]
    assert isinstance(notes, Text) and f"classes: one in 2 of {drawn:,} voxels is drawn" in notes.words
    assert scene.thinned == {"classes": 1, "confidence": 1}


def test_flow_is_arrows_of_what_moves() -> None:
    flow = np.zeros((*GRID.shape, 3), np.float16)
    flow[..., 7, :] = np.nan
    flow[3, 4, 2] = [4, 0, 0]
    arrows, said = flow_arrows(flow, GRID)
    np.testing.assert_allclose([*arrows.places[0], *arrows.vectors[0]], [1.75, -5.75, 0.25, 4, 0, 0])
    assert len(arrows.places) == 1 and not said
    flow[:, :, :6] = [1, 0, 0]
    arrows, said = flow_arrows(flow, GRID)
    assert len(arrows.places) <= MOST_ARROWS and "flow: one in 4 of 7,680 arrows is drawn" in said


class Logs:
    """Logs with a camera that looks ahead, and a scan; of frame 1 neither can be read."""

    root = Path("logs")

    def __init__(self, frames: int = 3) -> None:
        self.frames = frames

    def logs(self, ids: list[str] | None = None) -> list[DriveLog]:
        pose = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
        intrinsics = np.array([[1000.0, 0, 800], [0, 1000, 400], [0, 0, 1]])
        frames = []
        for n in range(self.frames):
            camera = Camera("front", Path(f"{n}.png"), intrinsics, pose, 0.0, (1600, 800))
            frames.append(Frame(f"{n:06d}", n, None, (camera,), Sweep(Path(f"{n}.bin"), np.eye(4), 0.0)))
        return [DriveLog("log-1", "", "", tuple(frames))]

    def image(self, camera: Camera) -> np.ndarray:
        if camera.path.stem == "1":
            raise DamagedFile(f"{camera.path} is cut")
        return np.zeros((800, 1600, 3), np.uint8)

    def points(self, sweep: Sweep) -> np.ndarray:
        if sweep.path.stem == "1":
            raise DamagedFile(f"{sweep.path} is cut")
        return np.array([[1, 2, 3, 0.5]], np.float32)


def test_sensors_are_shown_where_the_logs_are_there(monday: PublishedVersion) -> None:
    scene = LogScene(monday, "log-1", reader=Logs())  # type: ignore[arg-type]
    first, second, _ = (moment.shapes for moment in scene.moments())
    picture, lidar = first[*FRAME, "cameras", "front", "image"], first[*FRAME, "lidar"]
    np.testing.assert_allclose(picture.intrinsics, [[500, 0, 400], [0, 500, 200], [0, 0, 1]])  # type: ignore[union-attr]
    assert picture.size == (800, 400) and picture.jpeg[:2] == b"\xff\xd8"  # type: ignore[union-attr]
    assert isinstance(lidar, Points)
    np.testing.assert_allclose(lidar.places, [[1, 2, 3]])
    assert not any("lidar" in path or "image" in path for path in second)
    assert scene.damaged == ["1.png is cut", "1.bin is cut"]
    assert scene.scene.cameras == ((*FRAME, "cameras", "front"),)
    with pytest.raises(BadLog, match="the logs have no frame 000001 of log log-1"):
        _ = LogScene(monday, "log-1", reader=Logs(1)).drive  # type: ignore[arg-type]


def test_what_there_is_nothing_to_show_of_is_said(monday: PublishedVersion, tmp_path: Path) -> None:
    assert LogScene(monday, "log-1").left_out == (
        "no flow: the version publishes none",
        "no cameras and no LiDAR: these are in the logs, name them with --logs",
    )
    untracked = made(tmp_path, "untracked", (2, 3), tracked=False)
    rows = [frame.row.model_copy(update={"world_from_ego": None}) for frame in untracked.frames()]
    still = LogScene(PublishedVersion(untracked.store, untracked.info, rows), "log-1")
    assert "no ways of objects: the version was not tracked" in still.left_out
    assert "no ways, and the car stays where it is: frames of the log have no pose" in still.left_out
    assert not any(path == FRAME or "ways" in path for moment in still.moments() for path in moment.shapes)


def test_labels_that_cannot_be_read_cost_their_frame(tmp_path: Path) -> None:
    version = made(tmp_path / "store", "v1", (2, 3, 4))
    (shard,) = [
        path for path in (tmp_path / "store").rglob("*") if path.is_file() and "semantics/c/" in path.as_posix()
    ]
    content = bytearray(shard.read_bytes())
    content[20] ^= 255
    shard.write_bytes(bytes(content))
    scene = LogScene(version, "log-1")
    moments = list(scene.moments())
    assert len(moments) == 3 and len(scene.damaged) == 1 and "log log-1, frame 000000" in scene.damaged[0]
    notes = moments[0].shapes[NOTES]
    assert isinstance(notes, Text) and "cannot be read" in notes.words
    assert not any("classes" in path for path in moments[0].shapes)
    assert any("classes" in path for path in moments[1].shapes)


def test_what_boxes_are_told_by_and_cannot_be_read_costs_its_frame(
    monday: PublishedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sweep measured is asked by boxes alone."""

    def torn(book: Logbook, frame: PublishedFrame) -> None:
        if frame.row.index == 1:
            raise StoreError("measured/c/0 was altered")
        log_frame(book, frame)

    monkeypatch.setattr(log_scene, "log_frame", torn)
    scene = LogScene(monday, "log-1")
    shown = [(*FRAME, "boxes") in moment.shapes for moment in scene.moments()]
    assert shown == [True, False, True]
    assert len(scene.damaged) == 1 and scene.damaged[0].endswith("measured/c/0 was altered")
