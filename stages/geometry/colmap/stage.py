"""Structure from motion as a stage of the geometry slot."""

from __future__ import annotations

from importlib import util
from typing import ClassVar, Literal

from pydantic import Field

from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs
from occlabel.stages.geometry.from_images.whole_film import LogPoses
from occlabel.stages.geometry.from_images.whole_log import PosesFromWholeLog, Search


class PosesFromModel(PosesFromWholeLog):
    """Structure from motion by COLMAP (``pip install occlabel[colmap]``): finds how a camera moved and, where K is not
    known, its focal length, from all images of a log at once; metres from the road, which lies as far below the camera
    as ``calibration.yaml`` or an option says.

    Rotations first, then all places; with K, where that does not hold, one image after the other. COLMAP gives some
    model for almost any images, so that each is held against what can be: how many frames fit in, by how much points
    are off, whether halves of the frames tell the same focal length, how far rays lie apart, and whether a car could
    drive so. A lens without distortion and with its middle in that of the image is taken where K is not known. The ego
    frame is that of the log, or lies on the road below the camera, x where the car drives. ``scale_deviation`` of each
    frame holds what the road says now and then, and what the focal length may be off. A frame that shows too little has
    no pose. The first clip of a log takes the time of all; where clips begin changes nothing. On one thread the same
    images give the same bytes.

    Raises BadLog for a log in which the film is cut, too little is seen, the camera stands or only turns, no model
    holds, or the road tells no metres: nothing is made up.
    """

    version: ClassVar[int] = 1

    kind: Literal["colmap"] = "colmap"
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Decides which matches are tried together, and where places begin."""

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if util.find_spec("pycolmap") is None:
            return "it needs pycolmap; install it with pip install occlabel[colmap]"
        return super().refuse(space, rig)

    def search(self, hands: Hands) -> Search:
        from occlabel.stages.geometry.colmap.quiet import load

        load()
        from occlabel.stages.geometry.colmap.log_poses import Film

        def found(whole: Clip, inputs: Inputs, camera: str, height: float | None) -> LogPoses:
            assert height is not None  # it was refused
            return Film(whole, inputs, camera, self.seed).poses(height)

        return found
