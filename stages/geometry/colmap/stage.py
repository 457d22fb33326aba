"""Structure from motion as a stage of the geometry slot."""

from __future__ import annotations

from importlib import util
from typing import ClassVar, Literal

from pydantic import Field

from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig, RigCamera
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
    no pose.

    Cameras that sit on one car are mapped as one with ``cameras``: from the way of the one that looks at the road all
    images of the others are laid out too. Where extrinsics are known they are kept, and metres are those of how far
    cameras sit apart or of the road, whichever are surer, and must agree; where not, how cameras sit is found. What
    cameras see both must be one.

    The first clip of a log takes the time of all; where clips begin changes nothing. On one thread the same images give
    the same bytes.

    Raises BadLog for a log in which the film is cut, too little is seen, the camera stands or only turns, no model
    holds, cameras are no rig, or the road tells no metres: nothing is made up.
    """

    version: ClassVar[int] = 1

    kind: Literal["colmap"] = "colmap"
    cameras: tuple[str, ...] = ()
    """Names of cameras that sit rigidly on one car and take their images together, to be mapped as one: the first of
    them, or ``camera``, looks at the road. One camera alone when not given."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Decides which matches are tried together, and where places begin."""

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if util.find_spec("pycolmap") is None:
            return "it needs pycolmap; install it with pip install occlabel[colmap]"
        if rig is not None and (strange := [name for name in self.cameras if name not in rig.names]):
            return f"there is no camera {strange[0]!r}; there is {', '.join(rig.names) or 'none'}; set geometry.cameras"
        if rig is not None and rig.cameras and self.camera in (None, *rig.names):
            places = {rig.camera(name).extrinsics: name for name in reversed(self.together(rig))}
            if len(places) > 1:
                return (
                    f"where {places[True]} sits on the car is known, and where {places[False]} does is not: write down "
                    "extrinsics of all that geometry.cameras names, or of none"
                )
        return super().refuse(space, rig)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        said = super().doubts(space, log)
        beside = self.together(log.rig)[1:] if log.rig.cameras else []
        lacking = [name for name in beside if not log.rig.camera(name).extrinsics]
        return said if not lacking else f"{said}, and how {', '.join(lacking)} sit"

    def chosen(self, rig: Rig) -> RigCamera:
        return rig.camera(self.camera or (*self.cameras, *rig.names)[0])

    def together(self, rig: Rig) -> list[str]:
        """Names of the cameras that are mapped, the one that looks at the road first."""
        return list(dict.fromkeys([self.chosen(rig).name, *self.cameras]))

    def search(self, hands: Hands) -> Search:
        from occlabel.stages.geometry.colmap.quiet import load

        load()
        from occlabel.stages.geometry.colmap.log_poses import Film
        from occlabel.stages.geometry.colmap.rig.log_poses import RigFilm

        def found(whole: Clip, inputs: Inputs, camera: str, height: float | None) -> LogPoses:
            assert height is not None  # it was refused
            beside = [name for name in self.cameras if name != camera]
            if beside:
                return RigFilm(whole, inputs, [camera, *beside], self.seed).poses(height)
            return Film(whole, inputs, camera, self.seed).poses(height)

        return found
