"""What a log's files say of all of its frames: where the car was, how cameras sit on it, and K; or why that cannot be,
in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from occlabel.schemas.arrays import EXTRINSICS
from occlabel.schemas.errors import BadLog
from occlabel.schemas.pose_facts import worst_leap
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.mounted import height_of, lacks_height
from occlabel.stages.geometry.stored.lenses import fitted
from occlabel.stages.geometry.stored.model import FILES, read_model
from occlabel.stages.geometry.stored.on_the_car import Found, Poses, by_cameras, by_lidar, mounting_of
from occlabel.stages.geometry.stored.trajectory import read_trajectory


class LogFiles:
    """The files at ``path`` of a log, all of whose frames ``inputs`` hold; lengths are of ``scale`` metres."""

    def __init__(self, whole: Clip, inputs: Inputs, path: Path, scale: float) -> None:
        self._whole, self._inputs, self._path, self._scale = whole, inputs, path, scale

    def of_trajectory(self, of: str, later: float, camera_height: float | None) -> Found:
        """By poses of ``ego``, of ``lidar`` or of a camera; for ``later`` see ``read_trajectory``."""
        names, times = ([frame.name for frame in self._inputs.frames], [frame.time for frame in self._inputs.frames])
        moved = self._in_metres(read_trajectory(self._path, names, times, later).poses)
        if of == "ego":
            return self._checked(Found(moved))
        if of == "lidar":
            return self._checked(by_lidar(moved, self._inputs.frames))
        return self._by_cameras({of: moved}, camera_height)

    def of_model(self, order: Sequence[str], alone: str | None, camera_height: float | None) -> Found:
        """By images of cameras, which tell in this ``order``; ``alone`` as ``Model.by_frame``."""
        frames, rig = self._inputs.frames, self._inputs.rig
        images, _ = read_model(self._path).by_frame(rig.names, [frame.name for frame in frames], alone)
        moved, lenses = {}, {}
        for camera in sorted(images, key=order.index):
            moved[camera], lenses[camera] = np.full((len(frames), 4, 4), np.nan), np.full((len(frames), 3, 3), np.nan)
            for row, image in images[camera].items():
                moved[camera][row] = image.world_from_camera
                lenses[camera][row] = fitted(image.lens, rig.camera(camera).size)
            # A frame whose image found no place in the model was seen through the same lens.
            unknown = np.isnan(lenses[camera]).any(axis=(1, 2))
            lenses[camera][unknown] = fitted(next(iter(images[camera].values())).lens, rig.camera(camera).size)
            moved[camera] = self._in_metres(moved[camera])
        if not moved:
            raise BadLog(f"log {self._whole.log}: no image of {self._path} is of a frame; name other files")
        return replace(self._by_cameras(moved, camera_height), intrinsics=lenses)

    def _by_cameras(self, moved: Mapping[str, Poses], camera_height: float | None) -> Found:
        columns = {camera: self._inputs.rig.names.index(camera) for camera in moved}
        mounted = {camera: self._inputs[EXTRINSICS][:, column].copy() for camera, column in columns.items()}
        if all(np.isnan(places).any(axis=(1, 2)).all() for places in mounted.values()):
            cameras = [self._inputs.rig.camera(name) for name in moved]
            camera = next((each for each in cameras if each.height is not None), cameras[0])
            if (lacking := lacks_height(camera, camera_height)) is not None:
                raise BadLog(f"log {self._whole.log}: {lacking}")
            height = height_of(camera, camera_height, self._inputs, self._whole)
            mounted[camera.name][:] = mounting_of(self._whole.log, moved[camera.name], height)
        return self._checked(by_cameras(self._whole.log, moved, mounted))

    def _checked(self, found: Found) -> Found:
        log, poses = self._whole.log, found.world_from_ego
        file = self._path / FILES[1] if self._path.is_dir() else self._path
        placed = np.flatnonzero(~np.isnan(poses).any(axis=(1, 2)))
        if not len(placed):
            raise BadLog(f"log {log}: {file} says of no frame where the car was; name other files")
        leap = worst_leap(list(poses[placed]), [self._inputs.frames[row].time for row in placed])
        if leap is not None:
            raise refused.leaps(
                log,
                self._inputs.frames[int(placed[leap[1]])].name,
                leap[0],
                str(file),
                "leave the log out with --log, or correct the file",
            )
        return found

    def _in_metres(self, poses: Poses) -> Poses:
        result = poses.copy()
        result[:, :3, 3] *= self._scale
        return result
