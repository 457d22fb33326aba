"""Visual odometry as a stage of the geometry slot."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION, ArraySpec, Extent
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage
from occlabel.stages.geometry.from_images.mounted import height_of, lacks_height
from occlabel.stages.geometry.odometry.reach import REACH

_FRAME = 16 << 20
"""Bytes of the points of a frame, of what it shares with others, and of its image in grey."""


class PosesFromImages(Stage):
    """Finds how a camera moved from what it sees again and again (SIFT, essential matrix, bundle adjustment of a few
    seconds), and metres from the road, which lies as far below the camera as ``calibration.yaml`` or an option says.

    Needs K, and lenses without distortion. Where it is not known how the camera sits on the car, that is found too: the
    ego frame lies on the road below the camera then, x where the car drives. The first frame is where the world is. A
    camera that stands has equal poses, and ``scale_deviation`` 0; a frame that shows too little has none. Where clips
    begin changes nothing, and the clips of a log are done in turn. What is drifts: nothing is ever recognised again.

    Raises BadLog for a clip in which the film is cut, too little is seen, the camera only turns, or the road tells no
    metres, and for a way that no car drives: nothing is made up.
    """

    slot: ClassVar[str] = "geometry"
    version: ClassVar[int] = 3
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, EXTRINSICS, SCALE_DEVIATION)

    kind: Literal["odometry"] = "odometry"
    camera: str | None = None
    """Which camera is looked through; the first of which K is known when not given."""
    camera_height: float | None = Field(default=None, gt=0.2, lt=10.0)
    """Metres of the camera above the road; what the log says when not given."""

    @property
    def own_world(self) -> bool:
        return True

    @property
    def halo(self) -> int:
        return REACH

    @property
    def recalls(self) -> int:
        return REACH

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; points and images of the frames around; what is read and written."""
        extent = Extent(clip_frames, space.grid, rig)
        arrays = sum(extent.nbytes(spec) for spec in (*self.reads, *self.writes))
        return Resources(memory=(400 << 20) + (2 * REACH + clip_frames) * _FRAME + 2 * arrays)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None:
            return None
        if self.camera is not None and self.camera not in rig.names:
            return f"there is no camera {self.camera!r}; there is {', '.join(rig.names) or 'none'}; set geometry.camera"
        camera = self._chosen(rig)
        if camera is None:
            whose, why = self.camera or ", ".join(rig.names) or "a camera", self._set_aside(rig)
            return (
                f"K of {whose} is not known{why}, and without it images tell no "
                "angles: write intrinsics: [[f, 0, cx], [0, f, cy], [0, 0, 1]] into calibration.yaml beside the video, "
                "where f = width / 2 / tan(a / 2) of a lens that sees the angle a across, and cx, cy is the middle of "
                "the image; how far all things are is as wrong as f. Of a film that does not go straight alone it "
                "can be found: --set geometry.kind=colmap"
            )
        return lacks_height(camera, self.camera_height)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        if log.poses:
            return f"log {log.id} has poses; those that the geometry stage finds in its images take their place"
        return f"log {log.id} has no poses: they are made from its images"

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return "" if self.camera_height is not None else f"{log.seen.ground_in_ego}"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import cv2

        from occlabel.stages.geometry.odometry.chain import Chain
        from occlabel.stages.geometry.odometry.looking import Looked

        cv2.setNumThreads(hands.threads)
        camera = self._chosen(rig)
        looked_at: dict[str, Looked] = {}

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            assert camera is not None
            looked = looked_at.get(clip.log) or Looked()
            looked_at.clear()
            looked_at[clip.log] = looked
            extent = Extent(clip.frames, space.grid, rig)
            poses, deviation = POSES.empty(extent), SCALE_DEVIATION.empty(extent)
            extrinsics = inputs[EXTRINSICS][inputs.target(clip)].copy()
            chain = Chain(clip, inputs, camera.name, looked, height_of(camera, self.camera_height, inputs, clip))
            for row, found in chain.find().items():
                poses[row], deviation[row] = found.world_from_ego, found.deviation
                extrinsics[row, rig.names.index(camera.name)] = found.ego_from_camera
            return {POSES.name: poses, EXTRINSICS.name: extrinsics, SCALE_DEVIATION.name: deviation}

        return process

    def _set_aside(self, rig: Rig) -> str:
        said = [camera.set_aside for camera in rig.cameras if camera.set_aside and self.camera in (None, camera.name)]
        return f" ({said[0]})" if said else ""

    def _chosen(self, rig: Rig) -> RigCamera | None:
        known = [camera for camera in rig.cameras if camera.intrinsics and self.camera in (None, camera.name)]
        return known[0] if known else None
