"""The images of a frame and of a few around it, put into the frame's voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Inputs
from occlabel.stages.completion.depth_lifting.path import under_the_path
from occlabel.stages.completion.depth_lifting.votes import Lifted, Surface, Votes, lifted
from occlabel.stages.completion.slot import Prediction
from occlabel.stages.sensing.depth_images import MOST_IMAGES, DepthImage, on


@dataclass(frozen=True, slots=True)
class Window:
    """``radius`` frames before a frame and as many after it, ``stride`` frames apart; whether an alignment has written
    how far off depth is (``deviation``)."""

    radius: int
    stride: int
    deviation: bool

    @property
    def halo(self) -> int:
        return self.radius * self.stride

    def overflow(self, rig: Rig) -> str | None:
        """Why the images of the window may be more than can be counted."""
        cameras = len(rig.cameras) - len(rig.uncalibrated)
        images = (2 * self.radius + 1) * cameras
        if images <= MOST_IMAGES:
            return None
        return (
            f"{images} images could overflow the 16 bits of a voxel; of {cameras} cameras completion.radius can be "
            f"{(MOST_IMAGES // cameras - 1) // 2} at most"
        )

    def rows(self, row: int, frames: int) -> list[int]:
        """Those of the window around ``row`` of a log of ``frames``, the frame's own first."""
        away = range(-self.halo, self.halo + 1, self.stride)
        return [row, *(row + one for one in away if one and 0 <= row + one < frames)]

    def image(self, inputs: Inputs, row: int, camera: str) -> DepthImage | None:
        """What a camera saw; None where it has no calibration or nothing is known."""
        off = inputs[DEPTH_DEVIATION.on(camera)][row] if self.deviation else None
        k, place = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
        return on(inputs[DEPTH.on(camera)][row], off, k, place)

    def lifted(self, inputs: Inputs, row: int, space: LabelSpace) -> list[Lifted]:
        """Of each image of a frame of which something is known."""
        result = []
        for camera in inputs.rig.names:
            if (image := self.image(inputs, row, camera)) is not None:
                classes, scores = (inputs[spec.on(camera)][row] for spec in (SEGMENT_CLASS, SEGMENT_SCORE))
                points, at = image.surface(space.grid.voxel_size / 2, classes)
                sure, named = image.sureness(space.grid.voxel_size).ravel()[at], np.maximum(scores, 1).ravel()[at]
                result.append(lifted(image, Surface(points, classes.ravel()[at], sure, named), classes, space))
        return result


def label(
    inputs: Inputs, rows: list[int], held: dict[int, list[Lifted]], space: LabelSpace, votes: Votes
) -> Prediction:
    """The labels of the first of ``rows`` by what the images of all of them, ``held`` by row, show. ``votes`` on other
    frames are forgotten."""
    row = rows[0]
    grid_from_ego, pose = inverse(inputs.frames[row].ego_from_grid(space.grid)), inputs.pose(row)
    votes.forget()
    votes.hear(held[row], grid_from_ego, own=True)
    path: list[Matrix] = []
    if pose is not None:
        grid_from_world = grid_from_ego @ inverse(pose)
        for one in sorted(rows):
            if (there := inputs.pose(one)) is not None:
                path.append(grid_from_world @ there)
                if one != row:
                    votes.hear(held[one], path[-1], own=False)
    semantics, confidence = votes.counted()
    under_the_path(semantics, confidence, path, space)
    return semantics, confidence
