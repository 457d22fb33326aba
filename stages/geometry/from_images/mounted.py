"""The camera that poses are found with: how high above the road it sits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.rig import RigCamera
from occlabel.schemas.stage import Clip, Inputs

_ALONG, _BELOW = np.cos(np.deg2rad(45.0)), np.cos(np.deg2rad(30.0))
"""Of the angles between x and where the car drives, and between -z and the road, beyond which extrinsics are wrong."""


def lacks_height(camera: RigCamera, given: float | None) -> str | None:
    """Why the height [m] of a camera above the road is not known, where ``given`` is what an option says of it."""
    if given is not None or camera.height is not None or camera.extrinsics:
        return None
    return (
        f"how high {camera.name} sits above the road is not known, and images alone tell no metres: write its height "
        "into calibration.yaml, or set geometry.camera_height"
    )


def height_of(camera: RigCamera, given: float | None, inputs: Inputs, clip: Clip) -> float:
    """Metres of the camera above the road. Raises BadLog where the place on the car does not tell it."""
    height = given or camera.height
    if height is not None:
        return height
    mounted = [inputs.extrinsics(row, camera.name) for row in inputs.own(clip)]
    above = [place[2, 3] - (inputs.seen.ground_in_ego or 0.0) for place in mounted if place is not None]
    if not above or not 0.3 < np.median(above) < 10:
        raise BadLog(
            f"log {clip.log}: where {camera.name} sits on the car does not say how high above the road; set "
            "geometry.camera_height, or write its height into calibration.yaml"
        )
    return float(np.median(above))


def refuse_contradicted(
    log: str, camera: str, ego_from_camera: Matrix, down: NDArray[np.float64], poses: Sequence[Matrix]
) -> None:
    """Raises BadLog for a place on the car that images contradict: ``down`` [3], of length 1, points to the road in the
    camera, which moves by its ``poses`` (world from camera, in time, in any unit). Whether forth or back is not asked:
    cars reverse."""
    turn = ego_from_camera[:3, :3]
    ways = np.array([turn @ (inverse(one) @ other)[:3, 3] for one, other in pairwise(poses)]).reshape(-1, 3)
    length = float(np.linalg.norm(ways, axis=1).sum())
    along, below = float(np.abs(ways[:, 0]).sum()), float(-(turn @ down)[2])
    if along >= _ALONG * length and below >= _BELOW:
        return
    wrong = f"drives {along / length:.0%} of its way along x" if along < _ALONG * length else ""
    angle = float(np.degrees(np.arccos(np.clip(below, -1, 1))))
    tilted = f"has the road {angle:.0f} degrees off -z" if below < _BELOW else ""
    raise BadLog(
        f"log {log}: by the extrinsics of {camera} and what it sees, the car "
        f"{' and '.join(filter(None, (wrong, tilted)))}: extrinsics are ego_from_camera, x ahead and z up on the car, "
        "z ahead and y down in the camera, and not camera_from_ego: write the inverse, or leave them out"
    )
