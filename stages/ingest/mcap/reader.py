"""Recordings of ROS 2 in MCAP files as logs, by what ``topics.yaml`` says of their topics.

A frame is a message of the LiDAR; of a log without one, of the camera that has the fewest. Times are those in the
headers of messages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_track import PoseTrack
from occlabel.stages.ingest.calibration import camera_of
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.mcap.layout import recordings
from occlabel.stages.ingest.mcap.messages import decoded, pixels_of, points_of, stamp_of
from occlabel.stages.ingest.mcap.recording import Recording, open_recording
from occlabel.stages.ingest.mcap.topics import NAME, CameraTopic, Topics, mount_of, read_topics
from occlabel.stages.ingest.mcap.transforms import StaticFrames, track_in
from occlabel.stages.ingest.poses import usable_poses
from occlabel.stages.ingest.without_truth import WithoutTruth

_TOGETHER = 0.6
"""Share of the time between two frames within which an image belongs to one."""


@dataclass(frozen=True, slots=True)
class McapReader(WithoutTruth):
    """Reads a recording, or those in a folder, a log each, named as it is. There is no truth."""

    root: Path

    def log_ids(self) -> list[str]:
        return list(recordings(self.root))

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        known = recordings(self.root)
        for log_id in known if ids is None else ids:
            if log_id not in known:
                raise BadLog(f"{self.root} has no recording {log_id!r}; it has {', '.join(known) or 'none'}")
            topics, content = self._topics()
            try:
                recording = open_recording(known[log_id])
                yield _Reading(recording, topics, log_id).log(content)
            except DamagedFile as error:
                raise BadLog(str(error)) from error

    def stamp(self) -> str | None:
        digest = LogDigest()
        digest.add_files("", [(path.name, _stat(path)) for path in recordings(self.root).values()])
        digest.add_text(NAME, self._topics()[1])
        return digest.stamp

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        lidar = self._topics()[0].lidar
        if lidar is None or sweep.index is None:
            raise DamagedFile(f"{sweep.path}: {NAME} names no LiDAR any more")
        message = decoded(open_recording(sweep.path), lidar.topic, sweep.index)
        return points_of(message, sweep.path, f"message {sweep.index} of {lidar.topic}", lidar.intensity)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        told = self._topics()[0].cameras.get(camera.name)
        if told is None or camera.index is None:
            raise DamagedFile(f"{camera.path}: {NAME} names no camera {camera.name} any more")
        what = f"message {camera.index} of {told.topic}"
        pixels = pixels_of(decoded(open_recording(camera.path), told.topic, camera.index), camera.path, what)
        if camera.size is not None and pixels.shape[1::-1] != camera.size:
            size = f"{camera.size[0]}x{camera.size[1]}"
            raise DamagedFile(f"{camera.path}, {what} is {pixels.shape[1]}x{pixels.shape[0]}, others are {size}")
        return pixels

    def check_image(self, camera: Camera) -> None:
        self.image(camera)

    def _topics(self) -> tuple[Topics, bytes]:
        return read_topics(self.root if self.root.is_dir() else self.root.parent)


@dataclass(frozen=True)
class _Shots:
    """The messages of a camera, and what is known of it."""

    stamps: NDArray[np.int64]
    indices: NDArray[np.int64]
    intrinsics: Matrix | None
    mount: Matrix | None
    size: tuple[int, int] | None


@dataclass
class _Reading:
    recording: Recording
    topics: Topics
    log_id: str
    warnings: list[str] = field(default_factory=list)

    def log(self, content: bytes) -> DriveLog:
        """Raises BadLog for a recording without frames."""
        if self.recording.ends is not None:
            said = (
                f"{self.recording.path}: {self.recording.ends}; what comes before is read (the recorder was stopped?)"
            )
            self.warnings.append(said)
        frames = StaticFrames(self.recording, self.topics.static, self.warnings)
        lidar, sweeps, mount = self.topics.lidar, None, None
        if lidar is not None:
            sweeps = self._listed(lidar.topic)
            mount = self._mount(frames, lidar.topic, mount_of(lidar.extrinsics, "lidar"))
            if len(sweeps[0]) and mount is None:
                self.warnings.append(f"where the LiDAR sits is not known; the log goes on without scans: see {NAME}")
        shots = {name: self._shots(frames, name, told) for name, told in self.topics.cameras.items()}
        seen = {name: each for name, each in shots.items() if len(each.stamps)}
        if sweeps is None or not len(sweeps[0]) or mount is None:
            sweeps = None
            fewest = min(seen.values(), key=lambda each: len(each.stamps), default=None)
            if fewest is None:
                raise BadLog(f"{self.recording.path} has no frames: none of the topics of {NAME} has a message of use; "
                             f"it has {', '.join(self.recording.topics) or 'no topics'}")  # fmt: skip
            stamps = fewest.stamps
        else:
            stamps = sweeps[0]
        track = None
        if self.topics.pose is None:
            self.warnings.append(f"{NAME} names no topic of poses; the log has none")
        else:
            track = track_in(self.recording, self.topics.pose, self.topics.ego, frames, self.warnings)
        poses = self._poses(track, stamps)
        result = []
        for row, stamp in enumerate(stamps.tolist()):
            sweep = None
            if sweeps is not None and mount is not None:
                sweep = Sweep(self.recording.path, mount, stamp * 1e-9, index=int(sweeps[1][row]))
            cameras = self._cameras(seen, stamps, row, poses[row], track)
            result.append(Frame(str(stamp), stamp * 1e-9, poses[row], cameras, sweep))
        self.warnings += off_middle(result)
        digest = LogDigest()
        digest.add_text(NAME, content)
        digest.add_text("poses", repr([None if pose is None else pose.tolist() for pose in poses]).encode())
        digest.add_text("mounts", repr([(n, s.intrinsics, s.mount) for n, s in seen.items()] + [mount]).encode())
        digest.add_files("", [(self.recording.path.name, _stat(self.recording.path))])
        return DriveLog(self.log_id, digest.stamp, digest.text, tuple(result), tuple(self.warnings))

    def _listed(self, topic: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times [ns] of the messages of a topic, growing, and which messages they are."""
        found: dict[int, int] = {}
        count, bad = self.recording.count(topic), []
        if not count:
            known = ", ".join(self.recording.topics) or "no topics"
            self.warnings.append(f"the recording has no messages of {topic}; it has {known}")
        for index in range(count):
            try:
                found.setdefault(stamp_of(self.recording, topic, index), index)
            except DamagedFile as error:
                bad.append(str(error))
        if bad:
            self.warnings.append(f"{len(bad)} messages of {topic} are left out: {bad[0]}")
        if len(found) + len(bad) < count:
            self.warnings.append(
                f"{count - len(found) - len(bad)} messages of {topic} have the time of another; left out"
            )
        stamps = np.array(sorted(found), np.int64)
        return stamps, np.array([found[stamp] for stamp in stamps.tolist()], np.int64)

    def _mount(self, frames: StaticFrames, topic: str, written: Matrix | None) -> Matrix | None:
        """``ego_from_sensor``: as written down, or by the frame that the first message of ``topic`` names."""
        if written is not None or not self.recording.count(topic):
            return written
        try:
            return frames.mount(self.topics.ego, decoded(self.recording, topic, 0).header.frame_id)
        except (BadLog, DamagedFile, AttributeError) as error:
            self.warnings.append(f"{topic}: {error}")
            return None

    def _shots(self, frames: StaticFrames, name: str, told: CameraTopic) -> _Shots:
        stamps, indices = self._listed(told.topic)
        mount = self._mount(frames, told.topic, mount_of(told.extrinsics, name))
        k, size = self._pinhole(told)
        return _Shots(stamps, indices, k, mount, size)

    def _pinhole(self, told: CameraTopic) -> tuple[Matrix | None, tuple[int, int] | None]:
        """K and size by the first message of ``info``."""
        if told.info is None:
            return None, None
        try:
            info = decoded(self.recording, told.info, 0)
            k = np.array(info.k, np.float64).reshape(3, 3)
            pinhole = camera_of(np.column_stack([k, np.zeros(3)]), None, f"k of {told.info}")[0]
            if any(info.d):
                self.warnings.append(f"the lens of {told.topic} is distorted, by {told.info}, which is not taken out")
            return pinhole, (int(info.width), int(info.height)) if info.width and info.height else None
        except (BadLog, DamagedFile, AttributeError, ValueError, TypeError) as error:
            self.warnings.append(f"{error}; the camera of {told.topic} goes on without calibration")
            return None, None

    def _poses(self, track: PoseTrack | None, stamps: NDArray[np.int64]) -> list[Matrix | None]:
        found = [None if track is None else track.at(stamp) for stamp in stamps.tolist()]
        if track is None:
            return found
        nothing = np.full((4, 4), np.nan)
        matrices = np.array([nothing if pose is None else pose for pose in found])
        topic = "" if self.topics.pose is None else self.topics.pose.topic
        poses, sentences = usable_poses(matrices, [str(stamp) for stamp in stamps], stamps * 1e-9, topic)
        self.warnings += sentences
        return poses

    def _cameras(
        self, seen: dict[str, _Shots], stamps: NDArray[np.int64], row: int, pose: Matrix | None, track: PoseTrack | None
    ) -> tuple[Camera, ...]:
        """The images nearest to a frame in time; the car's motion in between is part of their extrinsics."""
        period = float(np.median(np.diff(stamps))) if len(stamps) > 1 else np.inf
        result = []
        for name, shots in seen.items():
            nearest = int(np.abs(shots.stamps - stamps[row]).argmin())
            taken = int(shots.stamps[nearest])
            if abs(taken - int(stamps[row])) > _TOGETHER * period:
                continue
            then, mount = None if track is None else track.at(taken), shots.mount
            if pose is not None and then is not None and mount is not None:
                mount = inverse(pose) @ then @ mount
            path, index = self.recording.path, int(shots.indices[nearest])
            result.append(Camera(name, path, shots.intrinsics, mount, taken * 1e-9, shots.size, index))
        return tuple(result)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
