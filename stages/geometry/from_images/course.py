"""How a camera moved through images, in a length of its own: what metres are looked for of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Course:
    """``world_from_camera`` [image, 4, 4], NaN of an image that could not be placed; ``points`` [image] so many known
    points it sees where they should be. ``near`` is the inverse depth at the upper quartile of points. All in a length
    of its own."""

    world_from_camera: NDArray[np.float64]
    points: NDArray[np.int64]
    near: float
