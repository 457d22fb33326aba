"""How cameras sit beside the first of a rig: as is known of the car, or as images say that were placed one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.stage import Inputs
from occlabel.stages.geometry.colmap.rig.mapper import Mapper
from occlabel.stages.geometry.colmap.rig.views import Views

_FEWEST = 3
"""Frames in which an image must be placed for them to say how its camera sits."""
_TURNED = 2.0
"""Degrees by which half of them may differ from the middle of all; of those that were right it was 0.3."""


@dataclass(frozen=True)
class Sits:
    """``first_from_camera`` [4, 4] in the middle of ``frames``, half of which are ``turned`` [degrees] from it."""

    first_from_camera: Matrix
    frames: int
    turned: float

    @property
    def fault(self) -> str | None:
        """Why this says nothing, as the second half of a sentence about the camera."""
        if self.frames < _FEWEST:
            return f"sees too little of what others see ({self.frames} of its images could be placed)"
        if self.turned > _TURNED:
            return f"is not rigidly fixed beside it: its images lie {self.turned:.1f} degrees now here and now there"
        return None


def middle(relative: NDArray[np.float64]) -> Sits:
    """Of ``first_from_camera`` [n, 4, 4] in frames."""
    result = np.eye(4)
    if not len(relative):
        return Sits(result, 0, 0.0)
    # The frame whose rotation is nearest to all others: a mean would be drawn aside by what was placed wrongly.
    turns = Rotation.from_matrix(relative[:, :3, :3])
    apart = np.array([np.median((turns * one.inv()).magnitude()) for one in turns])
    result[:3, :3] = relative[int(apart.argmin()), :3, :3]
    result[:3, 3] = np.median(relative[:, :3, 3], axis=0)
    return Sits(result, len(relative), float(np.degrees(apart.min())))


def known(inputs: Inputs, names: Sequence[str]) -> dict[str, Sits] | None:
    """As the log has it of cameras, the first of which is that of the rig; None where it does not know."""
    frames = range(len(inputs.frames))
    mounted = {name: [inputs.extrinsics(number, name) for number in frames] for name in names}
    result = {}
    for name in names[1:]:
        both = zip(mounted[names[0]], mounted[name], strict=True)
        relative = [inverse(one) @ other for one, other in both if one is not None and other is not None]
        if not relative:
            return None
        result[name] = middle(np.array(relative))
    return result


def found(path: Path, views: Views, way: NDArray[np.float64], lenses: set[str], seed: int) -> dict[str, Sits]:
    """By images of the other cameras, each placed by what the first one saw from its ``way`` [frame, 4, 4]. Focal
    lengths of ``lenses`` are found with them, and kept in the database."""
    mapper = Mapper(path, views, lenses - {views.names[0]}, False, seed)
    mapper.put(way)
    mapper.place_others()
    placed: dict[str, list[Matrix]] = {name: [] for name in views.names}
    for (name, number), image in mapper.images():
        if image.has_pose and not np.isnan(way[number]).any():
            back = np.vstack([image.cam_from_world().inverse().matrix(), [0.0, 0, 0, 1]])
            placed[name].append(inverse(way[number]) @ back)
    with pycolmap.Database.open(path) as database:
        for camera in mapper.model.cameras.values():
            database.update_camera(camera)
    return {name: middle(np.array(placed[name])) for name in views.names[1:]}


def apply(path: Path, views: Views, sits: Mapping[str, Sits]) -> None:
    """Writes a rig into the database."""
    cameras = []
    for place, name in enumerate(views.names):
        camera = pycolmap.RigConfigCamera()
        camera.image_prefix, camera.ref_sensor = f"{place}/", place == 0
        if place:
            camera.cam_from_rig = pycolmap.Rigid3d(inverse(sits[name].first_from_camera)[:3])
        cameras.append(camera)
    rig = pycolmap.RigConfig()
    rig.cameras = cameras
    with pycolmap.Database.open(path) as database:
        pycolmap.apply_rig_config([rig], database)
