"""Poses by a network of many views as stages of the geometry slot."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from occlabel.schemas.errors import BadWeights, OcclabelError
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs, Resources
from occlabel.stages.geometry.from_images.mounted import lacks_height
from occlabel.stages.geometry.from_images.whole_film import LogPoses, WholeFilm
from occlabel.stages.geometry.from_images.whole_log import PosesFromWholeLog, Search
from occlabel.stages.geometry.views_network.weight_file import refuse_other_model
from occlabel.stages.geometry.views_network.window import Estimate
from occlabel.stages.learning.foundation import restriction
from occlabel.stages.learning.pretrained import Pretrained

_TOKENS = 14 * 14
_LAYERS_HELD = 24
"""Numbers a token in the widest moment, in widths of it: queries, keys, values, what is between, four layers kept."""


class PosesFromViews(Pretrained, PosesFromWholeLog):
    """What both networks have in common."""

    decodes: ClassVar[bool]
    """Whether it has a decoder of cameras, or rays say them."""
    unit: ClassVar[float | None]
    """Metres of its lengths; None where these are of no unit."""
    by: ClassVar[str]
    """For sentences."""

    views: int = Field(default=8, ge=3, le=64)
    """Frames that the network sees at once; memory and time grow with them."""
    overlap: int = Field(default=3, ge=1, le=32)
    """Of these, so many are also in the window before, and join both."""
    side: int = Field(default=504, ge=56, le=4096)
    """Pixels to which the longer side of an image is resized, 504 as the authors of Depth Anything 3 do; fewer are
    faster."""

    @model_validator(mode="after")
    def _overlap_within_views(self) -> PosesFromViews:
        if self.overlap >= self.views:
            raise ValueError(f"windows of {self.views} views that share {self.overlap} show nothing new")
        return self

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """Besides, the weights, read and held, and what is made of a window and of one view at full size."""
        found = self.found()
        pixels = self.views * self.side**2
        working = 4 * pixels * (_LAYERS_HELD * 1024 // _TOKENS + 16) + 4 * 4 * 256 * self.side**2
        basis = super().resources(space, rig, clip_frames)
        return Resources(gpus=1.0, memory=(1 << 30) + basis.memory + 2 * found.nbytes + working)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        try:
            refuse_other_model(self.found())
        except BadWeights as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        said = (super().doubts(space, log), restriction(self.weights, self.revision))
        return "; ".join(one for one in said if one is not None) or None

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        images = np.random.default_rng(0).integers(0, 256, (2, 70, 98, 3)).astype(np.uint8)
        estimate = self.loaded(hands)
        try:
            estimate(list(images))
        except OcclabelError:
            raise
        except Exception as error:  # what a network raises whose configuration is odd is of any type
            raise BadWeights(
                f"{self.weights} fails on made-up images, so its configuration does not fit its weights: {error}"
            ) from error

    def loaded(self, hands: Hands) -> Estimate:
        """The network. Raises BadWeights when it cannot be loaded."""
        from occlabel.stages.geometry.views_network.looking import estimate_with
        from occlabel.stages.geometry.views_network.weight_file import loaded_network

        found = self.found()
        refuse_other_model(found)
        return estimate_with(loaded_network(found, hands, self.decodes), self.side, hands, found.name)

    def search(self, hands: Hands) -> Search:
        from occlabel.stages.geometry.views_network.log_poses import Film, Looks

        looks = Looks(self.loaded(hands), self.views, self.overlap, self.unit)

        def found(whole: Clip, inputs: Inputs, camera: str, height: float | None) -> LogPoses:
            return Film(WholeFilm(whole, inputs, camera, self.by), looks).poses(height)

        return found


class PosesByDepthAnything3(PosesFromViews):
    """Depth Anything 3 (Lin et al. 2025), its any-view models SMALL, BASE and LARGE: finds how a camera moved and,
    where K is not known, its focal length, in windows of frames that overlap; metres from the road, which lies as far
    below the camera as ``calibration.yaml`` or an option says.

    A window's cameras are those of the network's decoder; windows are joined by the depth that both say of the frames
    they share. A network gives poses for any images, so that they are held against what can be: whether windows agree,
    whether points that are found again in other images lie where the poses have them, how sure the network is, whether
    a camera moves at all, whether views tell one focal length, and whether a car could drive so. K that is known is
    kept, and the network's held against it. The ego frame is that of the log, or lies on the road below the camera, x
    where the car drives. ``scale_deviation`` of each frame holds what the road says now and then, and by how much views
    differ in the focal length.

    Raises BadLog for a log in which the film is cut, too little is seen, the camera stands or only turns, poses do not
    hold, or the road tells no metres: nothing is made up.
    """

    version: ClassVar[int] = 1
    decodes: ClassVar[bool] = True
    unit: ClassVar[float | None] = None
    by: ClassVar[str] = "Depth Anything 3"

    kind: Literal["depth_anything_3"] = "depth_anything_3"


class PosesByOccAny(PosesFromViews):
    """OccAny+ (Cao et al. 2026): Depth Anything 3's network, trained on films of cars to say lengths in units of 20 m,
    so that no height of the camera is needed. Poses and K follow from its map of rays.

    All else is as with ``depth_anything_3``. Where the height is known, metres are the road's, and the network's are
    held against them; where it is not, they are the network's, the camera is as high above the road as they say, and
    ``scale_deviation`` is a quarter at the least, by which its authors find its depth to be off.

    Raises BadLog as ``depth_anything_3`` does, and for metres that contradict the road.
    """

    version: ClassVar[int] = 1
    knows_metres: ClassVar[bool] = True
    decodes: ClassVar[bool] = False
    unit: ClassVar[float | None] = 20.0
    by: ClassVar[str] = "OccAny"

    kind: Literal["occany"] = "occany"

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        said = super().doubts(space, log)
        if not log.rig.cameras or lacks_height(self.chosen(log.rig), self.camera_height) is None:
            return said
        return f"{said}; metres are those of the network, which may be off by a quarter"
