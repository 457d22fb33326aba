"""A scene as a file of rerun, read back by rerun."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from occlabel.pipeline.delivery.scene.recording import INSTALL, record
from occlabel.pipeline.delivery.scene.shapes import (
    FRAME,
    NOTES,
    WORLD,
    Arrows,
    Boxes,
    Lines,
    Moment,
    Picture,
    Placed,
    Points,
    Scene,
    Shape,
    Text,
    Voxels,
)
from occlabel.pipeline.delivery.scene.shapes import (
    Path as Place,
)
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import Grid

GRID = Grid(origin=(0.0, -8.0, -1.0), voxel_size=0.5, shape=(40, 32, 8), frame="lidar")
CAMERA: Place = (*FRAME, "cameras", "CAM/1")
COLOURS = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)


def moment(index: int, car: bool) -> Moment:
    places = np.arange(6.0).reshape(2, 3)
    shapes: dict[Place, Shape] = {
        FRAME: Placed(np.eye(4)),
        (*FRAME, "classes", "road"): Voxels(np.array([[1, 2, 3], [4, 5, 6]], np.int32), COLOURS),
        (*FRAME, "lidar"): Points(places, COLOURS),
        (*FRAME, "flow"): Arrows(places, places, COLOURS),
        (*FRAME, "boxes"): Boxes(np.ones((2, 7)), ("car 1", "car 2"), COLOURS),
        (*WORLD, "ways", "objects"): Lines((places, places), COLOURS),
        CAMERA: Placed(np.eye(4)),
        (*CAMERA, "image"): Picture(b"\xff\xd8", (20, 10), np.eye(3)),
        NOTES: Text(f"frame {index}"),
    }
    if car:
        shapes[*FRAME, "classes", "car"] = Voxels(np.array([[7, 8, 1]], np.int32), COLOURS[:1])
    return Moment(index, 0.5 * index, shapes)


def test_without_rerun_the_command_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(OcclabelError, match="a scene needs rerun-sdk") as raised:
        record(Scene("v1: a", GRID), [moment(0, True)], tmp_path / "a.rrd")
    assert INSTALL in str(raised.value) and not list(tmp_path.iterdir())


def test_rerun_finds_in_the_file_what_was_recorded(tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason=f"needs rerun-sdk, which is installed by itself: {INSTALL}")
    scene = Scene(
        "v1: a",
        GRID,
        {(*WORLD, "ways", "car"): Lines((np.zeros((3, 3)),), COLOURS[:1])},
        ((*FRAME, "flow"),),
        (CAMERA,),
    )
    record(scene, (moment(index, index == 0) for index in range(2)), tmp_path / "a.rrd")
    assert [path.name for path in tmp_path.iterdir()] == ["a.rrd"]
    content = [sys.executable, "-m", "rerun_cli", "rrd"], tmp_path / "a.rrd"
    asked, told = (
        subprocess.run([*content[0], *how, content[1]], capture_output=True, text=True, check=False)
        for how in (("verify",), ("print", "-vvv"))
    )
    assert asked.returncode == 0, asked.stderr
    for expected in ("VoxelGridMap:voxel_indices", "/classes/car", "Clear:is_recursive", "CAM\\/1/image", "Pinhole"):
        assert expected in told.stdout
