"""Training samples: an image and those around it that see the same place, with the patches that are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.completion.vipocc.options import Options
from occlabel.stages.completion.vipocc.shown import Shown, shown
from occlabel.stages.completion.vipocc.sizes import Sizes
from occlabel.stages.learning.snog import PATCH, patch_centres, seen_instances

ASKED = 2
"""Views of a sample whose rays are rendered: the image itself and the one beside it."""
_KEPT_BYTES = 1 << 30
"""What has been read stays in memory up to so much."""
_TRIES = 50
_GAIN = 0.2
"""Brightness is changed by up to this share, of all views alike."""
_ALIKE = np.cos(np.radians(30))
"""Cameras that look so nearly the same way see the same place."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read of one image."""

    image: NDArray[np.uint8] | None
    """[h, w, 3] RGB; None where it cannot be read."""
    depth: NDArray[np.float16]
    """[v, u] metres of the priors at every fourth pixel; NaN unknown."""
    objects: NDArray[np.uint16] | None
    """[v, u]: whose an element is, 0 nobody's; None where the priors have no segments."""
    measured: NDArray[np.float16] | None = None
    """[v, u] metres that a sweep measures; NaN unknown; None without a LiDAR."""


@dataclass(frozen=True, slots=True)
class View:
    """One image of a posed and calibrated camera."""

    read: Callable[[], Seen]
    intrinsics: Matrix
    world_from_camera: Matrix


Drive = Sequence[dict[str, View]]
"""Of each frame of a log, in time, the views by camera."""
Place = tuple[int, int, str]
"""Drive, frame, camera."""


class Videos:
    """Images of some drives, read when they are asked for."""

    def __init__(self, drives: Sequence[Drive], sizes: Sizes) -> None:
        self.drives, self.sizes = drives, sizes
        every = [(d, f, camera) for d, drive in enumerate(drives) for f, views in enumerate(drive) for camera in views]
        self.places: list[Place] = [place for place in every if self._beside(place) is not None]
        self._kept: OrderedDict[Place, Shown] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Images that have another of the same camera before or after them."""
        return len(self.places)

    def view(self, place: Place) -> View:
        drive, frame, camera = place
        return self.drives[drive][frame][camera]

    def around(self, place: Place, most: int) -> list[Place]:
        """At most ``most`` images that see the same place: the image itself, the next of its camera or else the one
        before, then those of cameras of the frame that look the same way, then others of its camera."""
        drive, frame, camera = place
        axis = self.view(place).world_from_camera[:3, 2]
        beside = self._beside(place)
        assert beside is not None  # see places
        found = [place, beside]
        for name, view in self.drives[drive][frame].items():
            if name != camera and view.world_from_camera[:3, 2] @ axis > _ALIKE:
                found.append((drive, frame, name))
        for step in (-1, 2, -2, 3, -3, 4, -4):
            other = frame + step
            if 0 <= other < len(self.drives[drive]) and camera in self.drives[drive][other]:
                found.append((drive, other, camera))
        return list(dict.fromkeys(found))[:most]

    def shown(self, place: Place) -> Shown | None:
        """None where the image cannot be read."""
        if place not in self._kept:
            view = self.view(place)
            seen = view.read()
            if seen.image is None:
                return None
            self._kept[place] = shown(seen.image, seen.depth, view.intrinsics, self.sizes, seen.objects)
            self._bytes += self._kept[place].nbytes
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return self._kept[place]

    def _beside(self, place: Place) -> Place | None:
        drive, frame, camera = place
        for other in (frame + 1, frame - 1):
            if 0 <= other < len(self.drives[drive]) and camera in self.drives[drive][other]:
                return drive, other, camera
        return None


class Samples(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: image, mirroring, brightness and patches are drawn from (seed, n).

    ``images`` [V, 3, h, w] 0..1, ``prior`` [V, 1, h, w] inverse depth, ``intrinsics`` [V, 3, 3], ``own_from_view``
    [V, 4, 4] between the cameras, ``there`` [V] (0: there is no such view), and the upper left pixels ``patches``
    int64 [ASKED, P, 2] (row, column).
    """

    def __init__(self, videos: Videos, options: Options) -> None:
        self.videos, self.options = videos, options

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([self.options.seed, number])
        place, around, views = self._drawn(draw)
        mirrored, gain = bool(draw.random() < 0.5), 1 + float(draw.uniform(-_GAIN, _GAIN))
        poses = [inverse(self.videos.view(place).world_from_camera) @ self._pose(one) for one in around]
        parts = [parts_of(view, pose, self.videos.sizes, mirrored) for view, pose in zip(views, poses, strict=True)]
        blank = parts_of(None, np.eye(4), self.videos.sizes, mirrored)
        parts += [blank] * (self.options.views - len(parts))
        images, prior, intrinsics, moved, objects, there = (list(part) for part in zip(*parts, strict=True))
        return {
            "images": (torch.from_numpy(np.stack(images)) * gain).clamp(0, 1),
            "prior": torch.from_numpy(np.stack(prior)),
            "intrinsics": torch.from_numpy(np.stack(intrinsics).astype(np.float32)),
            "own_from_view": torch.from_numpy(np.stack(moved).astype(np.float32)),
            "there": torch.tensor(there),
            "patches": torch.from_numpy(np.stack([self._patches(objects[n], draw) for n in range(ASKED)])),
        }

    def _drawn(self, draw: np.random.Generator) -> tuple[Place, list[Place], list[Shown | None]]:
        """An image whose rays can be asked for, and those around it. Raises BadLog when hardly any can be read."""
        for _ in range(_TRIES):
            place = self.videos.places[int(draw.integers(len(self.videos)))]
            around = self.videos.around(place, self.options.views)
            views = [self.videos.shown(one) for one in around]
            if all(view is not None for view in views[:ASKED]):
                return place, around, views
        raise BadLog(f"none of {_TRIES} images that were drawn can be read with the one beside it; see occlabel logs")

    def _pose(self, place: Place) -> Matrix:
        return self.videos.view(place).world_from_camera

    def _patches(self, objects: NDArray[np.uint16], draw: np.random.Generator) -> NDArray[np.int64]:
        """Upper left pixels [P, 2] of the patches."""
        count, shape = self.options.rays // ASKED // PATCH**2, (self.videos.sizes.rows, self.videos.sizes.columns)
        if self.options.sampler == "random":
            return np.stack([draw.integers(0, side - PATCH + 1, count) for side in shape], axis=1)
        centres = patch_centres(seen_instances(objects), shape, draw, patches=count)
        return np.resize(centres - PATCH // 2, (count, 2))  # again the first, where no more have room


def parts_of(view: Shown | None, own_from_view: Matrix, sizes: Sizes, mirrored: bool) -> tuple[Any, ...]:
    """Image, prior, K, pose, objects and whether there is a view at all; the world is mirrored from left to right."""
    if view is None:
        nothing = np.zeros((sizes.rows, sizes.columns), np.float32)
        return np.repeat(nothing[None], 3, axis=0), nothing[None], np.eye(3), np.eye(4), nothing.astype(np.uint16), 0.0
    image, prior = view.image.astype(np.float32).transpose(2, 0, 1) / 255, view.prior[None]
    intrinsics, objects = view.intrinsics, view.objects
    if mirrored:
        image, prior, objects = (np.ascontiguousarray(part[..., ::-1]) for part in (image, prior, objects))
        intrinsics = intrinsics.copy()
        intrinsics[0, 2] = sizes.columns - 1 - intrinsics[0, 2]
        flip = np.diag([-1.0, 1, 1, 1])
        own_from_view = flip @ own_from_view @ flip
    return image, prior, intrinsics, own_from_view, objects, 1.0
