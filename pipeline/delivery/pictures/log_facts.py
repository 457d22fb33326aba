"""What a drive log holds, as plain values: for the table and the JSON of ``occlabel logs``."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from occlabel.schemas.drive_log import DriveLog


def log_facts(log: DriveLog) -> dict[str, Any]:
    """Counts are of frames. ``duration`` [s] is from the first frame to the last, ``distance`` [m] is along the poses
    and None where there are fewer than two."""
    frames = log.frames
    positions = np.array([frame.world_from_ego[:3, 3] for frame in frames if frame.world_from_ego is not None])
    moved = float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum()) if len(positions) > 1 else None
    return {
        "id": log.id,
        "frames": len(frames),
        "first": frames[0].name,
        "last": frames[-1].name,
        "duration": round(frames[-1].time - frames[0].time, 3),
        "distance": None if moved is None else round(moved, 2),
        "scans": sum(frame.sweep is not None for frame in frames),
        "poses": len(positions),
        "cameras": _cameras(log),
        "truth": {
            "voxels": sum(frame.truth.voxels is not None for frame in frames),
            "points": sum(frame.truth.points is not None for frame in frames),
            "boxes": sum(bool(frame.truth.boxes) for frame in frames),
        },
        "warnings": list(log.warnings),
        "stamp": log.stamp,
    }


def _cameras(log: DriveLog) -> list[dict[str, Any]]:
    """Of each camera what is known; None for what is not."""
    images = Counter(camera.name for frame in log.frames for camera in frame.cameras)
    return [
        {
            "name": camera.name,
            "images": images[camera.name],
            "width": camera.size and camera.size[0],
            "height": camera.size and camera.size[1],
            "intrinsics": camera.intrinsics,
            "extrinsics": camera.extrinsics,
            "above_road": camera.height,
        }
        for camera in log.rig.cameras
    ]
