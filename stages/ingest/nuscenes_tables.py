"""The tables of one nuScenes version, as far as key frames need them.

The devkit loads all 13 tables and the maps, or nothing. What is read here is what a log is made of; a table or a field
that only truth needs may be missing, and a row that is wrong costs the scene that it belongs to. Rows between the key
frames, nine of ten, are dropped while a table is read.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.stages.ingest.files import is_there, read_file

Row = dict[str, Any]

LIDAR = "LIDAR_TOP"
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
RADARS = ("RADAR_FRONT", "RADAR_FRONT_LEFT", "RADAR_FRONT_RIGHT", "RADAR_BACK_LEFT", "RADAR_BACK_RIGHT")

_MOST = 2 << 30
"""Bytes of a table; the largest of the data set has 1.3 GB."""

_TOKENS = {
    "scene": ("token", "name", "first_sample_token"),
    "sample": ("token", "next"),
    "sample_data": ("token", "sample_token", "calibrated_sensor_token", "ego_pose_token", "filename"),
    "calibrated_sensor": ("token", "sensor_token"),
    "ego_pose": ("token",),
    "sensor": ("token", "channel"),
    "log": ("token", "location"),
    "sample_annotation": ("token", "sample_token", "instance_token"),
    "instance": ("token", "category_token"),
    "category": ("token", "name"),
    "lidarseg": ("token", "filename"),
    "panoptic": ("token", "filename"),
}
"""Table -> the fields that are texts, and without which a row is of no use."""

_VALUES = {
    "scene": ("log_token", "nbr_samples"),
    "sample": ("timestamp", "scene_token"),
    "sample_data": ("is_key_frame", "timestamp", "width", "height"),
    "calibrated_sensor": ("translation", "rotation", "camera_intrinsic"),
    "ego_pose": ("translation", "rotation"),
    "sample_annotation": ("translation", "size", "rotation", "num_lidar_pts"),
    "instance": ("nbr_annotations",),
    "lidarseg": ("sample_data_token",),
    "panoptic": ("sample_data_token",),
}
"""Table -> the other fields that are read, which whoever reads them checks."""

_OPTIONAL = ("log", "sample_annotation", "instance", "category", "lidarseg", "panoptic")
"""Tables without which there are still frames."""


_DROPPED: Row = {}
"""What a row becomes that nobody needs."""


class Tables:
    """The tables in ``folder``, each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, dict[str, Row]] = {}
        self._twice: dict[str, set[str]] = {}
        self._broken: dict[str, BadLog] = {}
        """Why a table cannot be read, so that it is tried once."""
        self.odd: dict[str, int] = {}
        """Table -> how many of its rows are none, or have no token of their own."""

    @property
    def version(self) -> str:
        return self._folder.name

    def has(self, table: str) -> bool:
        """Whether there is such a table, good or bad."""
        return is_there(self._folder / f"{table}.json")

    def where(self, table: str) -> str:
        """The file, for sentences."""
        return f"{self.version}/{table}.json"

    @cached_property
    def scenes(self) -> list[Row]:
        """All rows of the scene table, good or bad."""
        return self._read("scene")

    def get(self, table: str, token: Any) -> Row:
        """The row ``token``, whose texts are texts. Raises BadLog, naming table and field."""
        row = self.find(table, token)
        if row is None:
            raise BadLog(f"{self.where(table)} has no row {token!r}, which another table names; copy the tables again")
        return row

    def find(self, table: str, token: Any) -> Row | None:
        """As ``get``; None where there is no such row, or no such table."""
        row = self._table(table).get(token) if isinstance(token, str) else None
        if row is None:
            return None
        if token in self._twice[table]:
            raise BadLog(f"{self.where(table)} has two different rows {token!r}; copy the tables again")
        return self.checked(table, row)

    def checked(self, table: str, row: Row) -> Row:
        """``row``. Raises BadLog when a text is missing."""
        for field in _TOKENS[table]:
            if not isinstance(row.get(field), str):
                state = f"the {field!r} {row[field]!r}" if field in row else f"no {field!r}"
                raise BadLog(f"{self.where(table)}: the row {row.get('token')!r} has {state}; copy the tables again")
        return row

    def data_of(self, sample: str) -> dict[str, Row]:
        """Channel -> the ``sample_data`` row of a key frame."""
        result = {}
        for row in self._data.get(sample, []):
            calibration = self.get("calibrated_sensor", self.checked("sample_data", row)["calibrated_sensor_token"])
            channel = self.get("sensor", calibration["sensor_token"])["channel"]
            if channel in result:
                raise BadLog(
                    f"{self.where('sample_data')} and {self.where('calibrated_sensor')} give the sample {sample!r} two "
                    f"files of {channel}; copy the tables again"
                )
            result[channel] = row
        return result

    def annotations_of(self, sample: str) -> list[Row]:
        """The ``sample_annotation`` rows of a key frame; none where there is no such table."""
        return self._annotations.get(sample, [])

    @cached_property
    def lost_annotations(self) -> int:
        """How many rows ``sample_annotation`` lacks of those that ``instance`` counts."""
        if not (self.has("instance") and self.has("sample_annotation")):
            return 0
        found = Counter(
            token
            for row in self._table("sample_annotation").values()
            if isinstance(token := row.get("instance_token"), str)
        )
        counts = {token: row.get("nbr_annotations") for token, row in self._table("instance").items()}
        return sum(max(0, n - found[token]) for token, n in counts.items() if isinstance(n, int))

    @cached_property
    def stray_annotations(self) -> int:
        """How many rows of ``sample_annotation`` are of no sample."""
        samples = self._table("sample")
        found = (row.get("sample_token") for row in self._table("sample_annotation").values())
        return sum(not isinstance(token, str) or token not in samples for token in found)

    @cached_property
    def scenes_without_row(self) -> int:
        """How many scenes have samples and no row of their own."""
        known = {row.get("token") for row in self.scenes if isinstance(row.get("token"), str)}
        named = {
            row["scene_token"] for row in self._table("sample").values() if isinstance(row.get("scene_token"), str)
        }
        return len(named - known)

    @cached_property
    def _data(self) -> dict[str, list[Row]]:
        return _grouped(self._table("sample_data"), "sample_token")

    @cached_property
    def _annotations(self) -> dict[str, list[Row]]:
        return _grouped(self._table("sample_annotation"), "sample_token")

    def _table(self, table: str) -> dict[str, Row]:
        """Its rows by token, in their order."""
        if table in self._broken:
            raise self._broken[table]
        if table not in self._rows:
            rows: dict[str, Row] = {}
            twice: set[str] = set()
            odd = 0
            for row in self._read(table):
                token = row.get("token" if "sample_data_token" not in row else "sample_data_token")
                if not isinstance(token, str):
                    odd += 1
                elif rows.setdefault(token, row) != row:
                    odd += 1
                    twice.add(token)
            if odd:
                self.odd[table] = odd
            self._rows[table], self._twice[table] = rows, twice
        return self._rows[table]

    def _read(self, table: str) -> list[Row]:
        path = self._folder / f"{table}.json"
        if table in _OPTIONAL and not self.has(table):
            return []
        fields, keep = (*_TOKENS[table], *_VALUES.get(table, ())), self._kept(table)

        def cut(row: Row) -> Row:
            return {field: row[field] for field in fields if field in row} if keep(row) else _DROPPED

        try:
            rows = json.loads(read_file(path, _MOST), object_hook=cut)
            if not isinstance(rows, list):
                raise ValueError("it is no list of rows")
        except (DamagedFile, ValueError, RecursionError) as error:
            sentence = str(error) if isinstance(error, DamagedFile) else f"{path} is no table: {error}"
            self._broken[table] = BadLog(f"{sentence}; nuScenes needs this table, copy it again")
            raise self._broken[table] from error
        return [row if isinstance(row, dict) else {} for row in rows if row is not _DROPPED]

    def _kept(self, table: str) -> Callable[[Row], bool]:
        """Which rows of a table are needed."""
        if table == "sample_data":
            return _is_key_frame
        if table == "ego_pose":
            tokens = (row.get("ego_pose_token") for row in self._table("sample_data").values())
            named = {token for token in tokens if isinstance(token, str)}
            return lambda row: isinstance(row.get("token"), str) and row["token"] in named
        return lambda _: True


def _is_key_frame(row: Row) -> bool:
    if "is_key_frame" in row:
        return row["is_key_frame"] in (True, 1)
    # All others lie in sweeps/.
    return str(row.get("filename")).startswith("samples/")


def _grouped(rows: dict[str, Row], field: str) -> dict[str, list[Row]]:
    result = defaultdict(list)
    for row in rows.values():
        if isinstance(row.get(field), str):
            result[row[field]].append(row)
    return result
