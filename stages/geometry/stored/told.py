"""What of files does not fit a log though they are used, in sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import of_same_form
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.scan_facts import climb, driving_direction
from occlabel.stages.geometry.stored.model import FILES, Model

_CLIMBS = 0.5
"""Share of the way along z that no car drives."""
_BENT = 1.0
"""Pixels by which a lens may bend the corner of an image before it is told."""


def of_motion(poses: NDArray[np.float64], of: str) -> list[str]:
    """Whether ``ego`` or ``lidar`` moves as a car does by its ``poses`` [frame, 4, 4], NaN of a frame without one."""
    known = list(poses[~np.isnan(poses).any(axis=(1, 2))])
    if (climb(known) or 0.0) > _CLIMBS:
        return [f"by these poses {of} moves along its own z, as a camera does that looks ahead: set geometry.of to it"]
    ahead = driving_direction(known)
    if of == "ego" and ahead is not None and ahead[0] < 0:
        return ["by these poses the car drives backwards: are they world from car, and not the other way round?"]
    return []


def of_model(model: Model, log: LogFacts, alone: str | None) -> list[str]:
    """``alone``: see ``Model.by_frame``. Raises BadLog where no image is of a
    frame."""
    cameras, listed = (model.path / name for name in FILES)
    images, strange = model.by_frame(log.rig.names, log.names, alone)
    if not images:
        raise BadLog(
            f"no image of {listed} is of a frame, such as {strange[0]}: images are named like frames, such as "
            f"{log.names[0]}, in folders named like cameras ({', '.join(log.rig.names)}) where there are several"
        )
    said = []
    if model.odd:
        lines = f"{len(model.odd)} lines are neither of an image nor of its points, such as line {model.odd[0]}"
        said.append(f"{listed}: {lines}")
    if strange:
        said.append(f"{len(strange)} of {len(model.images)} images of {listed} are of no frame, such as {strange[0]}")
    for camera, shots in images.items():
        if lacking := [name for row, name in enumerate(log.names) if row not in shots]:
            said.append(f"{listed} has no image of {camera} of {len(lacking)} frames, such as {lacking[0]}")
        size = log.rig.camera(camera).size
        lens = max((image.lens for image in shots.values()), key=lambda lens: lens.bends)
        if lens.bends > _BENT:
            said.append(
                f"{cameras}: the lens of {camera} bends images by up to {lens.bends:.0f} pixels, which is not taken "
                "out: undistort them (colmap image_undistorter), and give the model that comes out"
            )
        if size is not None and not of_same_form(lens.size, size):
            said.append(
                f"{cameras}: K of {camera} is of images of {lens.size[0]}x{lens.size[1]}, which those of "
                f"{size[0]}x{size[1]} cannot come from by scaling alone; it is not used"
            )
    return said
