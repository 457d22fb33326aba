"""The cameras of a labelled frame, as its version found them or else as the log has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from occlabel.pipeline.published.calibration import calibrated
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS
from occlabel.schemas.drive_log import Camera, Frame
from occlabel.schemas.geometry import inverse
from occlabel.stages.export.object_list import View


def as_labelled(version: PublishedVersion, frame: PublishedFrame, cameras: Iterable[Camera]) -> list[Camera]:
    """The ``cameras`` of the log, of which the frame knows better."""
    intrinsics, extrinsics = (frame[spec] if frame.holds(spec) else None for spec in (INTRINSICS, EXTRINSICS))
    return calibrated(cameras, version.info.cameras.get(frame.log, ()), intrinsics, extrinsics)


def cameras_of(version: PublishedVersion, frame: PublishedFrame, logged: Frame | None) -> list[Camera]:
    """The cameras of the frame. ``logged``: the frame of the log; without it, or without a size there, images are as
    large as the depth that the version has of them, to the next ``DEPTH.stride`` pixels."""
    names = version.info.cameras.get(frame.log, ())
    there = logged.cameras if logged is not None else tuple(Camera(n, Path(), None, None, 0.0, None) for n in names)
    found = as_labelled(version, frame, there)
    return [replace(camera, size=camera.size or _size_of_depth(frame, camera.name)) for camera in found]


def views(version: PublishedVersion, frame: PublishedFrame, logged: Frame | None) -> list[View]:
    """Those of ``cameras_of`` that are calibrated."""
    found = []
    for camera in cameras_of(version, frame, logged):
        if camera.intrinsics is not None and camera.ego_from_camera is not None and camera.size is not None:
            camera_from_grid = inverse(camera.ego_from_camera) @ frame.row.ego_from_grid_matrix
            found.append(View(camera.name, camera.intrinsics, camera_from_grid, camera.size))
    return found


def _size_of_depth(frame: PublishedFrame, camera: str) -> tuple[int, int] | None:
    if not frame.holds(spec := DEPTH.on(camera)):
        return None
    rows, columns = frame[spec].shape
    return columns * DEPTH.stride, rows * DEPTH.stride
