"""A frame's LiDAR projected into its cameras, coloured by depth: a wrong frame convention is seen at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.geometry import inverse, project, transform_points

PANEL_WIDTHS = (600, 800)
"""A panel [px] is made at least this wide, and at most where there are several cameras."""

ORDER = ("CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT")
"""A surround rig as one looks around; cameras of other names follow as they come."""

NEAR, FAR = 2.0, 60.0
_RAMP = np.array(
    [[255, 60, 40], [255, 170, 0], [240, 255, 40], [40, 230, 90], [0, 190, 255], [90, 70, 255]], np.float64
)


def draw_overlay(reader: LogReader, log: DriveLog, index: int, out: Path) -> None:
    """Writes a PNG with one panel per camera of frame ``index`` of ``log``, three a row.

    Points are red at 2 m, green near 12 m, violet from 60 m on. Raises BadLog for a frame without cameras or scan,
    DamagedFile for a scan that cannot be read; a camera whose image cannot be read
    is a black panel that says so, one whose calibration is not known has no points.
    """
    frame = log.frames[index]
    if frame.sweep is None or not frame.cameras:
        raise BadLog(_nothing(log, frame))
    points = transform_points(frame.sweep.ego_from_lidar, reader.points(frame.sweep))
    rank = {name: place for place, name in enumerate(ORDER)}
    cameras = sorted(frame.cameras, key=lambda camera: rank.get(camera.name, len(rank)))
    panels = [_panel(reader, camera, points, len(cameras)) for camera in cameras]
    columns = min(3, len(panels))
    width, height = (max(panel.size[axis] for panel in panels) for axis in (0, 1))
    sheet = Image.new("RGB", (columns * width, -(-len(panels) // columns) * height))
    for place, panel in enumerate(panels):
        sheet.paste(panel, (place % columns * width, place // columns * height))
    with appearing(out) as partial:
        sheet.save(partial, format="PNG")


def _nothing(log: DriveLog, frame: Frame) -> str:
    """Why nothing can be drawn of the frame, and of which others something can."""
    for lacking, there in (
        ("images", any(one.cameras for one in log.frames)),
        ("LiDAR scans", any(one.sweep is not None for one in log.frames)),
    ):
        if not there:
            return f"log {log.id} has no {lacking}: there is nothing to draw LiDAR into cameras from"
    lacks = "no scan" if frame.sweep is None else "no camera"
    said = f"frame {frame.name} has {lacks}, so there is nothing to project"
    whole = next((i for i, one in enumerate(log.frames) if one.cameras and one.sweep is not None), None)
    return f"{said}, nor in any other of the log" if whole is None else f"{said}; choose another: --frame {whole}"


def _panel(reader: LogReader, camera: Camera, points_ego: NDArray[np.float64], cameras: int) -> Image.Image:
    title = camera.name
    try:
        pixels = reader.image(camera)
    except DamagedFile:
        width, height = camera.size or (PANEL_WIDTHS[0], PANEL_WIDTHS[0] // 2)
        pixels = np.zeros((height, width, 3), np.uint8)
        title += " (image cannot be read)"
    height, width = pixels.shape[:2]
    least, most = (wanted / width for wanted in PANEL_WIDTHS)
    scale = max(least, min(1.0, most) if cameras > 1 else 1.0)
    canvas = np.asarray(Image.fromarray(pixels).resize((round(width * scale), round(height * scale)))).copy()
    if camera.intrinsics is None or camera.ego_from_camera is None:
        title += " (its calibration is not known)"
    else:
        intrinsics = np.diag([scale, scale, 1.0]) @ camera.intrinsics
        uv, depth = project(transform_points(inverse(camera.ego_from_camera), points_ego), intrinsics)
        paint_points(canvas, uv, depth)
    panel = Image.fromarray(canvas)
    ImageDraw.Draw(panel).text((6, 4), title, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return panel


def paint_points(canvas: NDArray[np.uint8], uv: NDArray[np.float64], depth: NDArray[np.float64]) -> None:
    """Paints points at ``uv`` [n, 2] into ``canvas`` [h, w, 3] as squares of 2 px, the nearest on top."""
    height, width = canvas.shape[:2]
    # Compared before the conversion to integers: a point beside the lens lies millions of pixels away.
    shown = (depth > 0.5) & (uv >= 0).all(axis=1) & (uv[:, 0] < width) & (uv[:, 1] < height)
    order = np.flatnonzero(shown)[np.argsort(-depth[shown], kind="stable")]
    colours, (u, v) = depth_colours(depth[order]), uv[order].astype(np.int64).T
    for du in (0, 1):
        for dv in (0, 1):
            canvas[np.minimum(v + dv, height - 1), np.minimum(u + du, width - 1)] = colours


def depth_colours(depth: NDArray[np.float64]) -> NDArray[np.uint8]:
    """RGB [n, 3] of ``depth`` [n] in metres, on a logarithmic scale from NEAR to FAR."""
    place = np.log(np.clip(depth, NEAR, FAR) / NEAR) / np.log(FAR / NEAR) * (len(_RAMP) - 1)
    return np.stack([np.interp(place, np.arange(len(_RAMP)), _RAMP[:, c]) for c in range(3)], axis=1).astype(np.uint8)
