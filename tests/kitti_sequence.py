"""A sequence of KITTI written by hand, what its reader makes of it, and what is done to its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import made_up_town as town
import numpy as np

from occlabel.schemas.drive_log import DriveLog
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.town.writers.kitti import write_kitti


def written(root: Path, frames: int = 6) -> Path:
    """Sequence 00 of so many frames with one camera."""
    rig = town.rig("kitti", ("image_2",))
    write_kitti("00", town.frames(rig, frames, truth=False), rig, root)
    return root


def only(root: Path) -> DriveLog:
    return next(iter(KittiReader(root).logs(["00"])))


def assert_same(log: DriveLog, whole: DriveLog) -> None:
    """Names, times, poses and calibration of their frames."""
    assert [frame.name for frame in log.frames] == [frame.name for frame in whole.frames]
    for frame, before in zip(log.frames, whole.frames, strict=True):
        assert frame.time == before.time
        np.testing.assert_array_equal(frame.world_from_ego, before.world_from_ego)
        for camera, known in zip(frame.cameras, before.cameras, strict=True):
            np.testing.assert_array_equal(camera.intrinsics, known.intrinsics)
            np.testing.assert_array_equal(camera.ego_from_camera, known.ego_from_camera)


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


def posed(log: DriveLog) -> str:
    return "".join("." if frame.world_from_ego is None else "P" for frame in log.frames)
