"""The cameras and points that explain a database of COLMAP: all rotations first and then all places (Pan et al.,
Global structure-from-motion revisited, 2024), or one image after the other (Schönberger and Frahm, Structure-from-
motion revisited, 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pycolmap
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.colmap.database import MIDDLE

How = Literal["global", "incremental"]
_ANGLE, _AHEAD = 4.0, 1.0
"""Degrees between rays to begin with, and how much of the motion may be ahead: by COLMAP's own 16 and 0.95 a camera
that drives ahead never begins."""
FAR_AWAY = 0.75
_STEPS = 300
"""Iterations at most when a focal length is found anew."""
PARTS = ((1, 0), (1, 1), (4, 0), (4, 1))
"""Every second frame, and every second block of four, from the first and from the second on."""


@dataclass(frozen=True)
class Model:
    """``world_from_camera`` [frame, 4, 4] in a length of its own, NaN of a frame that has no place; ``points`` [frame]
    are how many it sees. ``intrinsics`` is K [3, 3]; ``error`` [pixels] of points in the middle of all, ``angle``
    [degrees] between the rays of a point that lie farthest apart, in the middle of all points; ``near`` is the inverse
    depth at the upper quartile. ``unsure`` is the deviation of the focal length, as a share of it, 0 of one that was
    given; ``parts`` says of how many models this one is the largest."""

    world_from_camera: NDArray[np.float64]
    points: NDArray[np.int64]
    intrinsics: Matrix
    error: float
    angle: float
    near: float
    unsure: float
    parts: int


def mapped(path: Path, how: How, frames: int, known: bool, seed: int) -> Model | None:
    """Of the database at ``path``, whose images are named by their frame; ``known``: its focal length is to be kept.
    None where nothing can be built."""
    into = path.parent / how
    into.mkdir()
    built = _global(path, into, known, seed) if how == "global" else _incremental(path, into, known, seed)
    if not built:
        return None
    model = max(built.values(), key=lambda one: int(one.num_reg_images()))
    if model.num_reg_images() < 2 or not model.num_points3D():
        return None
    return _read(model, frames, 0.0 if known else _unsure(model), len(built))


def _global(path: Path, into: Path, known: bool, seed: int) -> dict[int, pycolmap.Reconstruction]:
    if not known:
        pycolmap.calibrate_view_graph(path, pycolmap.ViewGraphCalibrationOptions(random_seed=seed))
    told = pycolmap.GlobalPipelineOptions(num_threads=1, random_seed=seed)
    told.mapper.num_threads, told.mapper.random_seed = 1, seed
    told.mapper.global_positioning.use_gpu = told.mapper.bundle_adjustment.ceres.use_gpu = False
    told.mapper.bundle_adjustment.refine_focal_length = not known
    return dict(pycolmap.global_mapping(path, path.parent, into, told))


def _incremental(path: Path, into: Path, known: bool, seed: int) -> dict[int, pycolmap.Reconstruction]:
    told = pycolmap.IncrementalPipelineOptions(num_threads=1, random_seed=seed, extract_colors=False)
    told.mapper.num_threads, told.mapper.random_seed = 1, seed
    told.mapper.init_min_tri_angle, told.mapper.init_max_forward_motion = _ANGLE, _AHEAD
    told.ba_refine_focal_length = told.mapper.abs_pose_refine_focal_length = not known
    return dict(pycolmap.incremental_mapping(path, path.parent, into, told))


def _unsure(model: pycolmap.Reconstruction) -> float:
    """Deviation of the focal length: halves of the frames are adjusted alone, and would agree if they told it."""
    whole, off = _focal(model), []
    for block, side in PARTS:
        half = pycolmap.Reconstruction(model)
        dropped = [image.frame_id for image in half.images.values() if int(image.name) // block % 2 != side]
        for frame in set(dropped) & set(half.reg_frame_ids()):
            half.deregister_frame(frame)
        if half.num_reg_images() < 3:
            return float("inf")
        told = pycolmap.BundleAdjustmentOptions(refine_extra_params=False)
        told.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
        told.ceres.solver_options.num_threads = 1
        told.ceres.solver_options.max_num_iterations = _STEPS
        pycolmap.bundle_adjustment(half, told)
        off.append(abs(np.log(max(_focal(half), 1e-6) / whole)))
    # A half deviates by the root of two more than the whole does.
    return float(max(off) / np.sqrt(2))


def _focal(model: pycolmap.Reconstruction) -> float:
    (camera,) = model.cameras.values()
    return float(camera.mean_focal_length())


def _read(model: pycolmap.Reconstruction, frames: int, unsure: float, parts: int) -> Model:
    poses, points = np.full((frames, 4, 4), np.nan), np.zeros(frames, np.int64)
    depths = []
    for image in model.images.values():
        if not image.has_pose:
            continue
        number, back = int(image.name), image.cam_from_world()
        poses[number] = np.eye(4)
        poses[number, :3] = back.inverse().matrix()
        seen = [model.point3D(point.point3D_id).xyz for point in image.points2D if point.has_point3D()]
        points[number] = len(seen)
        if seen:
            depths.append(np.array(seen) @ back.matrix()[2, :3] + back.matrix()[2, 3])
    (camera,) = model.cameras.values()
    intrinsics = np.array(camera.calibration_matrix(), np.float64)
    intrinsics[:2, 2] -= MIDDLE
    deep = np.concatenate(depths) if depths else np.zeros(0)
    near = float(np.quantile(1 / deep[deep > 0], FAR_AWAY)) if (deep > 0).any() else 0.0
    error = float(np.median([point.error for point in model.points3D.values()]))
    return Model(poses, points, intrinsics, error, _angle(model, poses), near, unsure, parts)


def _angle(model: pycolmap.Reconstruction, poses: NDArray[np.float64]) -> float:
    numbers = {identity: int(image.name) for identity, image in model.images.items()}
    widest = []
    for point in model.points3D.values():
        places = np.array([poses[numbers[seen.image_id], :3, 3] for seen in point.track.elements])
        rays = places - point.xyz
        rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
        widest.append(float(np.arccos(np.clip((rays @ rays.T).min(), -1, 1))))
    return float(np.degrees(np.median(widest)))
