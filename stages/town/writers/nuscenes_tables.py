"""The tables of a nuScenes root of town logs: one file of rows per log, put together into the 13 tables and more.

A log is in the root exactly when ``.town/<log>.json`` exists; the tables are made from those files alone. So a
simulation that is killed leaves no half log, and logs can be added at any time.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.nuscenes_categories import CATEGORIES

VERSION = "v1.0-mini"
CHANNELS = (
    "LIDAR_TOP",
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_RIGHT",
    "CAM_BACK_LEFT",
)
ATTRIBUTES = (
    "vehicle.moving", "vehicle.parked", "cycle.with_rider", "cycle.without_rider", "pedestrian.moving",
    "pedestrian.standing",
)  # fmt: skip
VISIBILITY = {"1": "0-40", "2": "40-60", "3": "60-80", "4": "80-100"}

# In an order in which each table only names rows of tables before it, and the scenes, which lead to all else, last:
# a reader that comes while tables are replaced one by one sees the old logs whole.
PER_LOG = (
    "log", "calibrated_sensor", "ego_pose", "instance", "sample", "sample_annotation", "sample_data", "lidarseg",
    "scene",
)  # fmt: skip

Row = dict[str, Any]
Rows = dict[str, list[Row]]


def token(*parts: object) -> str:
    """A token of 32 hexadecimal digits, the same for the same parts."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def commit_rows(out: Path, log_id: str, rows: Rows, occ3d: Row) -> None:
    """Adds a log, whose files are in place, to the root. ``occ3d`` holds its ``split`` and its Occ3D ``frames``."""
    write_json(out / ".town" / f"{log_id}.json", {"tables": rows, "occ3d": occ3d})


def committed_logs(out: Path) -> set[str]:
    """Ids of the logs in a root."""
    return {path.stem for path in (out / ".town").glob("*.json")}


def publish_tables(out: Path) -> None:
    """Writes the tables, ``lidarseg.json`` and Occ3D's ``annotations.json`` of all logs of the root, and the map."""
    logs = {path.stem: json.loads(path.read_text()) for path in sorted((out / ".town").glob("*.json"))}
    tables: Rows = {name: [row for log in logs.values() for row in log["tables"][name]] for name in PER_LOG}
    _remove_strangers(out, {row["filename"] for row in tables["lidarseg"]})
    map_token = token("map")
    (out / "maps").mkdir(exist_ok=True)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(out / "maps" / f"{map_token}.png", format="PNG")
    map_row = {
        "token": map_token,
        "category": "semantic_prior",
        "filename": f"maps/{map_token}.png",
        "log_tokens": [row["token"] for row in tables["log"]],
    }
    for name, rows in {**_fixed_tables(), "map": [map_row], **tables}.items():
        write_json(out / VERSION / f"{name}.json", rows)
    infos = {name: log["occ3d"]["frames"] for name, log in logs.items() if log["occ3d"]["frames"]}
    splits = {
        f"{split}_split": [name for name in infos if logs[name]["occ3d"]["split"] == split]
        for split in ("train", "val", "test")
    }
    write_json(out / "annotations.json", {**splits, "scene_infos": infos})


def _fixed_tables() -> Rows:
    categories = [
        {"token": token("category", name), "name": name, "description": "", "index": index}
        for index, name in enumerate(CATEGORIES)
    ]
    levels = [
        {"token": key, "level": f"v{span}", "description": f"visibility of whole object is between {span} percent"}
        for key, span in VISIBILITY.items()
    ]
    sensors = [
        {"token": token("sensor", name), "channel": name, "modality": "camera" if name.startswith("CAM") else "lidar"}
        for name in CHANNELS
    ]
    attributes = [{"token": token("attribute", name), "name": name, "description": ""} for name in ATTRIBUTES]
    return {"category": categories, "attribute": attributes, "visibility": levels, "sensor": sensors}


def _remove_strangers(out: Path, known: set[str]) -> None:
    """Removes lidarseg files of a log that was never committed: the devkit refuses a root with more files than rows."""
    for path in (out / "lidarseg" / VERSION).glob("*_lidarseg.bin"):
        if path.relative_to(out).as_posix() not in known:
            path.unlink()


def write_json(path: Path, content: object) -> None:
    """Replaces ``path`` at once, so that no reader sees half a table. Raises OcclabelError where it cannot be
    written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(json.dumps(content, separators=(",", ":")))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OcclabelError(f"{path} cannot be written: {error.strerror or error}") from error
