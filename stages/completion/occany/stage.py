"""The kind ``occany``: what cameras see, completed by views that no camera took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import (
    CONFIDENCE,
    DEPTH,
    DEPTH_DEVIATION,
    EXTRINSICS,
    INTRINSICS,
    POSES,
    SEGMENT_CLASS,
    SEGMENT_SCORE,
    SEMANTICS,
    ArraySpec,
    Extent,
    resolved,
)
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.geometry import inverse
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.completion.depth_lifting.votes import Lifted, Votes, movable_ids
from occlabel.stages.completion.depth_lifting.window import Window, label
from occlabel.stages.completion.from_cameras import CameraCompletion
from occlabel.stages.completion.occany.clouds import Cloud, cloud_of, together
from occlabel.stages.completion.occany.imagined import Imagined, complete
from occlabel.stages.completion.occany.trust import least
from occlabel.stages.completion.occany.views import novel_views
from occlabel.stages.completion.occany.weight_file import SHIPPED, check, load_network
from occlabel.stages.completion.slot import blank

if TYPE_CHECKING:
    from occlabel.stages.completion.occany.asking import Asked

_POINTS = 600_000
"""On the surfaces of an image, at most as memory is declared."""


class OccAnyCompletion(CameraCompletion):
    """Puts depth and segments of images into voxels as ``depth_lifting`` does, and completes what no camera saw by
    views that no camera took: ahead of each, beside it and turned away (OccAny's test-time view augmentation).

    What the images around a frame show is rendered into each such view, and a network says how far all in it is, how
    sure it is of that, and of which class. What it is sure enough of fills voxels that are unknown, and changes no
    other; confidence there is half as high, and no probability. Turned views say where something is, and never what.
    """

    version: ClassVar[int] = 2
    exact: ClassVar[bool] = False
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (
        DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS, SEGMENT_SCORE, POSES, INTRINSICS, EXTRINSICS,
    )  # fmt: skip

    kind: Literal["occany"] = "occany"
    weights: Path | None = None
    """A safetensors file of ``occlabel train occany``; by default the one that comes with occlabel, for the taxonomy
    ``occ3d`` and what glance sees."""
    radius: int = Field(default=4, ge=0, le=1000)
    """Frames before a frame, and as many after it, whose images are heard with its own."""
    stride: int = Field(default=2, ge=1, le=100)
    """Frames from one of those to the next."""
    deviation: bool = False
    """Whether an alignment has written how far off depth is: what is less sure then counts less, and is seen through
    up to a standard deviation before it."""
    copies: int = Field(default=2, ge=0, le=50)
    """Places ahead of each camera from which is looked: three views each. 0: no other views than those taken."""
    forward: float = Field(default=3.0, gt=0, le=20)
    """Metres from one of those places to the next."""
    aside: float = Field(default=2.0, ge=0, le=20)
    """Metres to the left and right of them from which turned views look."""
    turn: float = Field(default=60.0, ge=0, le=180)
    """Degrees by which those are turned, outwards."""
    precision: float = Field(default=0.7, gt=0, lt=1)
    """Share of depths of such views that shall be right, by the held-out towns of the training: how sure the network
    must be follows from it."""

    @property
    def halo(self) -> int:
        return self._window.halo

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return tuple(spec for spec in self.reads if self.deviation or spec.name != DEPTH_DEVIATION.name)

    @property
    def _window(self) -> Window:
        return Window(self.radius, self.stride, self.deviation)

    def without(self, array: str) -> OccAnyCompletion | None:
        return self.model_copy(update={"deviation": False}) if array == DEPTH_DEVIATION.name else None

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.weights or SHIPPED,)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the images of the window with their points; what is counted of each voxel; the network on the
        views of a camera; the arrays of the clip, and the shards that are made of them."""
        extent = Extent(clip_frames + 2 * self.halo, space.grid, rig)
        known = {camera.name for camera in rig.cameras if camera.size is not None}
        specs = resolved((*self.needed, SEMANTICS, CONFIDENCE), rig)
        arrays = 2 * sum(extent.nbytes(spec) for spec in specs if spec.camera is None or spec.camera in known)
        points = (2 * self.halo + 1) * max(len(rig.cameras), 1) * _POINTS * 2 * 17
        counted = 40 * space.grid.voxels + 20 * min(space.grid.voxels, 1 << 20) * len(space.taxonomy.classes)
        return Resources(gpus=1.0, memory=(1 << 30) + points + counted + arrays)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        return super().refuse(space, rig) or (None if rig is None else self._window.overflow(rig))

    def unfit(self, space: LabelSpace) -> str | None:
        try:
            _, _, trust = check(self.files(space)[0], space.taxonomy)
        except BadWeights as error:
            return str(error)
        if least(trust, self.precision) is None:
            best = max((float(share) for share in trust), default=0.0)
            return (
                f"completion.precision asks for {self.precision:g} of right depths, and with {self.files(space)[0]} at "
                f"most {best:g} are; ask for less, or train the network on more"
            )
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.completion.occany.asking import Asked

        _, meaning, trust = check(self.files(space)[0], space.taxonomy)
        sure = least(trust, self.precision)
        assert sure is not None  # see refuse
        asked = Asked(load_network(self.files(space)[0], space.taxonomy, hands), meaning, sure)
        window, movable = self._window, movable_ids(space)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result, votes = blank(clip.frames, space), Votes(space)
            held, taken = dict[int, list[Lifted]](), dict[int, dict[str, Taken]]()
            for n, row in enumerate(inputs.own(clip)):
                rows = window.rows(row, len(inputs.frames))
                held = {one: images for one, images in held.items() if one >= row - window.halo}
                taken = {one: images for one, images in taken.items() if one >= row - window.halo}
                held |= {one: window.lifted(inputs, one, space) for one in rows if one not in held}
                taken |= {one: _taken(inputs, one, window) for one in rows if one not in taken}
                if held[row]:
                    labels = label(inputs, rows, held, space, votes)
                    views = self._views(inputs, row, taken[row], _around(inputs, rows, taken, movable), asked)
                    complete(labels, views, inverse(inputs.frames[row].ego_from_grid(space.grid)), space)
                    result[SEMANTICS.name][n], result[CONFIDENCE.name][n] = labels
            return result

        return process

    def _views(self, inputs: Inputs, row: int, own: dict[str, Taken], cloud: Cloud, asked: Asked) -> list[Imagined]:
        """Of all cameras of a frame."""
        result: list[Imagined] = []
        for camera, image in own.items():
            k, place = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
            assert k is not None and place is not None  # or nothing would be known of the image
            views = novel_views(place, self.copies, self.forward, self.aside, self.turn)
            result += asked.imagine(cloud, views, k, image.size)
        return result


@dataclass(frozen=True, slots=True)
class Taken:
    """What an image shows, in the ego frame of its own frame, and its ``size`` (h, w)."""

    cloud: Cloud
    size: tuple[int, int]


def _taken(inputs: Inputs, row: int, window: Window) -> dict[str, Taken]:
    """By camera, of each image of a frame that can be read and of which something is known."""
    result = {}
    for camera in inputs.rig.names:
        if (image := window.image(inputs, row, camera)) is not None:
            photo = inputs.image(row, camera)
            if photo is not None:
                classes, scores = (inputs[spec.on(camera)][row] for spec in (SEGMENT_CLASS, SEGMENT_SCORE))
                result[camera] = Taken(cloud_of(image, photo, classes, scores), (photo.shape[0], photo.shape[1]))
    return result


def _around(inputs: Inputs, rows: list[int], taken: dict[int, dict[str, Taken]], movable: NDArray[np.bool_]) -> Cloud:
    """What the images of all ``rows`` show, in the ego frame of the first: of others what cannot move."""
    row = rows[0]
    clouds, pose = [image.cloud for image in taken[row].values()], inputs.pose(row)
    if pose is not None:
        ego_from_world = inverse(pose)
        for one in rows[1:]:
            if (there := inputs.pose(one)) is not None:
                away = ego_from_world @ there
                every = (image.cloud for image in taken[one].values())
                clouds += [cloud.of(~movable[cloud.classes]).moved(away) for cloud in every]
    return together(clouds)
