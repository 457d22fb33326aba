"""A frame of a version as its cameras saw it: one picture with the panels of ``camera_panels`` for each camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlabel.pipeline.delivery.calibration import as_labelled
from occlabel.pipeline.delivery.pictures.camera_panels import (
    Draw,
    Looked,
    Panel,
    depth_panel,
    image_panel,
    labels_panel,
    segments_panel,
)
from occlabel.pipeline.delivery.pictures.legend import (
    DEPTH_HEIGHT,
    INK,
    LINE,
    class_rows,
    draw_classes,
    draw_depth_scale,
)
from occlabel.pipeline.delivery.pictures.overlay import ORDER
from occlabel.pipeline.published.same_drive import labelled_drive
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import DEPTH, SEGMENT_CLASS, SEGMENT_INSTANCE, SEMANTICS, ArraySpec
from occlabel.schemas.drive_log import Camera, Frame, LogReader
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.geometry import inverse

T = TypeVar("T", bound=np.generic)

_WIDTHS = (800, 480)
"""Of a panel [px], for one camera and for several."""
_GAP = 6
_CLASS_COLUMN = 150


def draw_cameras(
    version: PublishedVersion, frame: PublishedFrame, reader: LogReader, cameras: Sequence[str], path: Path
) -> list[str]:
    """Writes the picture of ``cameras``, all where none is named: panels two a row for one camera, else a row a camera.
    Returns a sentence for each kind of panel that is left out, as the version has nothing to show in it.

    Raises BadLog where the logs are of another drive, or have no such frame or camera, or images of another size than
    those that were labelled.
    """
    taken = cameras_of(reader, frame, cameras)
    labelled_drive(reader, frame.log, (one.row for one in version.frames(frame.log)))
    looks = [looked_at(version, frame, reader, camera) for camera in taken]
    kinds: list[Draw] = [image_panel]
    said = []
    for what, drawn, there in (
        ("depth", depth_panel, any(look.depth is not None for look in looks)),
        ("segments", segments_panel, any(look.classes is not None for look in looks)),
    ):
        if there:
            kinds.append(drawn)
        else:
            named = " or ".join(camera.name for camera in taken)
            said.append(
                f"no {what} panel: {version.spec} holds no {what} of {named}, as no prior of its recipe wrote it"
            )
    kinds.append(labels_panel)
    columns, width = (2, _WIDTHS[0]) if len(looks) == 1 else (len(kinds), _WIDTHS[1])
    pictures = []
    for look in looks:
        size = (width, max(1, round(look.size[1] * width / look.size[0])))
        pictures += [_picture(drawn(look, version.space, size), size) for drawn in kinds]
    title = f"{version.name}: log {frame.log}, frame {frame.name}"
    sheet = _sheet(pictures, columns, title, version, depth_panel in kinds)
    with appearing(path) as partial:
        sheet.save(partial)
    return said


def cameras_of(reader: LogReader, frame: PublishedFrame, cameras: Sequence[str]) -> list[Camera]:
    """Those of the frame that are asked for, all where none is named, as one looks around. Raises BadLog where the logs
    have no such frame or camera."""
    frames = [f for log in reader.logs([frame.log]) for f in log.frames]
    found: Frame | None = next((f for f in frames if f.name == frame.name), None)
    if found is None:
        raise BadLog(
            f"log {frame.log} under {reader.root} has no frame {frame.name}; are these the logs of the version?"
        )
    there = {camera.name: camera for camera in found.cameras}
    if not there:
        if not any(f.cameras for f in frames):
            raise BadLog(f"log {frame.log} under {reader.root} has no images: there is nothing to draw into")
        raise BadLog(f"frame {frame.name} of log {frame.log} has no image; choose another with --frame")
    if lacking := [name for name in cameras if name not in there]:
        raise BadLog(f"frame {frame.name} of log {frame.log} has no camera {lacking[0]!r}; it has {', '.join(there)}")
    rank = {name: place for place, name in enumerate(ORDER)}
    return sorted((there[name] for name in cameras or there), key=lambda camera: rank.get(camera.name, len(rank)))


def looked_at(version: PublishedVersion, frame: PublishedFrame, reader: LogReader, camera: Camera) -> Looked:
    """What the version and the log know of one camera. Raises BadLog for images of another size than were labelled."""
    try:
        image: NDArray[np.uint8] | None = reader.image(camera)
    except DamagedFile:
        image = None
    (known,) = as_labelled(version, frame, [camera])
    depth, classes = _held(frame, DEPTH.on(camera.name)), _held(frame, SEGMENT_CLASS.on(camera.name))
    shape = depth.shape if depth is not None else None if classes is None else classes.shape
    grid_from_ego = inverse(frame.row.ego_from_grid_matrix)
    return Looked(
        camera=camera.name,
        size=_size(camera, image, shape, reader),
        image=image,
        depth=depth,
        classes=classes,
        objects=_held(frame, SEGMENT_INSTANCE.on(camera.name)),
        semantics=frame[SEMANTICS],
        intrinsics=known.intrinsics,
        grid_from_camera=None if known.ego_from_camera is None else grid_from_ego @ known.ego_from_camera,
        stride=DEPTH.stride,
    )


def _held(frame: PublishedFrame, spec: ArraySpec[T]) -> NDArray[T] | None:
    return frame[spec] if frame.holds(spec) else None


def _size(
    camera: Camera, image: NDArray[np.uint8] | None, shape: tuple[int, ...] | None, reader: LogReader
) -> tuple[int, int]:
    """Width and height of the image. Raises BadLog where arrays of ``shape`` cannot be over it."""
    known = camera.size if image is None else (image.shape[1], image.shape[0])
    if known is None:  # of an image that cannot be read
        known = (_WIDTHS[0], _WIDTHS[0] // 2) if shape is None else (shape[1] * DEPTH.stride, shape[0] * DEPTH.stride)
    expected = tuple(-(-n // DEPTH.stride) for n in known[::-1])
    if shape is not None and shape != expected:
        raise BadLog(
            f"images of {camera.name} under {reader.root} are {known[0]}x{known[1]}, and the version was made with "
            f"others (about {shape[1] * DEPTH.stride}x{shape[0] * DEPTH.stride}): are these the logs of the version?"
        )
    return known


def _picture(panel: Panel, size: tuple[int, int]) -> Image.Image:
    """The panel with its words in the corner, or in the middle of a grey one where there is nothing to show."""
    if panel.pixels is None:
        picture = Image.new("RGB", size, (58, 60, 66))
        ImageDraw.Draw(picture).text((size[0] // 2, size[1] // 2), panel.said, fill=(235, 235, 235), anchor="mm")
        return picture
    picture = Image.fromarray(panel.pixels)
    ImageDraw.Draw(picture).text((6, 4), panel.said, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return picture


def _sheet(
    pictures: list[Image.Image], columns: int, title: str, version: PublishedVersion, depth: bool
) -> Image.Image:
    """All panels, and below them what their colours mean."""
    taxonomy = version.space.taxonomy
    width = pictures[0].width
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    full = columns * (width + _GAP) + _GAP
    class_columns = max(1, (full - 2 * _GAP) // _CLASS_COLUMN)
    top, scale = 24, DEPTH_HEIGHT + _GAP if depth else 0
    below = top + sum(heights) + len(heights) * _GAP
    legend = class_rows(taxonomy, class_columns) * LINE
    canvas = Image.new("RGB", (full, below + scale + legend + 2 * _GAP), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    draw.text((_GAP + 2, 6), title, fill=INK)
    y = top
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            canvas.paste(picture, (_GAP + column * (width + _GAP), y))
        y += height + _GAP
    if depth:
        draw_depth_scale(canvas, (_GAP + 2, below + _GAP))
    draw_classes(draw, taxonomy, (_GAP + 2, below + scale + _GAP), class_columns * _CLASS_COLUMN, class_columns)
    return canvas
