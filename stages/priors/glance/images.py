"""Which images of a clip the network can be asked about: those that can be read, of a camera whose K is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Clip, Inputs


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """One image and how it was taken."""

    n: int
    """Its frame, counted from the first of the clip."""
    image: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    intrinsics: Matrix
    """K [3, 3] in pixels."""


def views(clip: Clip, inputs: Inputs, camera: str) -> Iterator[Calibrated]:
    """Those of ``camera``, frame by frame."""
    for n, row in enumerate(inputs.own(clip)):
        intrinsics = inputs.intrinsics(row, camera)
        image = None if intrinsics is None else inputs.image(row, camera)
        if image is not None and intrinsics is not None:
            yield Calibrated(n, image, intrinsics)


def uncalibrated(rig: Rig) -> list[str]:
    """Names of the cameras whose K is not known."""
    return [camera.name for camera in rig.cameras if not camera.intrinsics]
