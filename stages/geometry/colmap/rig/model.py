"""The way of a rig and how its cameras sit, as all of their images have it; and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.colmap.database import MIDDLE
from occlabel.stages.geometry.colmap.mapping import FAR_AWAY, PARTS
from occlabel.stages.geometry.colmap.rig.mapper import Mapper, ways_of
from occlabel.stages.geometry.colmap.rig.views import Shared, Views

_LAID = 0.2
"""Share of what two cameras see both that must be points of the model for the rest to say nothing."""


@dataclass(frozen=True)
class RigModel:
    """``world_from_camera`` [frame, 4, 4] of the first camera, NaN of a frame without a place; ``points`` [frame] are
    how many it sees; ``first_from_camera`` [4, 4] and ``intrinsics`` [3, 3] by name. ``error`` [pixels] of points in
    the middle of all, ``near`` the inverse depth at the upper quartile of what the first camera sees. ``one`` is the
    share of what a camera and others see both that is one point of the model and not two, None where nothing is
    shared. ``unsure`` are deviations of focal lengths that were found, and ``length`` of all lengths where cameras sit
    as was given, as shares."""

    world_from_camera: NDArray[np.float64]
    points: NDArray[np.int64]
    first_from_camera: dict[str, Matrix]
    intrinsics: dict[str, Matrix]
    error: float
    near: float
    one: dict[str, float | None]
    unsure: dict[str, float]
    length: float


def adjusted(
    path: Path, views: Views, way: NDArray[np.float64], told: tuple[set[str], bool, int], shared: Shared
) -> RigModel:
    """Of the rig in the database at ``path``, from a ``way`` [frame, 4, 4] of its first camera. ``told``: names of the
    cameras whose focal length is to be found, whether cameras sit as the rig says, and the seed."""
    mapper = Mapper(path, views, *told)
    mapper.put(way)
    mapper.adjust()
    model, frames = mapper.model, len(way)
    poses, points = np.full((frames, 4, 4), np.nan), np.zeros(frames, np.int64)
    for number, pose in ways_of(model, views).items():
        poses[number] = pose
    depths: list[NDArray[np.float64]] = []
    for (name, number), image in mapper.images():
        if name == views.names[0] and image.has_pose:
            seen = [model.point3D(point.point3D_id).xyz for point in image.points2D if point.has_point3D()]
            points[number] = len(seen)
            if seen:
                back = image.cam_from_world().matrix()
                depths.append(np.array(seen) @ back[2, :3] + back[2, 3])
    deep = np.concatenate(depths) if depths else np.zeros(0)
    near = float(np.quantile(1 / deep[deep > 0], FAR_AWAY)) if (deep > 0).any() else 0.0
    unsure, length = _halves(mapper, told[0], told[1])
    error = float(np.median([point.error for point in model.points3D.values()])) if model.num_points3D() else np.inf
    k = {name: _intrinsics(model.camera(number)) for number, name in enumerate(views.names, 1)}
    return RigModel(poses, points, _sits(model, views), k, error, near, _one(mapper, shared), unsure, length)


def _halves(mapper: Mapper, found: set[str], fixed: bool) -> tuple[dict[str, float], float]:
    """Halves of the frames are adjusted alone, and would agree in focal lengths and lengths if they told them."""
    if not found and not fixed:
        return {}, np.inf
    off: dict[str, list[float]] = {name: [] for name in found}
    lengths = []
    whole = ways_of(mapper.model, mapper.views)
    for block, side in PARTS:
        half = mapper.half(block, side)
        if half is None:
            return dict.fromkeys(found, np.inf), np.inf
        for number, name in enumerate(mapper.views.names, 1):
            if name in found:
                both = half.camera(number).mean_focal_length(), mapper.model.camera(number).mean_focal_length()
                off[name].append(abs(np.log(max(both[0], 1e-6) / both[1])))
        way = ways_of(half, mapper.views)
        both = _long(way, sorted(way)), _long(whole, sorted(way))
        lengths.append(abs(np.log(max(both[0], 1e-9) / max(both[1], 1e-9))))
    # A half deviates by the root of two more than the whole does.
    unsure = {name: float(max(each) / np.sqrt(2)) for name, each in off.items()}
    return unsure, float(max(lengths) / np.sqrt(2)) if fixed else np.inf


def _long(way: dict[int, Matrix], numbers: list[int]) -> float:
    places = np.array([way[number][:3, 3] for number in numbers])
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())


def _sits(model: pycolmap.Reconstruction, views: Views) -> dict[str, Matrix]:
    result = {views.names[0]: np.eye(4)}
    (rig,) = model.rigs.values()
    for sensor, place in rig.non_ref_sensors.items():
        result[views.names[sensor.id - 1]] = np.vstack([place.inverse().matrix(), [0.0, 0, 0, 1]])
    return result


def _intrinsics(camera: pycolmap.Camera) -> Matrix:
    result = np.array(camera.calibration_matrix(), np.float64)
    result[:2, 2] -= MIDDLE
    return result


def _one(mapper: Mapper, shared: Shared) -> dict[str, float | None]:
    points = {
        key: np.array([point.point3D_id if point.has_point3D() else -1 for point in image.points2D], np.int64)
        for key, image in mapper.images()
        if image.has_pose
    }
    counts = {name: np.zeros(3, np.int64) for name in mapper.views.names}
    for (one, other), kept in shared.items():
        if one[0] != other[0] and one in points and other in points:
            rows, columns = points[one][kept[:, 0]], points[other][kept[:, 1]]
            laid = (rows >= 0) & (columns >= 0)
            for name in (one[0], other[0]):
                counts[name] += int((laid & (rows == columns)).sum()), int(laid.sum()), len(kept)
    return {name: _share(*each) for name, each in counts.items()}


def _share(same: int, laid: int, every: int) -> float | None:
    """What only two images see is laid out by neither, and says nothing; where next to nothing is, that says it."""
    return None if not every else float(same / max(laid, _LAID * every))
