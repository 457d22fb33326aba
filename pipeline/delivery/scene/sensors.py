"""What the sensors of a frame saw: images where their cameras are, and the points of its scan."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from occlabel.pipeline.delivery.calibration import as_labelled
from occlabel.pipeline.delivery.scene.shapes import FRAME, Path, Picture, Placed, Points, Shape
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.drive_log import Camera, Frame, LogReader
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import inverse, transform_points

_WIDTH, _QUALITY = 800, 80
"""Of an image: at most so wide [px], and so good a JPEG."""
_POINT = np.array([225, 225, 225], np.uint8)


def seen_by_sensors(
    version: PublishedVersion, frame: PublishedFrame, reader: LogReader, logged: Frame
) -> tuple[dict[Path, Shape], list[str]]:
    """The images and the scan of a frame, and a sentence for each that cannot be read."""
    shapes: dict[Path, Shape] = {}
    cannot = []
    grid_from_ego = inverse(frame.row.ego_from_grid_matrix)
    for camera in as_labelled(version, frame, logged.cameras):
        try:
            picture = _picture(reader, camera)
        except (BadLog, DamagedFile) as error:
            cannot.append(str(error))
            continue
        if picture.intrinsics is not None and camera.ego_from_camera is not None:
            shapes[*FRAME, "cameras", camera.name] = Placed(grid_from_ego @ camera.ego_from_camera)
        shapes[*FRAME, "cameras", camera.name, "image"] = picture
    if logged.sweep is not None:
        try:
            scan = reader.points(logged.sweep)[:, :3]
        except (BadLog, DamagedFile) as error:
            return shapes, [*cannot, str(error)]
        places = transform_points(grid_from_ego @ logged.sweep.ego_from_lidar, scan)
        shapes[*FRAME, "lidar"] = Points(places, np.broadcast_to(_POINT, (len(places), 3)))
    return shapes, cannot


def _picture(reader: LogReader, camera: Camera) -> Picture:
    image = Image.fromarray(reader.image(camera))
    scale = min(1.0, _WIDTH / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    file = io.BytesIO()
    image.resize(size).save(file, format="JPEG", quality=_QUALITY)
    intrinsics = camera.intrinsics
    if intrinsics is not None:
        intrinsics = np.diag([size[0] / image.width, size[1] / image.height, 1.0]) @ intrinsics
    return Picture(file.getvalue(), size, intrinsics)
