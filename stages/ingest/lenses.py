"""Whether K of cameras is that of their images, as far as images and K alone tell it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from occlabel.schemas.drive_log import Camera, Frame

_ASIDE = 0.2
"""Share of the width or the height of an image by which the middle of its lens lies off its own. K of images that are
half as large lies a quarter off; those of KITTI and nuScenes lie up to 0.05 off."""


def off_middle(frames: Iterable[Frame]) -> list[str]:
    """A sentence for each camera whose K cannot well be that of its images, by the first of which both are known."""
    firsts: dict[str, Camera] = {}
    for frame in frames:
        for camera in frame.cameras:
            if camera.intrinsics is not None and camera.size is not None:
                firsts.setdefault(camera.name, camera)
    return [said for camera in firsts.values() if (said := _off_middle(camera)) is not None]


def _off_middle(camera: Camera) -> str | None:
    assert camera.intrinsics is not None and camera.size is not None
    (u, v), (width, height) = camera.intrinsics[:2, 2], camera.size
    off = np.abs([(u + 0.5) / width - 0.5, (v + 0.5) / height - 0.5]).max()
    if off <= _ASIDE:
        return None
    where = "outside" if off > 0.5 else "far from the middle"
    return (
        f"camera {camera.name}: the middle of its lens lies at pixel ({u:.0f}, {v:.0f}) by K, {where} of its images of "
        f"{width}x{height}: K is probably that of larger or smaller images; write down that of these"
    )
