"""Poses of another program's files as a stage of the geometry slot."""

from __future__ import annotations

import glob
import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION, ArraySpec, Extent
from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.log_places import LOG, of_each_log, place_of
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.stages.geometry.from_images.mounted import lacks_height
from occlabel.stages.geometry.stored import told
from occlabel.stages.geometry.stored.log_poses import LogFiles
from occlabel.stages.geometry.stored.model import FILES, read_model
from occlabel.stages.geometry.stored.on_the_car import Found
from occlabel.stages.geometry.stored.trajectory import SUFFIXES, read_trajectory

_WHOLE_LOG = 1_000_000
"""Frames: more than a log has."""
_FRAMES = 2000
"""Of a log, for which there is memory."""
OWN = ("ego", "lidar")
"""What a file of poses may be about that is no camera."""


class StoredPoses(Stage):
    """Reads what another program found. Of each log there is

    - a file of TUM's form: a time [s], x y z [m] and the quaternion x y z w on a line; a frame between two lines that
      are at most 0.3 s apart has a pose;
    - or a file of KITTI's form: a 3x4 or 4x4 matrix on a line, one for each frame, or line i for frame number i;
    - or a folder with ``cameras.txt`` and ``images.txt``, a model of COLMAP, whose images are named like frames and lie
      in folders named like cameras, where there are several. K and places on the car that the log does not know come
      from it, for all of its cameras; these sit rigidly.

    Poses are world from what moved, at the times of frames. The world of a file about a camera is anything: the first
    frame's ego frame takes its place. Where nobody says how the camera sits on the car, x is where it moves, and it is
    taken as level from side to side, as high above the road as ``calibration.yaml`` or an option says. A frame of which
    nothing is written has no pose. Nothing holds poses against what scans or images show.

    Raises BadLog for a log without files, for files that cannot be held against its frames, and for a way that no car
    drives.
    """

    slot: ClassVar[str] = "geometry"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, INTRINSICS, EXTRINSICS, SCALE_DEVIATION)

    kind: Literal["stored"] = "stored"
    path: Annotated[Path, PLACE]
    """Where the file or folder of a log lies, such as ``poses/{log}.txt`` or ``models/{log}/sparse/0``; a name that
    ends in .txt, .tum or .csv is that of a file."""
    of: str | None = None
    """What a file is about: ``ego``, as where it is not given, ``lidar``, or the name of a camera. Of a model: whose
    images are, where no folder of them is named like a camera; it need not be given of a log with one."""
    world: Literal["own", "log"] = "own"
    """``log``: poses of the car or its LiDAR are in the world that the log's own would be in, which logs may share in a
    map; ``own``: they begin anywhere."""
    scale: float = Field(default=1.0, gt=0, lt=1e6)
    """Metres in a length of the files. What images alone told has lengths of its own."""
    later: float = Field(default=0.0, ge=-9e9, le=9e9)
    """Seconds that the log's clock is ahead of times in a file."""
    deviation: float | None = Field(default=None, ge=0, le=10)
    """By how much lengths may be off, as a share, where that is known: ``scale_deviation`` of each frame."""
    camera_height: float | None = Field(default=None, gt=0.2, lt=10.0)
    """Metres of the camera above the road; what the log says when not given."""

    @field_validator("path")
    @classmethod
    def _of_each_log(cls, value: Path) -> Path:
        if not of_each_log(value):
            raise ValueError(f"{value} names one place for all logs; write {{log}} where the log's id stands")
        return value

    @model_validator(mode="after")
    def _images_are_of_cameras(self) -> StoredPoses:
        if self.is_model and self.of in OWN:
            raise ValueError(f"{self.path} is a folder with a model of images, which are not of {self.of}")
        if self.of_cameras and self.world == "log":
            raise ValueError("poses of cameras begin at the first frame; world=log is of poses of ego or lidar")
        return self

    @property
    def is_model(self) -> bool:
        """Whether there is a folder of each log, and not a file."""
        return self.path.suffix.lower() not in SUFFIXES

    @property
    def of_cameras(self) -> bool:
        """Whether poses are those of cameras."""
        return self.is_model or self.of not in (None, *OWN)

    @property
    def own_world(self) -> bool:
        return self.world == "own"

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        if self.is_model:
            return self.reads
        return (EXTRINSICS,) if self.of_cameras else ()

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        return (POSES, *self.needed, SCALE_DEVIATION)

    @property
    def halo(self) -> int:
        """All frames: the first that has a pose decides where the world is."""
        return _WHOLE_LOG

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; what is read and written."""
        extent = Extent(clip_frames + _FRAMES, space.grid, rig)
        arrays = sum(extent.nbytes(spec) for spec in (*self.reads, *self.writes))
        return Resources(memory=(400 << 20) + 3 * arrays)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None:
            return self._lacking()
        if self.of == "lidar" and not rig.lidar:
            return "the log has no LiDAR, and geometry.of says that poses are of it"
        if not self.of_cameras:
            return None
        if not rig.cameras:
            return "the log has no cameras, and poses are of one"
        if self.of is not None and self.of not in rig.names:
            return f"there is no camera {self.of!r}; there is {', '.join(rig.names)}; set geometry.of"
        lacking = [lacks_height(rig.camera(name), self.camera_height) for name in self._whose(rig)]
        return None if None in lacking else lacking[0]

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Digest of the content of the log's own files."""
        place, digest = place_of(self.path, log.id), hashlib.blake2b(digest_size=16)
        for file in [place / name for name in FILES] if self.is_model else [place]:
            digest.update(f"{content_of(file)}\n".encode())
        ground = log.seen.ground_in_ego if self.of_cameras and self.camera_height is None else None
        return f"{digest.hexdigest()}, {ground}"

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        place = place_of(self.path, log.id)
        begins = f"has poses; those in {place} take their place" if log.poses else f"has no poses: {place} has them"
        try:
            if self.is_model:
                odd = told.of_model(read_model(place), log, self._alone(log.rig))
            else:
                found = read_trajectory(place, log.names, log.times, self.later)
                odd = [*found.said, *([] if self.of_cameras else told.of_motion(found.poses, self.of or OWN[0]))]
        except BadLog as error:
            raise BadLog(f"log {log.id}: {error}; leave the log out with --log, or name other files") from error
        return "; ".join([f"log {log.id} {begins}", *odd])

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        found: dict[str, Found] = {}

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            if clip.log not in found:
                found[clip.log] = self._find(Clip(clip.log, 0, len(inputs.frames)), inputs)
            log, own = found[clip.log], inputs.target(clip)
            extent = Extent(clip.frames, space.grid, rig)
            result: Arrays = {spec.name: spec.empty(extent) for spec in self.written}
            result[POSES.name][:] = log.world_from_ego[own]
            known = ~np.isnan(log.world_from_ego[own]).any(axis=(1, 2))
            result[SCALE_DEVIATION.name][known] = np.nan if self.deviation is None else self.deviation
            for spec, found_of in ((EXTRINSICS, log.ego_from_camera), (INTRINSICS, log.intrinsics)):
                if spec in self.needed:
                    result[spec.name][:] = inputs[spec][own]
                    for camera, each in found_of.items():
                        column = result[spec.name][:, rig.names.index(camera)]
                        np.copyto(column, each[own], where=np.isnan(column))
            return result

        return process

    def _lacking(self) -> str | None:
        """Why no log has files, whatever its id; later stages would say what they lack by that."""
        common = next(folder for folder in self.path.parents if not of_each_log(folder))
        anywhere = glob.escape(str(self.path.relative_to(common))).replace(LOG, "*")
        if any(common.glob(anywhere)):
            return None
        return f"{self.path} cannot be read: no log has such a {'folder' if self.is_model else 'file'}; name others"

    def _find(self, whole: Clip, inputs: Inputs) -> Found:
        files = LogFiles(whole, inputs, place_of(self.path, whole.log), self.scale)
        if self.is_model:
            return files.of_model(self._whose(inputs.rig), self._alone(inputs.rig), self.camera_height)
        return files.of_trajectory(self.of or OWN[0], self.later, self.camera_height)

    def _whose(self, rig: Rig) -> list[str]:
        """Names of the cameras that poses may be of, in the order in which they tell where the car was."""
        if not self.is_model:
            return [str(self.of)]
        return sorted(rig.names, key=lambda name: (name != self.of, not rig.camera(name).extrinsics))

    def _alone(self, rig: Rig) -> str | None:
        """Whose images are that lie in no folder named like a camera."""
        return self.of or (rig.names[0] if len(rig.names) == 1 else None)
