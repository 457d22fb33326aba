"""Messages of ROS 2 as points, pixels and transforms."""

from __future__ import annotations

import struct
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from mcap_ros2.decoder import DecoderFactory
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.geometry import Matrix, rigid, rotation_from_quaternion
from occlabel.stages.ingest.images import rgb
from occlabel.stages.ingest.mcap.recording import Recording
from occlabel.stages.ingest.scans import ScanFormat, checked_points

_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""``datatype`` of a ``sensor_msgs/PointField``."""
_PLAIN = {"rgb8": (3, (0, 1, 2)), "bgr8": (3, (2, 1, 0)), "rgba8": (4, (0, 1, 2)), "bgra8": (4, (2, 1, 0))} | {
    "mono8": (1, (0, 0, 0)), "8UC1": (1, (0, 0, 0)), "8UC3": (3, (2, 1, 0)),
}  # fmt: skip
"""``encoding`` of a ``sensor_msgs/Image`` -> bytes of a pixel, and which of them are red, green and blue."""


def decoded(recording: Recording, topic: str, index: int) -> Any:
    """The message ``index`` of ``topic``. Raises DamagedFile where it is of another kind or cannot be read."""
    channel, schema, content = recording.message(topic, index)
    where = f"{recording.path}, message {index} of {topic}"
    if channel.message_encoding != "cdr" or schema is None or schema.encoding != "ros2msg":
        kind = f"{channel.message_encoding}, {schema.encoding if schema else 'no schema'}"
        raise DamagedFile(f"{where} is written as {kind}; only messages of ROS 2 (cdr, ros2msg) are read")
    try:
        return _decoder(schema.name, schema.data)(content)
    except Exception as error:  # of damaged bytes the decoder raises what it likes
        raise DamagedFile(f"{where} cannot be read as {schema.name}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=64)
def _decoder(name: str, text: bytes) -> Any:
    from mcap.records import Schema

    return DecoderFactory().decoder_for("cdr", Schema(id=1, name=name, encoding="ros2msg", data=text))


def stamp_of(recording: Recording, topic: str, index: int) -> int:
    """Nanoseconds of a message that begins with a ``std_msgs/Header``, of which no more is read."""
    *_, content = recording.message(topic, index)
    try:
        order = "<" if content[1] & 1 else ">"
        seconds, nanoseconds = struct.unpack_from(f"{order}iI", content, 4)
    except (struct.error, IndexError) as error:
        raise DamagedFile(f"{recording.path}, message {index} of {topic} has no time stamp") from error
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def time_of(header: Any) -> int:
    """Nanoseconds of a ``std_msgs/Header``."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def matrix_of(place: Any, turn: Any) -> Matrix:
    """[4, 4] of a translation or position and a quaternion; NaN where they are none."""
    where, quaternion = (place.x, place.y, place.z), (turn.w, turn.x, turn.y, turn.z)
    if not np.isfinite([*where, *quaternion]).all() or abs(np.linalg.norm(quaternion) - 1) > 1e-2:
        return np.full((4, 4), np.nan)
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation_from_quaternion(quaternion), where
    return rigid(result, "a transform")


def points_of(message: Any, path: Path, what: str, brightest: float) -> NDArray[np.float32]:
    """Points [n, 4] of a ``sensor_msgs/PointCloud2``, intensity 0..1, without those that are NaN: beams without a
    return. Raises DamagedFile."""
    try:
        order = ">" if message.is_bigendian else "<"
        kinds = {f.name: (order + _KINDS[f.datatype], f.offset) for f in message.fields if f.datatype in _KINDS}
        wanted = ["x", "y", "z", *(["intensity"] if brightest else [])]
        absent = [name for name in wanted if name not in kinds]
        if absent:
            raise DamagedFile(f"{path}, {what} has no field {', '.join(absent)}; it has {', '.join(kinds) or 'none'}")
        formats, offsets = [kinds[name][0] for name in wanted], [kinds[name][1] for name in wanted]
        row = np.dtype({"names": wanted, "formats": formats, "offsets": offsets, "itemsize": message.point_step})
        content, width, height = bytes(message.data), int(message.width), int(message.height)
        if message.row_step < width * message.point_step:
            raise ValueError(f"its rows of {width} points of {message.point_step} bytes have {message.row_step} bytes")
        if len(content) < height * message.row_step:
            raise ValueError(f"it has {len(content)} bytes, and {height} rows of {message.row_step}")
        if not content:
            raise DamagedFile(f"{path}, {what} is empty: it has no points")
        cloud: NDArray[np.void] = np.ndarray(
            (height, width), row, content, strides=(int(message.row_step), int(message.point_step))
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{path}, {what} is no cloud of points: {error}") from error
    points = np.zeros((cloud.size, 4), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for column, name in enumerate(wanted):
            points[:, column] = cloud[name].ravel()
    points = points[np.isfinite(points[:, :3]).all(axis=1)]
    kept = "the fields x, y, z" + (" and intensity of a message" if brightest else " of a message")
    return checked_points(path, points, ScanFormat(what, 4, brightest or 1.0, kept=kept))


def pixels_of(message: Any, path: Path, what: str) -> NDArray[np.uint8]:
    """[h, w, 3], RGB, of a ``sensor_msgs/Image`` or ``CompressedImage``. Raises DamagedFile."""
    try:
        if not hasattr(message, "encoding"):
            with Image.open(BytesIO(bytes(message.data)), formats=("PNG", "JPEG")) as image:
                return rgb(image)
        if message.encoding not in _PLAIN:
            known = ", ".join(_PLAIN)
            raise DamagedFile(f"{path}, {what} is encoded as {message.encoding!r}, which is none of {known}")
        size, order = _PLAIN[message.encoding]
        if message.step < message.width * size:
            raise ValueError(f"its rows of {message.width} pixels have {message.step} bytes")
        content = bytes(message.data)
        if len(content) < message.height * message.step or not len(content):
            raise ValueError(f"it has {len(content)} bytes, and {message.height} rows of {message.step}")
        shape, strides = (message.height, message.width, size), (message.step, size, 1)
        pixels: NDArray[np.uint8] = np.ndarray(shape, np.uint8, content, strides=strides)
        return np.ascontiguousarray(pixels[..., list(order)])
    except DamagedFile:
        raise
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error and more
        raise DamagedFile(f"{path}, {what} does not decode: {error}") from error
