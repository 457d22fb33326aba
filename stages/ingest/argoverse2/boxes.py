"""What people annotated in a log of Argoverse 2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.stages.ingest.argoverse2.tables import NUMBER, POSE, TEXT, WHOLE, poses_in, read_columns
from occlabel.stages.ingest.files import is_there

_SIZE = ("length_m", "width_m", "height_m")


def read_boxes(path: Path, poses: Mapping[int, Matrix | None], warnings: list[str]) -> dict[int, tuple[Box, ...]]:
    """By the time [ns] of the frame. ``poses`` are of the frames: boxes are written in the ego frame, and those of a
    frame without a pose stand nowhere. Categories are the data set's own."""
    if not is_there(path):
        return {}
    wanted = {"timestamp_ns": WHOLE, "track_uuid": TEXT, "category": TEXT, "num_interior_pts": WHOLE, **POSE}
    try:
        columns, _ = read_columns(path, {**wanted, **dict.fromkeys(_SIZE, NUMBER)})
    except DamagedFile as error:
        warnings.append(f"{error}; the log goes on without boxes")
        return {}
    placed, sizes = poses_in(columns), np.column_stack([columns[name] for name in _SIZE])
    sound = np.isfinite(placed).all(axis=(1, 2)) & np.isfinite(sizes).all(axis=1) & (sizes > 0).all(axis=1)
    result: defaultdict[int, list[Box]] = defaultdict(list)
    homeless: list[int] = []
    for row in np.flatnonzero(sound).tolist():
        stamp = int(columns["timestamp_ns"][row])
        world_from_ego = poses.get(stamp)
        if world_from_ego is None:
            homeless.append(stamp)
            continue
        length, width, height = sizes[row].tolist()
        name, category = str(columns["track_uuid"][row]), str(columns["category"][row])
        points = int(columns["num_interior_pts"][row])
        result[stamp].append(Box(name, category, world_from_ego @ placed[row], (length, width, height), points))
    if not sound.all():
        warnings.append(f"{path.name}: {int((~sound).sum())} rows are no boxes; they are left out")
    if homeless:
        warnings.append(
            f"{path.name}: {len(homeless)} boxes are of no frame with a pose, as at {homeless[0]}; they are left out"
        )
    return {stamp: tuple(boxes) for stamp, boxes in result.items()}
