"""Calibration files of both KITTI layouts: a name and its numbers on each line."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats.lines import COMMENTS, fields_of, is_number, lines_of, numbers_of
from occlabel.schemas.geometry import Matrix, rigid

_LINE = re.compile(r"([A-Za-z]\w*)\s*(?:[:=]|\s(?=\s*[-+.\d]))(.*)", re.ASCII)
_TEXTS = ("calib_time",)
"""Names of what holds no numbers."""
_LARGEST = 50.0
"""[m] between two sensors of a car."""
_MOST_PIXELS = 1e5
"""Of a focal length or a principal point."""


class _Entry(NamedTuple):
    line: int
    text: str


class NamedNumbers:
    """What the file ``name`` says. ``warnings`` are of lines that are skipped; those that are taken are checked when
    they are."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        lines = lines_of(content)
        self.warnings = [f"{name}, {note}" for note in lines.notes]
        self._entries: dict[str, _Entry] = {}
        for number, text in enumerate(lines.texts, 1):
            if not text or text.startswith(COMMENTS):
                continue
            found = _LINE.fullmatch(text)
            if found is None:
                self.warnings.append(f"{name}, line {number}: not 'NAME: numbers', skipped")
                continue
            key, entry = found[1], _Entry(number, found[2].strip())
            first = self._entries.setdefault(key, entry)
            if first.text != entry.text:
                self.warnings.append(f"{name}, line {number}: another {key} than on line {first.line}, skipped")
            elif key not in _TEXTS and numbers_of(entry.text) is None:
                self.warnings.append(f"{name}, line {number}: {key} has something that is no number")
        self._uncertain = None if lines.ended else len(lines.texts)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def numbers(self, key: str, count: int) -> NDArray[np.float64]:
        """Raises BadLog, naming the line, when there is no ``key`` or it is not ``count`` finite numbers."""
        entry = self._entries.get(key)
        if entry is None:
            raise BadLog(f"{self.name} has no {key}")
        values = numbers_of(entry.text)
        if values is None or len(values) != count or not np.isfinite(values).all():
            found = len(fields_of(entry.text)) if values is None else len(values)
            kind = "numbers" if values is not None and np.isfinite(values).all() else "fields, not all of them numbers"
            raise BadLog(f"{self.where(key)} has {found} {kind}, expected {count} numbers")
        if entry.line == self._uncertain and _cut_short(fields_of(entry.text)):
            raise BadLog(f"{self.where(key)} is cut off in the middle of its last number")
        return np.array(values)

    def matrix(self, key: str) -> Matrix:
        """[3, 4]. Raises BadLog as ``numbers`` does."""
        return self.numbers(key, 12).reshape(3, 4)

    def where(self, key: str) -> str:
        """Names the line of a ``key`` that is there."""
        return f"{self.name}, line {self._entries[key].line}: {key}"


def mounted(matrix: Matrix, what: str) -> Matrix:
    """``matrix`` [3, 4] between two sensors of a car as rigid [4, 4]. Raises BadLog when it cannot be."""
    result = rigid(matrix, what)
    if np.abs(result[:3, 3]).max() > _LARGEST:
        raise BadLog(f"{what} moves by {np.abs(result[:3, 3]).max():.3g} m, and no car is so long; is it in metres?")
    return result


def camera_of(projection: Matrix, lidar_from_camera0: Matrix | None, what: str) -> tuple[Matrix, Matrix | None]:
    """K [3, 3] and ``lidar_from_camera`` of a rectified projection ``P = K [I | t]``, t = camera from camera 0; None
    for the latter where it is not known how camera 0 sits.

    Raises BadLog when the left 3x3 block is no pinhole K, or the cameras are further apart than a car is long.
    """
    intrinsics = projection[:, :3].copy()
    beside = np.abs(intrinsics[[1, 2, 2], [0, 0, 1]])
    sound = np.isfinite(projection).all() and min(intrinsics[0, 0], intrinsics[1, 1], intrinsics[2, 2]) > 0
    if not sound or beside.max() > 1e-3 or np.abs(intrinsics).max() > _MOST_PIXELS:
        raise BadLog(f"{what} is not a projection of a pinhole camera; check the file")
    if lidar_from_camera0 is None:
        return intrinsics, None
    camera0_from_camera = np.eye(4)
    try:
        camera0_from_camera[:3, 3] = -np.linalg.solve(intrinsics, projection[:, 3])
    except np.linalg.LinAlgError as error:
        raise BadLog(f"{what} is not a projection of a pinhole camera; check the file") from error
    return intrinsics, lidar_from_camera0 @ mounted(camera0_from_camera, what)


def _cut_short(fields: list[str]) -> bool:
    sizes = [len(field.lstrip("+-")) for field in fields if is_number(field)]
    return len(sizes) > 2 and sizes[-1] < min(sizes[:-1])
