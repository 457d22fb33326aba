"""Instances of voxels from boxes: equal to the truth builder of OffsetOcc, and its options by hand."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.drive_log import Box
from occlabel.schemas.geometry import inverse, yaw_rotation
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.evaluation.panoptic_truth import owners, point_owners
from occlabel.stages.town.sensors.rigs import kitti_rig
from occlabel.stages.town.things.kinds import KINDS
from occlabel.stages.town.town import drive

SMALL = Grid(origin=(-4, -4, -1), voxel_size=0.5, shape=(16, 16, 8), frame="ego")
CAR, BUS = 4, 3


def box(centre: tuple[float, float, float], size: tuple[float, float, float], yaw: float = 0.0) -> Box:
    pose = yaw_rotation(yaw)
    pose[:3, 3] = centre
    return Box("", "", pose, size, -1)


@pytest.mark.parametrize("name", ["typical", "overlap", "no_boxes"])
def test_boxes_of_offsetocc(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/offsetocc/case_gt_{name}.npz")
    boxes = [
        box((x, y, bottom + h / 2), (length, width, h), yaw)
        for x, y, bottom, length, width, h, yaw in case["boxes_ego_bottom_centre_lwh_yaw"].astype(float)
    ]
    found = owners(
        case["semantics"], GRIDS["occ3d"], np.eye(4), boxes, case["box_labels"].tolist(),
        enlarged=float(case["extra_width"]), blocking=True,
    )  # fmt: skip
    np.testing.assert_array_equal(found, case["panoptic_index"])
    np.testing.assert_array_equal(np.unique(found[found >= 0]), case["visible_obj_idx_all"])


def test_a_voxel_goes_to_the_first_box_of_its_own_class() -> None:
    semantics = np.full(SMALL.shape, CAR, np.uint8)
    semantics[8:] = BUS
    boxes = [box((0, 0, 0), (2, 1, 1)), box((0, 0, 0), (2, 2, 1)), box((0, 0, 0), (2, 1, 1))]
    found = owners(semantics, SMALL, np.eye(4), boxes, [BUS, CAR, CAR])
    assert (found == 0).sum() == 2 * 2 * 2
    assert (found == 1).sum() == 2 * 4 * 2
    assert (found == 2).sum() == 0, "the box before has all its voxels"
    blocked = owners(semantics, SMALL, np.eye(4), boxes, [BUS, CAR, CAR], blocking=True)
    assert (blocked == 1).sum() == 2 * 2 * 2, "the bus keeps the cars from what lies in it"


def test_boxes_are_placed_by_their_pose_and_clipped_to_the_grid() -> None:
    semantics = np.full(SMALL.shape, CAR, np.uint8)
    world_from_grid = yaw_rotation(0.4)
    world_from_grid[:3, 3] = [100, -20, 3]
    turned = Box("", "", world_from_grid @ box((1, 0, 0), (3, 1, 1), np.pi / 2).world_from_box, (3, 1, 1), -1)
    grid_from_world = np.linalg.inv(world_from_grid)
    (x, y, z) = np.nonzero(owners(semantics, SMALL, grid_from_world, [turned], [CAR]) == 0)
    assert (x.min(), x.max(), y.min(), y.max(), z.min(), z.max()) == (9, 10, 5, 10, 1, 2)
    corner = owners(semantics, SMALL, np.eye(4), [box((4, 4, 3), (2, 2, 2)), box((90, 0, 0), (4, 4, 4))], [CAR, CAR])
    assert [(corner == i).sum() for i in (0, 1)] == [2 * 2 * 2, 0]


def test_enlarged_boxes_grow_on_every_side() -> None:
    semantics = np.full(SMALL.shape, CAR, np.uint8)
    one = [box((0.25, 0.25, 0.25), (0.4, 0.4, 0.4))]
    assert (owners(semantics, SMALL, np.eye(4), one, [CAR]) == 0).sum() == 1
    assert (owners(semantics, SMALL, np.eye(4), one, [CAR], enlarged=0.4) == 0).sum() == 27


def test_leftovers_go_to_the_nearest_box_of_their_class() -> None:
    semantics = np.full(SMALL.shape, 17, np.uint8)
    semantics[:, 8, 2] = CAR
    boxes = [box((-1, 0.25, 0.25), (1, 0.4, 1)), box((0.8, 0.25, 0.25), (1, 0.4, 1)), box((0, 0.25, 0.25), (8, 1, 1))]
    classes = [CAR, CAR, BUS]
    assert owners(semantics, SMALL, np.eye(4), boxes, classes)[:, 8, 2].tolist() == (
        [-1] * 5 + [0, 0] + [-1] * 2 + [1, 1] + [-1] * 5
    )
    found = owners(semantics, SMALL, np.eye(4), boxes, classes, leftovers=0.8)
    assert found[:, 8, 2].tolist() == [-1] * 3 + [0] * 5 + [1] * 4 + [-1] * 4
    assert (found >= 0).sum() == 9


def test_boxes_without_size_or_pose_or_class_take_nothing() -> None:
    semantics = np.full(SMALL.shape, CAR, np.uint8)
    lost = box((np.nan, 0, 0), (1, 1, 1))
    boxes = [box((0, 0, 0), (0, 1, 1)), box((0, 0, 0), (0, 0, 0)), lost, box((0, 0, 0), (1, 1, 1))]
    found = owners(semantics, SMALL, np.eye(4), boxes, [CAR, CAR, CAR, UNKNOWN], enlarged=0.3, leftovers=0.8)
    assert (found == -1).all()


def test_boxes_of_a_town_find_its_objects() -> None:
    rig = kitti_rig(0.2)
    frame = next(drive(5, "val", rig, 1, images=False, truth=True))
    classes = TAXONOMIES["semantickitti"].from_raw[[0, *(kind.kitti for kind in KINDS)]]
    semantics = classes[frame.truth.kinds]
    boxes = [Box("", "", b.world_from_box, b.size, 0) for b in frame.boxes]
    grid_from_world = inverse(frame.world_from_ego @ rig.lidar.ego_from_lidar)
    of_boxes = [int(classes[b.kind]) for b in frame.boxes]
    found = owners(semantics, rig.grid, grid_from_world, boxes, of_boxes, leftovers=0.8)
    objects = np.array([0, *(b.object_id for b in frame.boxes)])[found + 1]
    things = (semantics > 0) & (semantics < 9) & frame.truth.seen_ever
    assert things.sum() > 500
    assert (objects == frame.truth.objects)[things].mean() > 0.99


def test_a_point_goes_to_the_first_box_of_its_class_that_holds_it() -> None:
    frame_from_world = yaw_rotation(0.7)
    frame_from_world[:3, 3] = [30, -4, 1]
    boxes = [box((0, 0, 0), (2, 1, 1), 0.3), box((0, 0, 0), (4, 2, 1), 0.3), box((0, 0, 0), (4, 2, 1), 0.3)]
    in_box = np.array([[0.99, 0, 0], [1.01, 0, 0], [-1.99, 0.99, -0.49], [2.01, 0, 0], [0, 0, 0.51], [0, 0, 0]])
    points = in_box @ (frame_from_world @ boxes[0].world_from_box)[:3, :3].T + frame_from_world[:3, 3]
    semantics = np.array([CAR, CAR, CAR, CAR, CAR, BUS], np.uint8)
    assert point_owners(semantics, points, frame_from_world, boxes, [CAR] * 3).tolist() == [0, 1, 1, -1, -1, -1]
    assert point_owners(semantics, points, frame_from_world, boxes, [BUS, CAR, CAR]).tolist() == [1, 1, 1, -1, -1, 0]


def test_faces_are_inside_and_what_is_no_box_holds_nothing() -> None:
    points = np.array([[1.0, 0.5, 0.5], [0, 0, 0]])
    nowhere = box((0, 0, 0), (2, 1, 1))
    nowhere.world_from_box[0, 3] = np.nan
    flat, whole = box((0, 0, 0), (2, 0, 1)), box((0, 0, 0), (2, 1, 1))
    cars, unknown = np.full(2, CAR, np.uint8), np.full(2, UNKNOWN, np.uint8)
    assert point_owners(cars, points, np.eye(4), [nowhere, flat, whole], [CAR] * 3).tolist() == [2, 2]
    assert point_owners(unknown, points, np.eye(4), [whole], [UNKNOWN]).tolist() == [-1, -1]
    assert point_owners(cars, points, np.eye(4), [], []).tolist() == [-1, -1]
