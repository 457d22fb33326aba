"""Ground told apart by intensity, as a stage."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import CONFIDENCE, KEPT_CONFIDENCE, POSES, SEMANTICS, ArraySpec
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.schemas.words import meant
from occlabel.stages.ground.cells import Seen, driven, seen_ground
from occlabel.stages.ground.naming import tell_apart
from occlabel.stages.ground.window import Ground, Names, Places
from occlabel.stages.sensing.scan import scan_in_grid

_POINT = 32
"""Bytes of a point on the ground: where, how bright, how far, what it is called and how surely."""
_POINTS = 150_000
"""Of a sweep of 128 beams, on the ground."""


class GroundByIntensity(Stage):
    """Grown or paved ground, told apart by how bright the ground of the log itself is.

    A completion network knows ground by its shape, and a mown verge has the shape of a road. A LiDAR at 905 nm sees
    grass brighter than asphalt, but how bright is another matter with each sensor and street; so it is learned from
    the labels of the frames around, mostly of what is near (``brightness.py``), and how it fades with the distance from
    ground that is seen from several (``fading.py``). A label is changed where brightness and its confidence together
    speak for the other. Ground without intensity or a pose, and all that is not ground, keep their labels.
    """

    slot: ClassVar[str] = "ground"
    version: ClassVar[int] = 3
    senses: ClassVar[tuple[Sensor, ...]] = ("points",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE, POSES)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, KEPT_CONFIDENCE)

    kind: Literal["intensity"] = "intensity"
    grown: tuple[str, ...] = ("terrain",)
    """Classes of ground that is bright because something grows on it; what the taxonomy lacks does not count."""
    paved: tuple[str, ...] = ("road", "parking", "sidewalk", "other-ground", "driveable_surface", "other_flat")
    """Classes of ground that people have made."""
    radius: int = Field(default=20, ge=0, le=500)
    """Frames before and after each that are learned from as well."""

    @property
    def halo(self) -> int:
        return self.radius

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; labels and ground of the window; the clip's labels with the shards that are made of them."""
        window = clip_frames + 2 * self.radius
        voxels = 2 * (window + 2 * clip_frames) * space.grid.voxels
        return Resources(memory=(400 << 20) + voxels + window * _POINTS * _POINT)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        names = space.taxonomy.names
        for what in ("grown", "paved"):
            wanted: tuple[str, ...] = getattr(self, what)
            usual = type(self).model_fields[what].default
            if (strange := next((name for name in wanted if name not in (*names, *usual)), None)) is not None:
                return f"ground.{what} names {strange!r}, no class of {space.taxonomy.name}{meant(strange, names)}"
            if not wanted:
                return f"ground.{what} is empty: name classes of {space.taxonomy.name}, or run with --skip ground"
            if not _ids(space.taxonomy, wanted):
                return (
                    f"the taxonomy {space.taxonomy.name} has none of the classes ground.{what} = {', '.join(wanted)}; "
                    f"its classes are {', '.join(names)}; name some, or run with --skip ground"
                )
        if both := next((name for name in self.grown if name in self.paved), None):
            return f"ground.grown and ground.paved both name {both!r}; it can only be one of them"
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        names = Names(_ids(space.taxonomy, self.grown), _ids(space.taxonomy, self.paved))

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            own = inputs.target(clip)
            semantics, confidence = inputs[SEMANTICS][own].copy(), inputs[CONFIDENCE][own].copy()
            poses = [inputs.world_from_grid(row, space.grid) for row in range(len(inputs.frames))]
            sweeps = [_seen(inputs, row, pose, space.grid, names) for row, pose in enumerate(poses)]
            if not any(sweep is not None for sweep in sweeps):
                return {SEMANTICS.name: semantics, CONFIDENCE.name: confidence}
            places = Places([sweep for sweep in sweeps if sweep is not None])
            for n, row in enumerate(inputs.own(clip)):
                around = slice(max(row - self.radius, 0), row + self.radius + 1)
                seen = [sweep for sweep in sweeps[around] if sweep is not None]
                pose, path = poses[row], [pose[:2, 3] for pose in poses[around] if pose is not None]
                if pose is not None and seen:
                    ground = Ground.of(names, places, seen, driven(np.array(path)))
                    tell_apart(semantics[n], confidence[n], pose, space.grid, ground)
            return {SEMANTICS.name: semantics, CONFIDENCE.name: confidence}

        return process


def _ids(taxonomy: Taxonomy, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(one.id for one in taxonomy.classes if one.name in names)


def _seen(inputs: Inputs, row: int, pose: Matrix | None, grid: Grid, names: Names) -> Seen | None:
    """What the sweep of a frame says of its ground; None without a pose or a scan."""
    points = None if pose is None else inputs.points(row)
    if pose is None or points is None:
        return None
    labels = inputs[SEMANTICS][row], inputs[CONFIDENCE][row]
    return seen_ground(scan_in_grid(inputs.frames[row], points, grid), labels, pose, grid, names.all)
