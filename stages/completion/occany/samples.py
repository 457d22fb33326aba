"""Training samples: what images around a camera show, and what that camera, which was not among them, really saw."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.completion.occany.clouds import Cloud, cloud_of, nothing, together
from occlabel.stages.completion.occany.options import Options
from occlabel.stages.completion.occany.rendering import Rendered, rays_of, rendered
from occlabel.stages.completion.occany.sizes import FAR
from occlabel.stages.sensing.depth_images import DepthImage
from occlabel.stages.sensing.resized import scales, squeezed

_KEPT_BYTES = 2 << 30
"""What has been read stays in memory up to so much."""
_TRIES = 50
_FILLED = 0.05
"""Share of a view into which points must fall for it to be worth asking for."""
_NEAR, _ALIKE = 1.0, float(np.cos(np.radians(30)))
"""[m] and the cosine of an angle: a camera so near to another that looks so nearly the same way saw all it sees."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read of one image."""

    photo: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    image: DepthImage
    """Depth of the priors."""
    classes: NDArray[np.uint8]
    """[v, u] of the priors."""
    scores: NDArray[np.uint8]
    exact: NDArray[np.float32]
    """[h, w] metres; NaN where there is nothing, as in the sky."""


@dataclass(frozen=True, slots=True)
class View:
    """One image of a posed and calibrated camera."""

    read: Callable[[], Seen | None]
    """None where it cannot be read."""
    intrinsics: Matrix
    ego_from_camera: Matrix


@dataclass(frozen=True, slots=True)
class Instant:
    """A frame."""

    world_from_ego: Matrix
    views: dict[str, View]


Drive = Sequence[Instant]
Place = tuple[int, int, str]
"""Drive, frame, camera."""
Teacher = Callable[[NDArray[np.uint8], Matrix, tuple[int, int]], NDArray[np.float16]]
"""Feature maps [features, h, w] of the frozen segmenter for an image with its K, at (h, w)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a camera really saw, at the size of a view."""

    intrinsics: Matrix
    """K in pixels of the view."""
    size: tuple[int, int]
    depth: NDArray[np.float32]
    """[h, w] metres; FAR in the sky."""
    features: NDArray[np.float16]
    """[features, h, w]; no channel without a teacher."""


class Scenes:
    """Images of some drives, read when they are asked for. ``movable`` [256] says of class ids whether what has them
    can move: other frames' things are not where they were."""

    def __init__(
        self, drives: Sequence[Drive], options: Options, movable: NDArray[np.bool_], teacher: Teacher | None
    ) -> None:
        self.drives, self.options, self._movable, self._teacher = drives, options, movable, teacher
        self.places: list[Place] = [
            (d, f, camera)
            for d, drive in enumerate(drives)
            for f, instant in enumerate(drive)
            for camera in instant.views
        ]
        self._kept: OrderedDict[Place, tuple[Cloud, Target] | None] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.places)

    def sample(self, place: Place, draw: np.random.Generator) -> tuple[Rendered, Target] | None:
        """A view as it is rendered from others, and what is really there; None where too little falls into it."""
        drive, frame, _ = place
        read = self._read(place)
        if read is None:
            return None
        target, instants = read[1], self.drives[drive]
        own = self._own(place, draw)
        others = [n for n in range(own - 4, own + 5) if n not in (own, frame) and 0 <= n < len(instants)]
        count = int(draw.integers(0, min(self.options.frames - 1, len(others)) + 1))
        rows = [own, *draw.choice(np.array(others, np.int64), count, replace=False)] if count else [own]
        ego_from_world = inverse(instants[own].world_from_ego)
        ego_from_camera = ego_from_world @ self._pose(place)
        clouds = [self._from(place, (drive, int(row), name), own) for row in rows for name in instants[int(row)].views]
        cloud = together([one for one in clouds if one is not None])
        view = rendered(cloud, ego_from_camera, target.intrinsics, target.size)
        return (view, target) if view.seen.mean() >= _FILLED else None

    def _own(self, place: Place, draw: np.random.Generator) -> int:
        """The frame whose cameras are asked from: one near that of the view, or the same where it has other cameras."""
        drive, frame, _ = place
        near = range(frame - self.options.apart, frame + self.options.apart + 1)
        alone = len(self.drives[drive][frame].views) < 2
        found = [n for n in near if 0 <= n < len(self.drives[drive]) and not (alone and n == frame)]
        return int(draw.choice(found)) if found else frame

    def _from(self, target: Place, source: Place, own: int) -> Cloud | None:
        """The points of an image in the ego frame of frame ``own``; None of one that saw all that is asked for."""
        drive, frame, _ = source
        one, other = self._pose(source), self._pose(target)
        if np.linalg.norm(one[:3, 3] - other[:3, 3]) < _NEAR and one[:3, 2] @ other[:3, 2] > _ALIKE:
            return None
        if (read := self._read(source)) is None:
            return None
        cloud = read[0]
        if frame == own:
            return cloud
        away = inverse(self.drives[drive][own].world_from_ego) @ self.drives[drive][frame].world_from_ego
        return cloud.of(~self._movable[cloud.classes]).moved(away)

    def _pose(self, place: Place) -> Matrix:
        instant = self.drives[place[0]][place[1]]
        pose: Matrix = instant.world_from_ego @ instant.views[place[2]].ego_from_camera
        return pose

    def _read(self, place: Place) -> tuple[Cloud, Target] | None:
        if place not in self._kept:
            view = self.drives[place[0]][place[1]].views[place[2]]
            seen = view.read()
            found = None if seen is None else (_cloud(seen), self._target(seen, view.intrinsics))
            self._kept[place] = found
            self._bytes += 0 if found is None else found[0].nbytes + found[1].depth.nbytes + found[1].features.nbytes
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                gone = self._kept.popitem(last=False)[1]
                self._bytes -= 0 if gone is None else gone[0].nbytes + gone[1].depth.nbytes + gone[1].features.nbytes
        return self._kept[place]

    def _target(self, seen: Seen, intrinsics: Matrix) -> Target:
        size = self.options.rows, self.options.columns
        scale = scales((seen.photo.shape[0], seen.photo.shape[1]), size)
        at = [
            np.clip(np.rint((np.arange(own) + 0.5) / part - 0.5).astype(int), 0, side - 1)
            for own, part, side in zip(size, scale, seen.exact.shape, strict=True)
        ]
        depth = np.nan_to_num(seen.exact[np.ix_(*at)], nan=FAR).astype(np.float32)
        taught = (
            np.zeros((0, *size), np.float16) if self._teacher is None else self._teacher(seen.photo, intrinsics, size)
        )
        return Target(squeezed(intrinsics, scale), size, depth, taught)


def _cloud(seen: Seen) -> Cloud:
    if not np.isfinite(seen.image.depth).any():
        return nothing()
    return cloud_of(seen.image, seen.photo, seen.classes, seen.scores)


class Samples(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: a view and the images that it is rendered from are drawn from (seed, n)."""

    def __init__(self, scenes: Scenes, seed: int) -> None:
        self.scenes, self.seed = scenes, seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """See ``parts_of``. Raises BadLog when hardly any view can be rendered."""
        draw = np.random.default_rng([self.seed, number])
        for _ in range(_TRIES):
            place = self.scenes.places[int(draw.integers(len(self.scenes)))]
            if (found := self.scenes.sample(place, draw)) is not None:
                return parts_of(*found)
        raise BadLog(
            f"none of {_TRIES} views that were drawn shows anything of the images around it; see occlabel logs"
        )


def parts_of(view: Rendered, target: Target) -> dict[str, Tensor]:
    """What is known of a view, and what is to be said of it, as tensors by name."""
    slant = np.abs(rays_of(np.eye(4), target.intrinsics, target.size)).sum(axis=-1)
    parts = view.parts | {"truth": target.depth, "taught": target.features, "slant": slant}
    return {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in parts.items()}
