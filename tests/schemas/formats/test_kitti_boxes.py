"""Boxes come back as they were written; a line that is none is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.kitti_boxes import read_boxes, write_boxes


def test_boxes_come_back(tmp_path: Path) -> None:
    box = Box("7", "car", np.eye(4), (4.5, 1.8, 1.5), 12)
    write_boxes(tmp_path / "boxes.txt", [("000003", box)])
    (found,) = read_boxes(tmp_path / "boxes.txt")["000003"]
    assert (found.instance, found.category, found.size, found.lidar_points) == ("7", "car", (4.5, 1.8, 1.5), 12)
    np.testing.assert_array_equal(found.world_from_box, np.eye(4))


@pytest.mark.parametrize("size", ["nan 1.8 1.5", "4.5 inf 1.5", "4.5 1.8 0", "-4.5 1.8 1.5", "4.5 wide 1.5"])
def test_a_box_has_a_size(tmp_path: Path, size: str) -> None:
    pose = " ".join(f"{value:g}" for value in np.eye(4)[:3].ravel())
    (tmp_path / "boxes.txt").write_text(f"000003 7 car {size} 12 {pose}\n")
    with pytest.raises(DamagedFile, match=r"boxes\.txt, line 1, is no box: "):
        read_boxes(tmp_path / "boxes.txt")
