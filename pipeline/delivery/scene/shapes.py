"""What can be seen in a scene, as plain arrays: what draws it is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid

Path = tuple[str, ...]
"""Where a thing hangs, from the root: what it hangs on moves it."""
WORLD: Path = ("world",)
FRAME: Path = ("world", "frame")
"""What is fixed to the car: its coordinates are those that the grid is in [m]."""
NOTES: Path = ("notes",)
ABOUT: Path = ("about",)


@dataclass(frozen=True)
class Placed:
    """Where a path is: [4, 4] from its coordinates into those of the path above."""

    pose: Matrix


@dataclass(frozen=True)
class Voxels:
    """Cells [n, 3] of the scene's grid and their colours [n, 3]."""

    cells: NDArray[np.int32]
    colours: NDArray[np.uint8]


@dataclass(frozen=True)
class Points:
    """Places [n, 3] and their colours [n, 3]."""

    places: NDArray[np.float64]
    colours: NDArray[np.uint8]


@dataclass(frozen=True)
class Lines:
    """Ways of [k, 3] places and a colour each [n, 3]."""

    ways: tuple[NDArray[np.float64], ...]
    colours: NDArray[np.uint8]


@dataclass(frozen=True)
class Arrows:
    """From places [n, 3], each by a vector [n, 3], in colours [n, 3]."""

    places: NDArray[np.float64]
    vectors: NDArray[np.float64]
    colours: NDArray[np.uint8]


@dataclass(frozen=True)
class Boxes:
    """Upright boxes: [n, 7] of ``whole_boxes``, what is written at each, and colours [n, 3]."""

    boxes: NDArray[np.float64]
    names: tuple[str, ...]
    colours: NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """What a camera saw, as JPEG. ``intrinsics`` [3, 3] are of its pixels; None: not known, so it hangs in no space."""

    jpeg: bytes
    size: tuple[int, int]
    """Width and height."""
    intrinsics: Matrix | None = None


@dataclass(frozen=True)
class Text:
    """Markdown."""

    words: str


Shape = Placed | Voxels | Points | Lines | Arrows | Boxes | Picture | Text


@dataclass(frozen=True)
class Moment:
    """What is seen in one frame. What was seen before and is not here is gone."""

    index: int
    """Of the frame in its log."""
    seconds: float
    """Since the first frame."""
    shapes: dict[Path, Shape]


@dataclass(frozen=True)
class Scene:
    """What holds for all moments."""

    title: str
    grid: Grid
    always: dict[Path, Shape] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()
    """What is not shown until it is asked for."""
    cameras: tuple[Path, ...] = ()
