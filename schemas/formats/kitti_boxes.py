"""``boxes.txt`` of a KITTI sequence: the boxes that SemanticKITTI lacks. The town writes it, the reader knows it.

One line a box, with blanks between: frame (``000042``), id of the object, class of SemanticKITTI, length, width and
height [m], LiDAR points inside (-1: not counted), and ``world_from_box`` [3, 4] row by row, as in ``poses.txt`` but in
the world of the LiDAR: that of its poses, ``inv(Tr) @ pose @ Tr``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import rigid

_FIELDS = 3 + 3 + 1 + 12


def write_boxes(path: Path, boxes: Iterable[tuple[str, Box]]) -> None:
    """Writes ``boxes``, each with the name of its frame."""
    path.write_text("".join(f"{frame} {_line(box)}\n" for frame, box in boxes))


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """The boxes of each frame that has any. Raises DamagedFile, naming the line."""
    result: dict[str, list[Box]] = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        try:
            if len(fields) != _FIELDS:
                raise ValueError(f"{len(fields)} fields, expected {_FIELDS}")
            length, width, height = (float(field) for field in fields[3:6])
            if not all(0 < edge < math.inf for edge in (length, width, height)):
                raise ValueError(f"its size is {' x '.join(fields[3:6])} m")
            pose = rigid(np.array(fields[7:], np.float64).reshape(3, 4), "its pose")
            box = Box(fields[1], fields[2], pose, (length, width, height), int(fields[6]))
        except (ValueError, BadLog) as error:
            raise DamagedFile(f"{path}, line {number}, is no box: {error}") from error
        result.setdefault(fields[0], []).append(box)
    return result


def _line(box: Box) -> str:
    words = [box.instance, box.category, *(f"{value:.6g}" for value in box.size), str(box.lidar_points)]
    return " ".join([*words, *(f"{value:.12e}" for value in box.world_from_box[:3].ravel())])
