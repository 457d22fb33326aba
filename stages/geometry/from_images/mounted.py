"""The camera that poses are found with: how high above the road it sits."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.errors import BadLog
from occlabel.schemas.rig import RigCamera
from occlabel.schemas.stage import Clip, Inputs


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
