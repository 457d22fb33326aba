"""What images show as points: the reconstruction from which other views are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import Matrix
from occlabel.stages.sensing.depth_images import DepthImage


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points of some images, in one frame."""

    points: NDArray[np.float32]
    """[n, 3] metres."""
    off: NDArray[np.float32]
    """[n] standard deviation of how far they are from their camera, as a share of it; 0 where nobody says."""
    colours: NDArray[np.uint8]
    """[n, 3] RGB."""
    classes: NDArray[np.uint8]
    """[n]; UNKNOWN where no segment says."""
    scores: NDArray[np.uint8]
    """[n], 0..255: of their class."""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.points, self.off, self.colours, self.classes, self.scores))

    def moved(self, target_from_source: Matrix) -> Cloud:
        """In another frame."""
        place = target_from_source.astype(np.float32)
        points = self.points @ place[:3, :3].T + place[:3, 3]
        return Cloud(points, self.off, self.colours, self.classes, self.scores)

    def of(self, kept: NDArray[np.bool_]) -> Cloud:
        """Those of the points that are ``kept`` [n]."""
        return Cloud(self.points[kept], self.off[kept], self.colours[kept], self.classes[kept], self.scores[kept])


def cloud_of(
    image: DepthImage, photo: NDArray[np.uint8], classes: NDArray[np.uint8], scores: NDArray[np.uint8]
) -> Cloud:
    """Of each element of an image whose depth is known, in the ego frame of its own frame. ``photo`` [h, w, 3] is what
    the camera took, ``classes`` and ``scores`` [v, u] lie as depth does."""
    v, u = np.nonzero(np.isfinite(image.depth) & (image.depth > 0))
    depth = image.depth[v, u]
    fx, fy, cx, cy = image.pinhole
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(len(u))], axis=1).astype(np.float32)
    place = image.ego_from_camera.astype(np.float32)
    points = (rays * depth[:, None]) @ place[:3, :3].T + place[:3, 3]
    off = np.zeros(len(u), np.float32) if image.off is None else np.nan_to_num(image.off[v, u], nan=1.0)
    rows, columns = (
        np.minimum(one * DEPTH.stride, side - 1) for one, side in zip((v, u), photo.shape[:2], strict=True)
    )
    return Cloud(points, off, photo[rows, columns], classes[v, u], scores[v, u])


def together(clouds: Sequence[Cloud]) -> Cloud:
    """All points of ``clouds``, which are in one frame."""
    none = nothing()
    parts: list[NDArray[Any]] = [
        np.concatenate([getattr(none, name), *(getattr(cloud, name) for cloud in clouds)])
        for name in ("points", "off", "colours", "classes", "scores")
    ]
    return Cloud(*parts)


def nothing() -> Cloud:
    """Without a point."""
    return Cloud(
        np.zeros((0, 3), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, 3), np.uint8),
        np.zeros(0, np.uint8),
        np.zeros(0, np.uint8),
    )
