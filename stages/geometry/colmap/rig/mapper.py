"""COLMAP's own steps over a database, one by one: images are put where they are known to be, others are placed by the
points that these see, and all is adjusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.colmap.rig.views import Image, Views

_LEAST = 15
"""Matches that two images must share."""
_STEPS, _DONE = 50, 1e-6
"""Iterations of an adjustment at most, and the share of its cost below which one is the last."""
_ROUNDS, _CHANGED = 3, 5e-4
"""Adjustments, after each of which points are found anew, and the share of points that must change for another."""


class Mapper:
    """Over the database at ``path``; ``found`` are the names of cameras whose focal length is to be adjusted.
    ``fixed``: cameras sit as the rig says that is in the database."""

    def __init__(self, path: Path, views: Views, found: set[str], fixed: bool, seed: int) -> None:
        told = pycolmap.DatabaseCacheOptions()
        told.min_num_matches = _LEAST
        with pycolmap.Database.open(path) as database:
            self._cache = pycolmap.DatabaseCache.create(database, told)
        self.model = pycolmap.Reconstruction()
        self.model.load(self._cache)
        self.views, self._found, self._fixed = views, found, fixed
        self._how, self._points = pycolmap.IncrementalMapperOptions(), pycolmap.IncrementalTriangulatorOptions()
        self._how.num_threads, self._how.random_seed, self._points.random_seed = 1, seed, seed
        self._how.constant_cameras = {n for n, name in enumerate(views.names, 1) if name not in found}
        self._how.abs_pose_refine_focal_length = bool(found)
        if fixed:
            self._how.constant_rigs = set(self.model.rigs.keys())
        self._mapper = pycolmap.IncrementalMapper(self._cache)

    def images(self) -> Iterator[tuple[Image, pycolmap.Image]]:
        """Of the model."""
        for image in self.model.images.values():
            yield self.views.image(image.name), image

    def put(self, world_from_camera: NDArray[np.float64]) -> None:
        """Places the images of the first camera [frame, 4, 4], and with them those that sit beside it, if they do."""
        for (name, number), image in list(self.images()):
            if name == self.views.names[0] and not np.isnan(world_from_camera[number]).any():
                place = pycolmap.Rigid3d(inverse(world_from_camera[number])[:3])
                self.model.frame(image.frame_id).rig_from_world = place
                self.model.register_frame(image.frame_id)
        self._mapper.begin_reconstruction(self.model)
        for _, image in list(self.images()):
            if image.has_pose:
                self._mapper.triangulate_image(self._points, image.image_id)

    def place_others(self) -> None:
        """Images of the other cameras, one by one, by the points that are there; those that were put stay."""
        self._how.fix_existing_frames = True
        while self._place_one():
            pass
        self.adjust()

    def _place_one(self) -> bool:
        for number in self._mapper.find_next_images(self._how, False):
            if self._mapper.register_next_image(self._how, number):
                self._mapper.triangulate_image(self._points, number)
                near = self.adjustment()
                self._mapper.iterative_local_refinement(2, 1e-3, self._how, near, self._points, number)
                return True
        return False

    def adjust(self) -> None:
        """Places, points, and what else is to be found, until points stay."""
        self._solve(self.model)
        told = self.adjustment()
        self._mapper.iterative_global_refinement(_ROUNDS, _CHANGED, self._how, told, self._points, False)
        self._solve(self.model)

    def adjustment(self) -> pycolmap.BundleAdjustmentOptions:
        """Things move by themselves, so that what is far off counts less."""
        told = pycolmap.BundleAdjustmentOptions(refine_extra_params=False, print_summary=False)
        told.refine_focal_length, told.refine_sensor_from_rig = bool(self._found), not self._fixed
        told.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
        told.ceres.solver_options.num_threads = 1
        told.ceres.solver_options.max_num_iterations = _STEPS
        told.ceres.solver_options.function_tolerance = _DONE
        return told

    def half(self, block: int, side: int) -> pycolmap.Reconstruction | None:
        """Every second block of frames adjusted alone; None where too few are left."""
        half = pycolmap.Reconstruction(self.model)
        dropped = {i.frame_id for i in half.images.values() if self.views.image(i.name)[1] // block % 2 != side}
        for frame in dropped & set(half.reg_frame_ids()):
            half.deregister_frame(frame)
        if len(half.reg_frame_ids()) < 3:
            return None
        self._solve(half)
        return half

    def _solve(self, model: pycolmap.Reconstruction) -> None:
        """The first frame stays; lengths are free, and are told by how cameras sit where that is fixed."""
        what = pycolmap.BundleAdjustmentConfig()
        for image in model.images.values():
            if image.has_pose:
                what.add_image(image.image_id)
        for camera in self._how.constant_cameras:
            what.set_constant_cam_intrinsics(camera)
        what.set_constant_rig_from_world_pose(min(model.reg_frame_ids()))
        pycolmap.create_default_bundle_adjuster(self.adjustment(), what, model).solve()


def ways_of(model: pycolmap.Reconstruction, views: Views) -> dict[int, Matrix]:
    """``world_from_camera`` [4, 4] of the first camera by number of the frame."""
    result = {}
    for image in model.images.values():
        name, number = views.image(image.name)
        if name == views.names[0] and image.has_pose:
            result[number] = np.vstack([image.cam_from_world().inverse().matrix(), [0.0, 0, 0, 1]])
    return result
