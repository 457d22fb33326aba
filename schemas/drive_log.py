"""A drive log: one continuous recording, as references to sensor data, never the data itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Camera:
    """One image: where it lies and, where it is known, how it was taken."""

    name: str
    path: Path
    intrinsics: Matrix | None
    """K [3, 3] in pixels; None where it is not known."""
    ego_from_camera: Matrix | None
    """[4, 4]; camera frame: x right, y down, z forward. None where it is not known."""
    time: float
    """Seconds, on the log's clock."""
    size: tuple[int, int] | None
    """Width and height in pixels; None where it is not known."""
    index: int | None = None
    """Which image of the file, counted from 0, where that is a film; None where it is the image."""
    height: float | None = None
    """Metres above the road, where that is known of a camera; also of one of which no more is known."""
    set_aside: str | None = None
    """Why K that is written down is not used, in a sentence."""

    @property
    def calibrated(self) -> bool:
        """Whether it is known where in the car it sits and what its pixels see."""
        return self.intrinsics is not None and self.ego_from_camera is not None

    @property
    def where(self) -> str:
        """The image in sentences."""
        return str(self.path) if self.index is None else f"{self.path}, frame {self.index},"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One turn of a spinning LiDAR."""

    path: Path
    ego_from_lidar: Matrix
    time: float
    name: str = ""
    """The data set's own: the token of the ``sample_data`` in nuScenes. Empty where it is that of the frame."""
    index: int | None = None
    """Which message of the file, counted from 0, where that is a recording; None where it is the sweep."""


@dataclass(frozen=True, slots=True)
class Box:
    """One annotated object. ``size`` is length, width, height [m]; the pose's x axis points along the length."""

    instance: str
    """Id of the object, unique in the log."""
    category: str
    world_from_box: Matrix
    """[4, 4]; the origin of the box frame is the centre of the box."""
    size: tuple[float, float, float]
    lidar_points: int
    """LiDAR points inside, -1 when not counted."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Human or simulated ground truth of one frame, by reference; None where the log has none."""

    voxels: Path | None = None
    """SemanticKITTI ``.label`` (its ``.invalid`` beside it) or Occ3D ``labels.npz``."""
    points: Path | None = None
    """Per-point labels of the frame's sweep: SemanticKITTI ``.label`` or nuScenes lidarseg ``.bin``."""
    boxes: tuple[Box, ...] = ()
    point_objects: Path | None = None
    """Whose the points are, where ``points`` does not say it: nuScenes ``_panoptic.npz``."""
    point_classes: Path | None = None
    """What the numbers in ``points`` mean, where a file of the log says it: nuScenes ``category.json``."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame without its data: what a stage is told of it. Poses and images come as arrays, truth never comes."""

    name: str
    time: float
    """Seconds, on the log's clock."""
    ego_from_lidar: Matrix | None = None
    """[4, 4], also of a frame without a scan; None where no frame of the log has one."""
    sweep: str = ""
    """The scan's own name in the data set, where it has one (``Sweep.name``)."""

    def ego_from_grid(self, grid: Grid) -> Matrix:
        """[4, 4] from ``grid.frame`` to the ego frame; a LiDAR grid of a log without scans lies in the ego frame."""
        if grid.frame == "lidar" and self.ego_from_lidar is not None:
            return self.ego_from_lidar
        return np.eye(4)


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment of a log. ``name`` is the data set's own: ``000042`` in KITTI, the sample token in nuScenes."""

    name: str
    time: float
    """Seconds, on the log's clock."""
    world_from_ego: Matrix | None
    cameras: tuple[Camera, ...] = ()
    sweep: Sweep | None = None
    truth: Truth = field(default_factory=Truth)
    mount: Matrix | None = None
    """``ego_from_lidar`` of a frame without a scan, as its log knows it (``DriveLog`` fills it in)."""

    @property
    def moment(self) -> Moment:
        """What a stage is told of the frame."""
        if self.sweep is None:
            return Moment(self.name, self.time, self.mount)
        return Moment(self.name, self.time, self.sweep.ego_from_lidar, self.sweep.name)

    def ego_from_grid(self, grid: Grid) -> Matrix:
        """See ``Moment.ego_from_grid``."""
        return self.moment.ego_from_grid(grid)

    def world_from_grid(self, grid: Grid) -> Matrix | None:
        """[4, 4] from ``grid.frame`` to the world; None without a pose."""
        return None if self.world_from_ego is None else self.world_from_ego @ self.ego_from_grid(grid)


@dataclass(frozen=True, slots=True)
class DriveLog:
    """One continuous recording. ``warnings`` say what is missing, odd or was repaired (a scan without a file, a time
    that was filled in) in whole sentences, each once, with file and line or frame."""

    id: str
    stamp: str
    """Changes when the text that the log was read from, or the name, size or time of any sensor file does."""
    text: str
    """Digest of that text alone: calibration, poses, times, table rows."""
    frames: tuple[Frame, ...]
    warnings: tuple[str, ...] = ()
    world: str | None = None
    """Name of the frame that the poses are in, which logs of equal name share; None: a frame of this log alone."""

    def __post_init__(self) -> None:
        """The LiDAR stays on the car when a scan is lost: a frame without one has the mount of the scan before it, or
        of the first, so that its LiDAR grid lies where those of its neighbours do."""
        mount = next((frame.sweep.ego_from_lidar for frame in self.frames if frame.sweep is not None), None)
        frames = []
        for frame in self.frames:
            if frame.sweep is not None:
                mount = frame.sweep.ego_from_lidar
            lost = frame.sweep is None and frame.mount is None and mount is not None
            frames.append(replace(frame, mount=mount) if lost else frame)
        object.__setattr__(self, "frames", tuple(frames))

    @property
    def rig(self) -> Rig:
        """The sensors of all frames together."""
        images: dict[str, list[Camera]] = {}
        for frame in self.frames:
            for camera in frame.cameras:
                images.setdefault(camera.name, []).append(camera)
        return Rig(
            cameras=tuple(_rig_camera(name, taken) for name, taken in images.items()),
            lidar=any(frame.sweep is not None for frame in self.frames),
        )

    def part(self, start: int, stop: int) -> DriveLog:
        """The same log with the frames [start, stop) only."""
        return replace(self, frames=self.frames[start:stop])


def _rig_camera(name: str, images: list[Camera]) -> RigCamera:
    sizes = {image.size for image in images}
    return RigCamera(
        name=name,
        size=sizes.pop() if len(sizes) == 1 else None,
        intrinsics=all(image.intrinsics is not None for image in images),
        extrinsics=all(image.ego_from_camera is not None for image in images),
        height=images[0].height,
        set_aside=images[0].set_aside,
    )


@dataclass(frozen=True, slots=True)
class VoxelTruth:
    """Truth over the grid of ``space``. ``semantics`` uint8 [X, Y, Z] in class ids of its taxonomy, UNKNOWN where
    unlabelled; ``scored`` bool [X, Y, Z] is where the benchmark compares (not ``.invalid``; Occ3D: ``mask_camera``)."""

    semantics: NDArray[np.uint8]
    scored: NDArray[np.bool_]
    space: LabelSpace
    remark: str | None = None
    """A sentence about what of the file is left out."""


@dataclass(frozen=True, slots=True)
class PointSegments:
    """Panoptic truth of a sweep's points: those of one class and one id are a segment.

    ``semantics`` uint8 [n] class ids (UNKNOWN: not scored); ``category`` uint16 [n] the data set's own, finer class
    (raw id of SemanticKITTI, category of nuScenes); ``instance`` uint16 [n] number of the object in the log, 0: none.
    """

    semantics: NDArray[np.uint8]
    category: NDArray[np.uint16]
    instance: NDArray[np.uint16]

    @property
    def ids(self) -> NDArray[np.uint32]:
        """[n]: both benchmarks take the category for a part of the id, so that lane-marking and road, or an adult and
        a child of one number, are two segments of one class. SemanticKITTI: the label as it is in the file."""
        return self.category.astype(np.uint32) | self.instance.astype(np.uint32) << np.uint32(16)


@dataclass(frozen=True, slots=True)
class PointTruth:
    """Truth of a sweep's points: ``semantics`` uint8 [n] class ids of ``taxonomy`` (UNKNOWN: not scored); ``segments``
    of the same points, None where the data set does not say whose they are."""

    semantics: NDArray[np.uint8]
    taxonomy: Taxonomy
    segments: PointSegments | None = None
    remark: str | None = None
    """A sentence about what of the file is left out."""


def refuse_no_scan(points: NDArray[np.float32], sweep: Sweep) -> None:
    """Raises DamagedFile unless ``points`` are what ``LogReader.points`` promises: a reader may be anybody's."""
    if isinstance(points, np.ndarray) and points.dtype == np.float32 and points.shape[1:] == (4,):
        return
    found = f"{points.dtype}{list(points.shape)}" if isinstance(points, np.ndarray) else type(points).__name__
    raise DamagedFile(
        f"{sweep.path}: its reader gives {found} and breaks its contract: points are float32[n, 4] (x, y, z, intensity)"
    )


class LogReader(Protocol):
    """Reads one data set layout. A reader is a small picklable value: it holds the root, not open files.

    Every method that opens a file raises DamagedFile (which file, what is wrong) when it cannot be read.
    """

    @property
    def root(self) -> Path:
        """Where the logs lie."""

    def log_ids(self) -> list[str]:
        """Ids of the logs under the root, sorted."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        """The logs, one at a time. Raises BadLog for an id that is not there."""

    def stamp(self) -> str | None:
        """Changes whenever the stamp of any log may have changed; None when reading the logs is as quick."""

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        """Points [n, 4]: x, y, z [m] in the LiDAR frame, and intensity 0..1."""

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        """Pixels [height, width, 3], RGB."""

    def check_image(self, camera: Camera) -> None:
        """Raises DamagedFile when the image is missing, truncated or not an image; decodes no pixels."""

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        """Voxel truth of the frame in the data set's own grid and taxonomy."""

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        """Point truth of the frame's sweep, in the order of ``points``; how many those are, for whoever has read them
        already."""


def is_reader(value: object) -> TypeGuard[LogReader]:
    """Whether ``value`` can be asked for logs as a LogReader can; its class cannot."""
    asked = (getattr(value, name, None) for name in ("log_ids", "logs"))
    return not isinstance(value, type) and all(map(callable, asked))
