"""A picture that finds no room names its file, and leaves nothing of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_up_town as town
import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from matplotlib.figure import Figure
from PIL import Image
from reported import SPACE, volume

from occlabel.pipeline.delivery.city_map.picture import write_picture
from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, panels
from occlabel.pipeline.delivery.pictures.camera_sheet import draw_cameras
from occlabel.pipeline.delivery.pictures.from_above import FromAbove
from occlabel.pipeline.delivery.pictures.heat import draw_heat
from occlabel.pipeline.delivery.pictures.overlay import draw_overlay
from occlabel.pipeline.delivery.pictures.reliability import draw_reliability
from occlabel.schemas.errors import OcclabelError
from occlabel.stages.evaluation.reliability import Reliability
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.town.writers.kitti import write_kitti


def draw_diagram(logs: KittiReader, root: Path, path: Path) -> None:
    found = Reliability()
    found.add(np.full(4, 255, np.uint8), np.ones(4, bool), np.ones(4, bool))
    draw_reliability({"all voxels": found}, path)


def draw_sheet(logs: KittiReader, root: Path, path: Path) -> None:
    version = publish(MadeUpVersion([MadeUpFrame("00", "000000", {"semantics": volume(2)})], SPACE), root / "store")
    draw_cameras(version, version.frame("00", "000000"), logs, (), path)


def draw_panels(logs: KittiReader, root: Path, path: Path) -> None:
    panels([FromAbove.of(SPACE.grid, birds_eye(volume(2), SPACE.taxonomy), "v1")], SPACE.taxonomy, path)


WRITERS: dict[str, Callable[[KittiReader, Path, Path], None]] = {
    "above": draw_panels,
    "cameras": draw_sheet,
    "heat": lambda logs, root, path: draw_heat(np.ones((16, 16)), SPACE.grid, "changes", path),
    "map": lambda logs, root, path: write_picture(Image.new("RGB", (8, 8)), path),
    "overlay": lambda logs, root, path: draw_overlay(logs, next(iter(logs.logs())), 0, path),
    "reliability": draw_diagram,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("before", [None, b"a picture of yesterday"])
def test_nothing_is_left_of_a_picture_for_which_there_is_no_room(
    name: str, before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = town.rig("kitti", ("image_2",))
    write_kitti("00", town.frames(rig, 1, truth=False), rig, tmp_path / "logs")

    def full(_: object, path: Path, *__: Any, **___: Any) -> None:
        path.write_bytes(b"\x89PNG")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    monkeypatch.setattr(Figure, "savefig", full)
    path = tmp_path / "pictures/a.png"
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before)
    with pytest.raises(OcclabelError, match=r"pictures/a\.png cannot be written: No space left on device$"):
        WRITERS[name](KittiReader(tmp_path / "logs"), tmp_path, path)
    assert [entry.read_bytes() for entry in path.parent.iterdir()] == ([] if before is None else [before])


@pytest.mark.parametrize("name", WRITERS)
def test_a_picture_is_written_under_its_ending(name: str, tmp_path: Path) -> None:
    rig = town.rig("kitti", ("image_2",))
    write_kitti("00", town.frames(rig, 1, truth=False), rig, tmp_path / "logs")
    for ending in ("png",) if name == "reliability" else ("png", "JPG"):
        path = tmp_path / f"a.{ending}"
        WRITERS[name](KittiReader(tmp_path / "logs"), tmp_path, path)
        with Image.open(path) as picture:
            assert picture.size >= (8, 8)
