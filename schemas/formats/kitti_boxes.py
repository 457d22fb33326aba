"""``boxes.txt`` of a KITTI sequence: the boxes that SemanticKITTI lacks. The town writes it, the reader knows it.

One line a box, with blanks between: frame (``000042``), id of the object, class of SemanticKITTI, length, width and
height [m], LiDAR points inside (-1: not counted), and ``world_from_box`` [3, 4] row by row, as in ``poses.txt`` but in
the world of the LiDAR: that of its poses, ``inv(Tr) @ pose @ Tr``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.lines import COMMENTS, is_number, lines_of
from occlabel.schemas.geometry import rigid

_FIELDS = 3 + 3 + 1 + 12
_LARGEST = 100.0
"""[m] of a box."""
_FURTHEST = 1e8
"""[m] from where the world begins; more than twice round the Earth."""


def write_boxes(path: Path, boxes: Iterable[tuple[str, Box]]) -> None:
    """Writes ``boxes``, each with the name of its frame."""
    path.write_text("".join(f"{frame} {_line(box)}\n" for frame, box in boxes))


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """The boxes of each frame that has any. Raises DamagedFile, naming the line."""
    result: dict[str, list[Box]] = {}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines_of(content).texts, 1):
        if not line or line.startswith(COMMENTS):
            continue
        try:
            frame, box = _box(line.split())
        except (ValueError, BadLog) as error:
            raise DamagedFile(f"{path}, line {number}, is no box: {error}") from error
        result.setdefault(frame, []).append(box)
    return result


def _box(fields: list[str]) -> tuple[str, Box]:
    """The frame and the box of a line. Raises ValueError or BadLog."""
    if len(fields) != _FIELDS:
        raise ValueError(f"{len(fields)} fields, expected {_FIELDS}")
    if not (fields[0].isascii() and fields[0].isdecimal()):
        raise ValueError(f"its frame {fields[0]!r} is no number")
    wrong = [field for field in fields[3:] if not is_number(field)]
    if wrong:
        raise ValueError(f"could not convert {wrong[0]!r} to a number")
    length, width, height = (float(field) for field in fields[3:6])
    if not all(0 < size < _LARGEST for size in (length, width, height)):
        raise ValueError(f"its size {length:g} x {width:g} x {height:g} m is none of an object")
    pose = rigid(np.array(fields[7:], np.float64).reshape(3, 4), "its pose")
    if np.abs(pose[:3, 3]).max() > _FURTHEST:
        raise ValueError(f"it lies {np.abs(pose[:3, 3]).max():g} m away")
    return fields[0], Box(fields[1], fields[2], pose, (length, width, height), int(fields[6]))


def _line(box: Box) -> str:
    words = [box.instance, box.category, *(f"{value:.6g}" for value in box.size), str(box.lidar_points)]
    return " ".join([*words, *(f"{value:.12e}" for value in box.world_from_box[:3].ravel())])
