"""What a drive through the town records: the link between the simulator and the writers of data set layouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.stages.town.sensors.response import HDL64, Response


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A camera of a rig. ``size`` (width, height) and K [3, 3] are those of the images that are rendered."""

    name: str
    size: tuple[int, int]
    intrinsics: Matrix
    ego_from_camera: Matrix


@dataclass(frozen=True, slots=True)
class LidarModel:
    """A spinning LiDAR. ``elevations`` [beams] in radians, top beam first; ``azimuths`` [columns] in radians, in firing
    order over one turn; points beyond ``max_range`` [m] are lost; ``range_noise`` is one sigma [m]."""

    ego_from_lidar: Matrix
    elevations: NDArray[np.float64]
    azimuths: NDArray[np.float64]
    max_range: float
    range_noise: float
    dropout: float
    response: Response = HDL64


@dataclass(frozen=True, slots=True)
class Rig:
    """The sensors of a car, the grid that truth is wanted on, and the rate of frames [Hz]."""

    lidar: LidarModel
    cameras: tuple[CameraModel, ...]
    grid: Grid
    rate: float
    ego_height: float = 0.0
    """Height of the ego frame's origin above the ground [m]."""


@dataclass(frozen=True, slots=True)
class TownBox:
    """A thing near the car. ``object_id`` (1..65535) is constant over the log; ``size`` is length, width, height
    [m]."""

    object_id: int
    kind: int
    world_from_box: Matrix
    size: tuple[float, float, float]
    velocity: tuple[float, float]
    """Metres per second along world x and y; non-zero: the object moves."""
    lidar_points: int


@dataclass(frozen=True, slots=True)
class TownScan:
    """One turn of the LiDAR, motion-compensated to the frame's time as data sets publish it."""

    points: NDArray[np.float32]
    """[n, 4]: x, y, z [m] in the LiDAR frame and intensity 0..1."""
    kinds: NDArray[np.uint8]
    """[n] town kind ids."""
    objects: NDArray[np.uint16]
    """[n] object ids, 0 for stuff."""
    moving: NDArray[np.bool_]
    """[n] whether the object moves."""
    rings: NDArray[np.uint8]
    """[n] beam index."""


@dataclass(frozen=True, slots=True)
class TownImage:
    """One rendered image with its exact depth (along the optical axis) and segmentation."""

    pixels: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    depth: NDArray[np.float32]
    """[h, w] metres, inf for the sky."""
    kinds: NDArray[np.uint8]
    """[h, w] town kind ids, 0 for the sky."""
    objects: NDArray[np.uint16]
    """[h, w] object ids, 0 for stuff and the sky."""


@dataclass(frozen=True, slots=True)
class TownTruth:
    """Exact occupancy of the frame on the rig's grid; every array [x, y, z]."""

    kinds: NDArray[np.uint8]
    """Town kind ids, FREE where empty (also inside solids that no sensor can ever see: they are never ``seen``)."""
    objects: NDArray[np.uint16]
    """Object ids, 0 for stuff and free."""
    moving: NDArray[np.bool_]
    """Voxels of objects that move."""
    seen_now: NDArray[np.bool_]
    """Seen by this frame's LiDAR: a ray passed through the voxel or ended in it."""
    seen_ever: NDArray[np.bool_]
    """Seen by the LiDAR of any frame of the log near enough (the SemanticKITTI rule; ``.invalid`` is the
    complement)."""
    seen_by_cameras: NDArray[np.bool_]
    """In a camera's frustum and not behind the first occupied voxel along the ray (Occ3D ``mask_camera``)."""
    hit_now: NDArray[np.bool_]
    """Voxels that hold at least one point of this frame's scan."""


@dataclass(frozen=True, slots=True)
class TownFrame:
    """Everything recorded at one moment. ``truth`` is None when it was not asked for."""

    time: float
    world_from_ego: Matrix
    scan: TownScan
    images: dict[str, TownImage]
    boxes: tuple[TownBox, ...]
    truth: TownTruth | None
