"""Depth from a second camera beside the first, as KITTI's car has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, ArraySpec
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import inverse
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.priors.depth.slot import (
    Depth,
    at_stride,
    blank,
    clip_bytes,
    image_bytes,
    refuse_other_size,
)

_CLOSEST = 3.0
"""[m]: what is nearer is not looked for."""
_BLURRED = 2.5
"""Pixels of disparity below which an error of half a pixel moves a surface by more than a fifth."""
_ASIDE = 0.02
"""Share of the distance between two cameras by which one may be higher or further ahead, and radians of turn."""
_SIXTEENTH = 16
"""OpenCV's disparities are in these."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cameras whose rows of pixels lie on each other."""

    right: str
    """The other camera, which sits to the right of the first."""
    constant: float
    """Depth is this [m * pixels] over disparity [pixels]."""
    shift: float
    """Disparity of what is infinitely far [pixels]."""


class Stereo(Depth):
    """Semi-global matching (Hirschmueller 2008, as OpenCV has it) of a camera's image with that of the camera to its
    right; how far apart they sit is the log's calibration. Unknown stay pixels that only one of both sees, that match
    nowhere or equally well elsewhere, and what is nearer than 3 m; and the images of cameras that have none beside
    them. What has no texture, such as the sky between leaves, takes the depth of what surrounds it. Disparities
    are good to a third of a pixel: they are drawn to whole ones.
    """

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS, EXTRINSICS)

    kind: Literal["stereo"] = "stereo"

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; costs of 256 disparities, two bytes each, of each pixel; both images; the arrays."""
        memory = (400 << 20) + 256 * image_bytes(rig) + clip_bytes(self, clip_frames, space, rig)
        return Resources(memory=memory)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None or (said := super().refuse(space, rig)) is not None:
            return None if rig is None else said
        if len(rig.cameras) - len(lost := rig.uncalibrated) < 2:
            lacks = f"{', '.join(lost)} without a calibration" if lost else f"only {rig.cameras[0].name}"
            return f"it takes two calibrated cameras side by side, and there is {lacks}"
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import cv2

        cv2.setNumThreads(hands.threads)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result, paired = blank(self, clip.frames, space, rig), False
            for n, row in enumerate(inputs.own(clip)):
                for camera in rig.names:
                    if (pair := pair_of(camera, inputs, row, rig)) is None:
                        continue
                    paired = True
                    left, right = inputs.image(row, camera), inputs.image(row, pair.right)
                    if left is not None and right is not None:
                        refuse_other_size(left, camera, rig)
                        refuse_other_size(right, pair.right, rig)
                        spec = DEPTH.on(camera)
                        result[spec.name][n] = at_stride(matched(left, right, pair), spec)
            if not paired:
                raise BadLog(
                    f"no two of the cameras {', '.join(rig.names)} look the same way, side by side, with one K: stereo "
                    "depth needs rectified images; take another kind"
                )
            return result

        return process


def pair_of(camera: str, inputs: Inputs, row: int, rig: Rig) -> Pair | None:
    """The nearest camera to the right of ``camera`` whose images are rectified to its own; None where there is none."""
    intrinsics, ego_from_camera = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
    if intrinsics is None or ego_from_camera is None:
        return None
    found: dict[float, Pair] = {}
    for other in rig.names:
        theirs, ego_from_other = inputs.intrinsics(row, other), inputs.extrinsics(row, other)
        if (
            other == camera
            or theirs is None
            or ego_from_other is None
            or rig.camera(other).size != rig.camera(camera).size
        ):
            continue
        between = inverse(ego_from_camera) @ ego_from_other
        apart, higher, ahead = between[:3, 3]
        same = np.abs(intrinsics - theirs)
        same[0, 2] = 0
        straight = np.abs(between[:3, :3] - np.eye(3)).max() < _ASIDE and max(abs(higher), abs(ahead)) < _ASIDE * apart
        if apart > 0 and straight and same.max() < 1e-3 * intrinsics[0, 0]:
            found[apart] = Pair(other, float(intrinsics[0, 0] * apart), float(intrinsics[0, 2] - theirs[0, 2]))
    return found[min(found)] if found else None


def matched(left: NDArray[np.uint8], right: NDArray[np.uint8], pair: Pair) -> NDArray[np.float32]:
    """Depth [h, w] of ``left`` [h, w, 3], RGB as ``right``; NaN where it is not known."""
    import cv2

    least = int(np.floor(pair.shift))
    steps = min(256, _SIXTEENTH * int(np.ceil(pair.constant / _CLOSEST / _SIXTEENTH)))
    # Columns that are added at the left, so that what is far is also looked for at the edge of the image.
    wide = [cv2.copyMakeBorder(image, 0, 0, least + steps, 0, cv2.BORDER_REPLICATE) for image in (left, right)]
    block, smooth = 5, 3 * 5 * 5
    matcher = cv2.StereoSGBM.create(
        minDisparity=least, numDisparities=steps, blockSize=block, P1=8 * smooth, P2=32 * smooth, disp12MaxDiff=1,
        uniquenessRatio=10, speckleWindowSize=100, speckleRange=2, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )  # fmt: skip
    found = matcher.compute(*wide)[:, least + steps :].astype(np.float32) / _SIXTEENTH
    disparity = found - np.float32(pair.shift)
    outside = np.arange(left.shape[1], dtype=np.float32) - found < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.float32(pair.constant) / disparity
    depth[(found < least) | (disparity < _BLURRED) | outside] = np.nan
    return depth
