"""The shipped weights, on a town that no training has seen, beat what a rule would say of the same scan."""

from functools import cache

import numpy as np
import pytest
import torch

from occlabel.schemas.geometry import transform_points
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.completion.prediction import predictor
from occlabel.stages.completion.sweeps import Sweeps
from occlabel.stages.completion.training import scores_of
from occlabel.stages.completion.weight_file import load_network, shipped_weights
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.sensing.scan import Scan
from occlabel.stages.town.sensors.recording import TownFrame
from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.things.kinds import KINDS
from occlabel.stages.town.town import drive

GROUND = {"semantickitti": "road", "occ3d": "driveable_surface"}
OBJECT = {"semantickitti": "vegetation", "occ3d": "vegetation"}
FRAMES = 3


@cache
def town(name: str) -> list[TownFrame]:
    rig = kitti_rig(rate=0.5) if name == "semantickitti" else nuscenes_rig(rate=0.5)
    return list(drive(3, "test", rig, FRAMES, images=False, truth=True))


def truth_of(frame: TownFrame, space: LabelSpace) -> np.ndarray:
    """Class ids, 255 where the log never saw anything."""
    assert frame.truth is not None
    taxonomy, kitti = space.taxonomy, space.taxonomy.name == "semantickitti"
    table = [taxonomy.free_id, *(int(taxonomy.from_raw[k.kitti]) if kitti else k.occ3d for k in KINDS)]
    seen = frame.truth.seen_ever | (False if kitti else frame.truth.seen_by_cameras)
    return np.where(seen, np.array(table, np.uint8)[frame.truth.kinds], 255)


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> torch.Tensor:
    scored = truth != 255
    pairs = truth[scored].astype(np.int64) * classes + predicted[scored]
    return torch.from_numpy(np.bincount(pairs, minlength=classes**2).reshape(classes, classes))


def rule(scan: Scan, space: LabelSpace) -> np.ndarray:
    """A hit voxel is road when low, vegetation when high; the rest is free."""
    result = np.full(space.grid.shape, space.taxonomy.free_id, np.uint8)
    cells, inside = space.grid.cells(scan.points)
    x, y, z = cells[inside].T
    low = scan.points[inside, 2] - scan.sensor[2] < -1.4
    names = space.taxonomy.names
    ground, above = names.index(GROUND[space.taxonomy.name]), names.index(OBJECT[space.taxonomy.name])
    result[x, y, z] = np.where(low, ground, above)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(GRIDS))
def test_shipped_network_beats_a_rule(name: str) -> None:
    space = LabelSpace(GRIDS[name], TAXONOMIES[name])
    path = shipped_weights(space)
    assert path is not None
    rig = kitti_rig() if name == "semantickitti" else nuscenes_rig()
    grid_from_lidar = np.eye(4) if space.grid.frame == "lidar" else rig.lidar.ego_from_lidar
    network, temperature = load_network(path, space)
    predict = predictor(network, temperature, space, "cpu")
    classes = len(space.taxonomy.classes)
    totals = {who: torch.zeros(classes, classes, dtype=torch.int64) for who in ("network", "rule")}
    for frame in town(name):
        points = frame.scan.points.copy()
        points[:, :3] = transform_points(grid_from_lidar, points)
        scan = Scan(points, grid_from_lidar[:3, 3])
        truth = truth_of(frame, space)
        totals["network"] += confusion(truth, predict([Sweeps(scan)])[0][0], classes)
        totals["rule"] += confusion(truth, rule(scan, space), classes)
    iou, miou = scores_of(totals["network"], space.taxonomy.free_id)
    rule_iou, rule_miou = scores_of(totals["rule"], space.taxonomy.free_id)
    assert iou > rule_iou + 0.1
    assert miou > 3 * rule_miou


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_shipped_weights_say_where_they_come_from(name: str) -> None:
    path = shipped_weights(LabelSpace(GRIDS[name], TAXONOMIES[name]))
    assert path is not None
    assert path.stat().st_size < 12_000_000
    facts = read_facts(path)
    assert "occlabel simulate" in facts["command"]
    assert "occlabel train completion" in facts["command"]
    assert 0.25 <= float(facts["temperature"]) <= 4
    assert "digest" in facts["logs"]
