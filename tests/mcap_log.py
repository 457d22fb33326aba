"""A tiny recording of ROS 2: a car that drives along x of the map at 10 m/s, with a LiDAR, a camera and odometry."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

START = 1_700_000_000_000_000_000
"""[ns] of the first sweep."""
TURN = 100_000_000
LATER = 20_000_000
"""[ns] from a sweep to its image."""
SPEED = 10.0
FRAMES = 4
TABLE = """lidar: {topic: /points, intensity: 255}
cameras:
  front: {topic: /image/compressed, info: /camera_info}
pose: {topic: /odom}
"""
_LINE = "=" * 80
_HEADER = """
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
_PLACED = """
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
"""
CLOUD = f"""std_msgs/Header header
uint32 height
uint32 width
sensor_msgs/PointField[] fields
bool is_bigendian
uint32 point_step
uint32 row_step
uint8[] data
bool is_dense{_HEADER}================================================================================
MSG: sensor_msgs/PointField
string name
uint32 offset
uint8 datatype
uint32 count
"""
COMPRESSED = f"std_msgs/Header header\nstring format\nuint8[] data{_HEADER}"
RAW = f"std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint32 step\nuint8[] data{_HEADER}"
INFO = (
    "std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k" + _HEADER
)
ODOMETRY = f"""std_msgs/Header header
string child_frame_id
geometry_msgs/PoseWithCovariance pose{_HEADER}{_PLACED}{_LINE}
MSG: geometry_msgs/PoseWithCovariance
geometry_msgs/Pose pose
float64[36] covariance
================================================================================
MSG: geometry_msgs/Pose
geometry_msgs/Vector3 position
geometry_msgs/Quaternion orientation
"""
TF = f"""geometry_msgs/TransformStamped[] transforms{_HEADER}{_PLACED}{_LINE}
MSG: geometry_msgs/TransformStamped
std_msgs/Header header
string child_frame_id
geometry_msgs/Transform transform
================================================================================
MSG: geometry_msgs/Transform
geometry_msgs/Vector3 translation
geometry_msgs/Quaternion rotation
"""


def header(stamp: int, frame: str) -> dict[str, Any]:
    return {"stamp": {"sec": stamp // 10**9, "nanosec": stamp % 10**9}, "frame_id": frame}


def vector(x: float, y: float, z: float) -> dict[str, float]:
    return {"x": x, "y": y, "z": z}


LEVEL = {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}
AHEAD = {"x": -0.5, "y": 0.5, "z": -0.5, "w": 0.5}
"""Of a camera that looks along x."""


def wall(number: int) -> np.ndarray:
    """Points [n, 4] in the LiDAR's frame, on the plane x = 15 m of the map; the last one is a beam without a return."""
    y, z = np.meshgrid(np.linspace(-4, 4, 9), np.linspace(-1, 1, 4))
    there = np.column_stack([np.full(y.size, 14.0 - SPEED * number / 10), y.ravel(), z.ravel(), np.full(y.size, 51)])
    return np.vstack([there, [[np.nan, np.nan, np.nan, 0]]]).astype("<f4")


def cloud(stamp: int, points: np.ndarray) -> dict[str, Any]:
    """x, y, z as float32 with a gap before intensity, as drivers align it."""
    rows = np.zeros((len(points), 8), "<f4")
    rows[:, :3], rows[:, 4] = points[:, :3], points[:, 3]
    names = {"x": 0, "y": 4, "z": 8, "intensity": 16}
    fields = [{"name": name, "offset": at, "datatype": 7, "count": 1} for name, at in names.items()]
    return {
        "header": header(stamp, "lidar_top"), "height": 1, "width": len(points), "fields": fields,
        "is_bigendian": False, "point_step": 32, "row_step": 32 * len(points), "data": rows.tobytes(),
        "is_dense": False,
    }  # fmt: skip


def jpeg(number: int) -> bytes:
    kept = BytesIO()
    Image.new("RGB", (64, 48), (40 * number, 0, 0)).save(kept, "JPEG")
    return kept.getvalue()


def write_recording(path: Path, frames: int = FRAMES, table: str = TABLE, **options: Any) -> Path:
    """``options`` are those of the writer (``chunk_size``, ``compression``)."""
    from mcap_ros2.writer import Writer

    with path.open("wb") as file:
        writer = Writer(file, **options)
        kinds = {"sensor_msgs/msg/PointCloud2": CLOUD, "sensor_msgs/msg/CompressedImage": COMPRESSED}
        kinds |= {"sensor_msgs/msg/CameraInfo": INFO, "nav_msgs/msg/Odometry": ODOMETRY, "tf2_msgs/msg/TFMessage": TF}
        points, image, info, odometry, tf = (writer.register_msgdef(name, text) for name, text in kinds.items())
        mounts = [("lidar_top", vector(1.0, 0, 1.5), LEVEL), ("front", vector(1.6, 0, 1.4), AHEAD)]
        transforms = [
            {"header": header(0, "base_link"), "child_frame_id": child, "transform": {"translation": t, "rotation": r}}
            for child, t, r in mounts
        ]
        writer.write_message("/tf_static", tf, {"transforms": transforms}, START, START)
        for number in range(frames):
            stamp = START + number * TURN
            writer.write_message("/points", points, cloud(stamp, wall(number)), stamp + 5, stamp)
            for moment in (stamp, stamp + TURN // 2):
                pose = {"position": vector(SPEED * (moment - START) * 1e-9, 0, 0), "orientation": LEVEL}
                told = {"header": header(moment, "map"), "child_frame_id": "base_link"}
                told |= {"pose": {"pose": pose, "covariance": [0.0] * 36}}
                writer.write_message("/odom", odometry, told, moment + 7, moment)
            shot = header(stamp + LATER, "front")
            calibration = {"header": shot, "height": 48, "width": 64, "distortion_model": "plumb_bob", "d": [0.0] * 5}
            calibration["k"] = [40.0, 0, 31.5, 0, 41, 23.5, 0, 0, 1]
            writer.write_message("/camera_info", info, calibration, stamp + LATER, stamp + LATER)
            taken = {"header": shot, "format": "jpeg", "data": jpeg(number)}
            writer.write_message("/image/compressed", image, taken, stamp + LATER, stamp + LATER)
        writer.finish()
    (path.parent / "topics.yaml").write_text(table)
    return path
