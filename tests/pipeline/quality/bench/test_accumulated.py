"""``occlabel bench accumulated``, on a drive through a street with a wall and a car that goes along."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.bench.surface_labels import NamedSweep, cut_out, surface_labels
from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.formats.kitti_boxes import write_boxes
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import taxonomy_preset

SPACE = LabelSpace(
    Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.4, shape=(32, 32, 10), frame="lidar"), taxonomy_preset("semantickitti")
)
CAR, BUILDING = 1, 13


def wall() -> np.ndarray:
    y, z = np.meshgrid(np.arange(-6, 6, 0.1), np.arange(-1.8, 1.8, 0.1))
    return np.stack([np.full(y.size, 10.1), y.ravel(), z.ravel()], axis=1)


def car(place: tuple[float, float, float]) -> np.ndarray:
    draw = np.random.default_rng(0).normal(size=(800, 3))
    return draw / np.linalg.norm(draw, axis=1, keepdims=True) * 0.7 + place


def test_the_baseline_finds_the_wall_and_the_car_where_it_is_now() -> None:
    sweeps = []
    for y in (-3.0, 3.0):
        pose = np.eye(4)
        pose[:3, 3] = (6.0, y, 0.0)
        points = np.concatenate([wall(), car((6.0, y, 0.0))])
        classes = np.repeat(np.array([BUILDING, CAR], np.uint8), [len(wall()), 800])
        sweeps.append(NamedSweep(points, classes, np.zeros(3), {"a": (pose, (1.6, 1.6, 1.6))}, np.eye(4)))
    labels = surface_labels([cut_out(sweep) for sweep in sweeps], sweeps[0], SPACE, 6)
    found = np.argwhere(labels == CAR) * SPACE.grid.voxel_size + SPACE.grid.origin
    assert len(found) > 10 and (found[:, 1] < 0).all(), "it left no trail at y = 3"
    assert (labels[25] == BUILDING).sum() > 100


@pytest.fixture()
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sequences/00"
    for name in ("velodyne", "labels"):
        (folder / name).mkdir(parents=True)
    boxes = []
    for index in range(3):
        place = (6.0, -3.0 + index, 0.0)
        points = np.concatenate([wall(), car(place)])
        np.column_stack([points, np.zeros(len(points))]).astype(np.float32).tofile(folder / f"velodyne/{index:06d}.bin")
        raw = np.repeat(np.array([50, 10], np.uint16), [len(wall()), 800])
        semantickitti.write_point_labels(folder / f"labels/{index:06d}.label", raw, np.zeros(len(raw), np.uint16))
        pose = np.eye(4)
        pose[:3, 3] = place
        boxes.append((f"{index:06d}", Box("1", "car", pose, (1.6, 1.6, 1.6), -1)))
    write_boxes(folder / "boxes.txt", boxes)
    rows = "1 0 0 0 0 1 0 0 0 0 1 0\n"
    (folder / "poses.txt").write_text(rows * 3)
    (folder / "calib.txt").write_text(f"Tr: {rows}")
    (folder / "times.txt").write_text("0.0\n0.1\n0.2\n")
    return tmp_path


def test_the_command_states_the_ratio(root: Path) -> None:
    arguments = ["bench", "accumulated", "--logs", str(root), "--grid", "semantickitti", "--depth", "6", "--json"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    stage, surface = facts["versions"]["stage"], facts["versions"]["surface"]
    assert facts["scene"]["sweeps"] == 3 and surface["vs_surface"] == 1.0
    assert stage["vs_surface"] == pytest.approx(surface["cpu_seconds"] / stage["cpu_seconds"])
    assert stage["iou"] is None, "the log has no voxel truth"


def test_without_labels_there_is_nothing_to_measure_by(root: Path) -> None:
    (root / "sequences/00/boxes.txt").unlink()
    arguments = ["bench", "accumulated", "--logs", str(root), "--grid", "semantickitti"]
    with pytest.raises(BadLog, match=r"nothing to measure by: .* holds no boxes"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
