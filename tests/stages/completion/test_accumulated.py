"""Sweeps stacked by their poses: what stands is there once, what moves leaves no trail, hits win, unknown stays so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Box, Frame, Moment, Sweep
from occlabel.schemas.errors import BadRecipe, DamagedFile, OcclabelError
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.formats.kitti_boxes import write_boxes
from occlabel.schemas.grid import Grid
from occlabel.schemas.pose_facts import PoseFacts
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip
from occlabel.schemas.taxonomy import UNKNOWN, LabelClass, Taxonomy, taxonomy_preset
from occlabel.stages.completion.accumulated.labels import PointFiles
from occlabel.stages.completion.accumulated.stage import Accumulated
from occlabel.stages.sensing.scan import Scan

KITTI = taxonomy_preset("semantickitti")
SPACE = LabelSpace(Grid(origin=(0.0, -8.0, -2.0), voxel_size=0.2, shape=(100, 80, 20), frame="lidar"), KITTI)
OCC3D = LabelSpace(SPACE.grid, taxonomy_preset("occ3d"))
FREE, CAR, ROAD, BUILDING, POLE = 0, 1, 9, 13, 18
STEP = 2.0
"""The car drives so far from frame to frame [m]."""


@dataclass(frozen=True)
class Seen:
    """Points of a sweep in the world, what they are in raw ids of SemanticKITTI, and whether the pose is known."""

    points: NDArray[np.float64]
    raw: NDArray[np.uint16]
    posed: bool = True
    labelled: bool = True


def block(place: Sequence[float], size: Sequence[float], step: float = 0.1) -> NDArray[np.float64]:
    """Points that fill a box centred at ``place``."""
    axes = [np.arange(-s / 2 + step / 2, s / 2, step) for s in size]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) + np.array(place)


def seen(*things: tuple[NDArray[np.float64], int], **options: Any) -> Seen:
    points = np.concatenate([points for points, _ in things])
    raw = np.concatenate([np.full(len(points), id_, np.uint16) for points, id_ in things])
    return Seen(points, raw, **options)


def accumulated(frames: Sequence[Seen], folder: Path, **options: Any) -> Mapping[str, NDArray[Any]]:
    """Of a LiDAR that is the car, ``STEP`` further ahead in each frame."""
    labels, scans, log = folder / "sequences/log/labels", {}, []
    labels.mkdir(parents=True)
    for index, frame in enumerate(frames):
        pose, name = np.eye(4), f"{index:06d}"
        pose[0, 3] = STEP * index
        local = frame.points - pose[:3, 3]
        scans[name] = np.column_stack([local, np.zeros(len(local))]).astype(np.float32)
        if frame.labelled:
            semantickitti.write_point_labels(labels / f"{name}.label", frame.raw, np.zeros(len(local), np.uint16))
        log.append(Frame(name, index / 10, pose if frame.posed else None, (), Sweep(Path(name), np.eye(4), 0.0)))
    stage = Accumulated(labels=folder, **options)
    assert stage.refuse(SPACE, None) is None
    return contract.run(stage, SPACE, contract.log_of(log), sensors=contract.ScriptedSensors(scans))


def at(volume: NDArray[Any], frame: int, place: Sequence[float]) -> int:
    """The voxel of ``frame`` in which a place of the world lies."""
    local = np.array([place], np.float64) - [STEP * frame, 0, 0]
    (cell,), (inside,) = SPACE.grid.cells(local)
    assert inside
    return int(volume[(frame, *cell)])


def occupied(volume: NDArray[Any]) -> NDArray[np.bool_]:
    return (volume != FREE) & (volume != UNKNOWN)


RAW = {ROAD: 40, BUILDING: 50, CAR: 10, POLE: 80}
LEFT, RIGHT = block((12.1, 2.0, 0.0), (0.2, 4.0, 1.6)), block((12.1, -2.0, 0.0), (0.2, 4.0, 1.6))


def test_a_wall_of_which_each_frame_sees_a_half_is_whole_in_both_and_there_once(tmp_path: Path) -> None:
    found = accumulated([seen((LEFT, RAW[BUILDING])), seen((RIGHT, RAW[BUILDING]))], tmp_path)["semantics"]
    for frame in (0, 1):
        assert at(found, frame, (12.1, 1.1, 0.1)) == at(found, frame, (12.1, -1.1, 0.1)) == BUILDING
        assert occupied(found[frame]).sum() == 40 * 8, "one voxel thick, 8 m long, 1.6 m high"
        assert at(found, frame, (8.1, 0.1, 0.1)) == FREE, "rays passed"
        assert at(found, frame, (13.1, 0.1, 0.1)) == UNKNOWN, "nobody looked behind it"


def test_beyond_the_radius_nothing_is_stacked(tmp_path: Path) -> None:
    three = [seen((LEFT, RAW[BUILDING])), seen((RIGHT, RAW[BUILDING])), seen((LEFT, RAW[BUILDING]))]
    alone = accumulated(three, tmp_path / "alone", radius=0)["semantics"]
    apart = accumulated(three, tmp_path / "apart", radius=1, stride=2)["semantics"]
    for found in (alone, apart):
        assert occupied(found[0]).sum() == 20 * 8 and at(found, 0, (12.1, -1.1, 0.1)) != BUILDING


def test_hits_win_over_rays(tmp_path: Path) -> None:
    """A pole in front of a wall: the second frame looks right through it, at the wall."""
    pole = block((6.1, 0.1, 0.1), (0.2, 0.2, 1.6))
    found = accumulated([seen((pole, RAW[POLE])), seen((LEFT, RAW[BUILDING]), (RIGHT, RAW[BUILDING]))], tmp_path)
    assert at(found["semantics"], 0, (6.1, 0.1, 0.1)) == at(found["semantics"], 1, (6.1, 0.1, 0.1)) == POLE
    assert at(found["semantics"], 1, (7.1, 0.1, 0.1)) == FREE


WALLS = ((block((12.1, 0.0, 0.0), (0.2, 15.0, 1.6)), RAW[BUILDING]),)
SIZE = (2.0, 1.2, 1.0)


def driving(frame: int) -> tuple[float, float, float]:
    """Where a car is that goes across, 2 m a frame."""
    return (8.1, -3.0 + 2.0 * frame, 0.1)


def half_car(frame: int) -> NDArray[np.float64]:
    """Of its sides, each frame sees another one."""
    points = block(driving(frame), SIZE)
    ahead = points[:, 0] > driving(frame)[0]
    return points[ahead if frame % 2 else ~ahead]


def test_what_moves_leaves_no_trail_where_only_labels_say_so(tmp_path: Path) -> None:
    frames = [seen(*WALLS, (half_car(frame), RAW[CAR])) for frame in range(4)]
    found = accumulated(frames, tmp_path)["semantics"]
    for frame in range(4):
        hits = np.argwhere(found[frame] == CAR)
        centre = SPACE.grid.origin + (hits + 0.5) * SPACE.grid.voxel_size + [STEP * frame, 0, 0]
        assert (np.abs(centre - driving(frame)) <= np.array(SIZE) / 2 + 0.1).all()
        assert len(hits) == len(np.unique(SPACE.grid.cells(half_car(frame) - [STEP * frame, 0, 0])[0], axis=0))
        assert at(found, frame, driving((frame + 2) % 4)) == FREE, "it was there in another frame, and rays passed now"


def test_a_thing_with_a_box_is_whole_where_it_is_and_leaves_no_trail(tmp_path: Path) -> None:
    """Even where nobody labels its points: the box does."""
    frames = [seen(*WALLS, (half_car(frame), 0)) for frame in range(4)]
    boxes = []
    for frame in range(4):
        pose = np.eye(4)
        pose[:3, 3] = driving(frame)
        boxes.append((f"{frame:06d}", Box("1", "car", pose, SIZE, -1)))
    write_boxes(tmp_path / "boxes.txt", boxes)
    found = accumulated(frames, tmp_path / "boxed", boxes=tmp_path / "boxes.txt")["semantics"]
    for frame in range(4):
        whole = np.unique(SPACE.grid.cells(block(driving(frame), SIZE) - [STEP * frame, 0, 0])[0], axis=0)
        np.testing.assert_array_equal(np.argwhere(found[frame] == CAR), whole)
        assert at(found, frame, driving((frame + 2) % 4)) == FREE


def test_the_ground_under_a_box_stays_ground(tmp_path: Path) -> None:
    road = block((8.1, 0.0, -0.5), (3.0, 8.0, 0.1), 0.05)
    frames = [seen((road, RAW[ROAD]), (half_car(frame), RAW[CAR])) for frame in range(2)]
    boxes = []
    for frame in range(2):
        pose = np.eye(4)
        pose[:3, 3] = driving(frame)
        boxes.append((f"{frame:06d}", Box("1", "car", pose, SIZE, -1)))
    write_boxes(tmp_path / "boxes.txt", boxes)
    found = accumulated(frames, tmp_path / "boxed", boxes=tmp_path / "boxes.txt")["semantics"]
    assert at(found, 0, (8.1, driving(1)[1], -0.5)) == ROAD and at(found, 0, driving(0)) == CAR


def test_an_own_movable_wins_where_others_saw_the_ground(tmp_path: Path) -> None:
    """Nine sweeps have many points on the road where a wheel stands in the tenth."""
    road, wheel = block((8.1, 0.1, -0.5), (0.2, 0.2, 0.2), 0.05), block((8.1, 0.1, -0.5), (0.2, 0.2, 0.2))
    frames = [seen((road, RAW[ROAD]))] + [seen((wheel, RAW[CAR]))] + [seen((road, RAW[ROAD]))] * 2
    found = accumulated(frames, tmp_path)["semantics"]
    assert [at(found, frame, (8.1, 0.1, -0.5)) for frame in range(4)] == [ROAD, CAR, ROAD, ROAD]


def test_a_point_that_nobody_named_takes_the_class_of_the_nearest_that_has_one(tmp_path: Path) -> None:
    between = block((12.1, 4.3, 0.1), (0.2, 0.2, 0.2))
    pole = block((12.1, 6.1, 0.1), (0.2, 0.2, 1.6))
    found = accumulated([seen((LEFT, RAW[BUILDING]), (between, 0), (pole, RAW[POLE]))], tmp_path)["semantics"]
    assert at(found, 0, (12.1, 4.3, 0.1)) == BUILDING and at(found, 0, (12.1, 6.1, 0.1)) == POLE


def test_an_unlabelled_sweep_is_hit_and_borrows_its_classes_from_labelled_ones(tmp_path: Path) -> None:
    frames = [seen((LEFT, RAW[BUILDING])), seen((RIGHT, RAW[BUILDING]), labelled=False)]
    found = accumulated(frames, tmp_path)
    assert at(found["semantics"], 1, (12.1, -1.1, 0.1)) == BUILDING, "its own points count"
    assert at(found["semantics"], 0, (12.1, -1.1, 0.1)) == UNKNOWN, "elsewhere they might be a car's"
    confidence = [at(found["confidence"], 1, (12.1, y, 0.1)) for y in (0.1, -0.1, -1.1, -3.9)]
    assert confidence == sorted(confidence, reverse=True) and confidence[1] < confidence[0]


def test_a_frame_without_a_pose_has_its_own_sweep_alone(tmp_path: Path) -> None:
    frames = [seen((LEFT, RAW[BUILDING])), seen((RIGHT, RAW[BUILDING]), posed=False), seen((LEFT, RAW[BUILDING]))]
    found = accumulated(frames, tmp_path)["semantics"]
    assert [int(occupied(volume).sum()) for volume in found] == [160, 160, 160]
    assert at(found, 1, (12.1, -1.1, 0.1)) == BUILDING and at(found, 0, (12.1, -1.1, 0.1)) != BUILDING


def test_confidence_is_the_share_of_the_points_that_agree(tmp_path: Path) -> None:
    """Three frames with one point each in a voxel: all building, then one of them says pole; and as many rays."""
    point = np.array([[12.1, 0.1, 0.1]])
    for raw, share in (((50, 50, 50), 3 / 4), ((50, 80, 50), 2 / 4)):
        found = accumulated([seen((point, id_)) for id_ in raw], tmp_path / f"{raw[1]}")
        assert at(found["semantics"], 0, point[0]) == BUILDING
        assert at(found["confidence"], 0, point[0]) == round(255 * share)
        assert at(found["confidence"], 0, (9.1, 0.1, 0.1)) == round(255 * 3 / 4)


def test_a_surface_closes_a_gap_that_nobody_looked_through(tmp_path: Path) -> None:
    """A wall as a grid of points 0.3 m apart in voxels of 0.2 m."""
    y, z = np.meshgrid(np.arange(-6, 6, 0.3), np.arange(-1.8, 1.8, 0.3))
    wall = np.stack([np.full(y.size, 12.1), y.ravel(), z.ravel()], axis=1)
    bare, filled = (
        accumulated([seen((wall, RAW[BUILDING]))], tmp_path / str(depth), poisson=depth)["semantics"][0]
        for depth in (None, 7)
    )
    kept = occupied(bare)
    np.testing.assert_array_equal(filled[kept], bare[kept])
    np.testing.assert_array_equal(filled[bare == FREE], FREE)
    assert occupied(filled).sum() > 1.4 * kept.sum()


def test_labels_of_other_scans_and_folders_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match=r"000000.label has 4 bytes, expected"):
        folder = tmp_path / "sequences/log/predictions"
        folder.mkdir(parents=True)
        semantickitti.write_point_labels(folder / "000000.label", np.ones(1, np.uint16), np.zeros(1, np.uint16))
        accumulated([seen((LEFT, RAW[BUILDING]))], tmp_path)
    (tmp_path / "empty").mkdir()
    for options in ({"labels": tmp_path / "empty"}, {"labels": tmp_path, "boxes": tmp_path / "empty"}):
        assert "empty holds no" in (Accumulated(**options).refuse(SPACE, None) or "")
    with pytest.raises(OcclabelError, match="cannot be the name"):
        Accumulated(labels=tmp_path).setup(SPACE, contract.street()[0].rig, contract.Hands())(
            Clip("..", 0, 1),
            contract.inputs_of(Accumulated(labels=tmp_path), *_one(), {}, contract.street()[1]),
        )


def test_files_of_labels_hold_ids_of_semantickitti_whatever_the_taxonomy(tmp_path: Path) -> None:
    labels = tmp_path / "sequences/log/labels"
    labels.mkdir(parents=True)
    raw = np.array([0, 1, 10, 252, 40, 60], np.uint16)
    semantickitti.write_point_labels(labels / "000000.label", raw, np.zeros(len(raw), np.uint16))
    stage = Accumulated(labels=tmp_path)
    refused = stage.refuse(OCC3D, None) or ""
    assert "hold ids of SemanticKITTI, as its truth does: " in refused and "learning_map" in refused
    with pytest.raises(BadRecipe, match="learning_map"):
        PointFiles(tmp_path).labeller(OCC3D)(
            "log", Moment("000000", 0.0), Scan(np.zeros((6, 4), np.float32), np.zeros(3))
        )
    names = ("empty", "thing", "road")
    classes = tuple(LabelClass(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(names))
    told = {raw: 0 if raw == 0 else 255 if raw == 1 else 2 if raw == 40 else 1 for raw in KITTI.learning_map}
    for taxonomy, expected in (
        (KITTI, [UNKNOWN, UNKNOWN, CAR, CAR, ROAD, ROAD]),
        (Taxonomy(name="mine", classes=classes, free_id=0, learning_map=told), [UNKNOWN, UNKNOWN, 1, 1, 2, 1]),
        (Taxonomy(name="turned", classes=_turned(), free_id=19), [UNKNOWN, UNKNOWN, 18, 18, 10, 10]),
    ):
        space = LabelSpace(SPACE.grid, taxonomy)
        assert stage.refuse(space, None) is None
        label = PointFiles(tmp_path).labeller(space)
        found = label("log", Moment("000000", 0.0), Scan(np.zeros((6, 4), np.float32), np.zeros(3)))
        assert found is not None and found.tolist() == expected


def _turned() -> tuple[LabelClass, ...]:
    """The classes of SemanticKITTI, the last first."""
    return tuple(entry.model_copy(update={"id": n}) for n, entry in enumerate(reversed(KITTI.classes)))


def _one() -> tuple[Any, Clip]:
    log, _ = contract.street()
    return log, Clip("..", 0, 1)


def test_boxes_by_poses_that_cannot_be_right_are_doubted(tmp_path: Path) -> None:
    write_boxes(tmp_path / "boxes.txt", [("000000", Box("1", "car", np.eye(4), SIZE, -1))])
    stage = Accumulated(labels=tmp_path, boxes=tmp_path / "boxes.txt")
    good = contract.facts_of(contract.log_of([]))
    leaps = PoseFacts(leap=5.0, leaps_at="000003")
    wrong = good.model_copy(update={"seen": ScanFacts(poses=leaps)})
    assert stage.doubts(SPACE, good) is None
    assert "its boxes lie in the world by its own poses, and those cannot be right: they leap" in str(
        stage.doubts(SPACE, wrong)
    )


def test_what_the_categories_of_a_file_mean_decides_its_fingerprint(tmp_path: Path) -> None:
    facts, digests, found = contract.facts_of(contract.street()[0]), [], []
    for folder in ("mine", "other", "v1.0-mini"):
        labels = tmp_path / folder / "lidarseg" / folder / "sweep_lidarseg.bin"
        labels.parent.mkdir(parents=True)
        np.array([4, 17], np.uint8).tofile(labels)
    tables = tmp_path / "v1.0-mini/v1.0-mini"
    tables.mkdir()

    def look(folder: str) -> None:
        digests.append(Accumulated(labels=tmp_path / folder).fingerprint_extra(OCC3D, facts))
        label, scan = PointFiles(tmp_path / folder).labeller(OCC3D), Scan(np.zeros((2, 4), np.float32), np.zeros(3))
        classes = label("log", Moment("000000", 0.0, sweep="sweep"), scan)
        assert classes is not None
        found.append([OCC3D.taxonomy.names[c] if c != UNKNOWN else None for c in classes])

    for folder in ("mine", "other", "v1.0-mini"):
        look(folder)
    (tables / "category.json").write_text('[{"index": 4, "name": "vehicle.car"}]')
    look("v1.0-mini")
    assert found == [["car", None], ["car", None], ["pedestrian", "car"], ["car", None]]
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_labels_and_boxes_of_the_log_decide_its_fingerprint(tmp_path: Path) -> None:
    facts, folder = contract.facts_of(contract.street()[0]), tmp_path / "sequences/log/labels"
    folder.mkdir(parents=True)
    (tmp_path / "boxes.txt").write_text("")
    stage, digests = Accumulated(labels=tmp_path, boxes=tmp_path / "boxes.txt"), []
    for content in (1, 2):
        semantickitti.write_point_labels(
            folder / "000000.label", np.full(5, content, np.uint16), np.zeros(5, np.uint16)
        )
        digests.append(stage.fingerprint_extra(SPACE, facts))
    (tmp_path / "boxes.txt").write_text("# none\n")
    digests.append(stage.fingerprint_extra(SPACE, facts))
    (tmp_path / "sequences/other").mkdir()
    (tmp_path / "sequences/other/boxes.txt").write_text("# of another log\n")
    assert stage.fingerprint_extra(SPACE, facts) == digests[-1] and len(set(digests)) == 3
