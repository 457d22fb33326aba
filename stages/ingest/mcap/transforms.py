"""Where sensors sit on the car, and where the car is, from the messages of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import numpy as np

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_track import PoseTrack, track_of
from occlabel.stages.ingest.calibration import mounted
from occlabel.stages.ingest.mcap.messages import decoded, matrix_of, time_of
from occlabel.stages.ingest.mcap.recording import Recording
from occlabel.stages.ingest.mcap.topics import PoseTopic

_Told = TypeVar("_Told")


class StaticFrames:
    """The frames that sit on the car, from a topic of ``tf2_msgs/TFMessage``."""

    def __init__(self, recording: Recording, topic: str, warnings: list[str]) -> None:
        self._from: dict[str, dict[str, Matrix]] = {}
        """Frame -> frame next to it -> the first from the second."""
        for parent, child, matrix in _told(recording, topic, _links, warnings):
            if np.isfinite(matrix).all():
                self._from.setdefault(parent, {}).setdefault(child, matrix)
                self._from.setdefault(child, {}).setdefault(parent, inverse(matrix))

    def between(self, target: str, source: str) -> Matrix | None:
        """``target_from_source`` [4, 4] along the transforms that there are; None where none lead there."""
        known, waiting = {_name(target): np.eye(4)}, [_name(target)]
        while waiting:
            frame = waiting.pop(0)
            if frame == _name(source):
                return known[frame]
            for beside, matrix in self._from.get(frame, {}).items():
                if beside not in known:
                    known[beside] = known[frame] @ matrix
                    waiting.append(beside)
        return None

    def mount(self, ego: str, sensor: str) -> Matrix | None:
        """As ``between``, for a sensor of the car. Raises BadLog for one that no car is long enough for."""
        found = self.between(ego, sensor)
        return None if found is None else mounted(found, f"the transform from {sensor} to {ego}")


def track_in(
    recording: Recording, pose: PoseTopic, ego: str, frames: StaticFrames, warnings: list[str]
) -> PoseTrack | None:
    """Poses of the frame ``ego``; None, and a warning, where there are none."""
    told = list(_told(recording, pose.topic, partial(_poses, pose=pose), warnings))
    child = pose.child or next((said for _, said, _ in told if said), ego)
    from_ego = frames.between(child, ego)
    if from_ego is None:
        where = f"no transform leads from {ego} to {child}, which {pose.topic} has the poses of"
        warnings.append(f"{where}; the log goes on without poses")
        return None
    times = np.array([time for time, _, _ in told], np.int64)
    track = track_of(times, np.array([matrix for *_, matrix in told]) @ from_ego) if told else None
    if track is None:
        of = "" if pose.parent is None else f" of a frame in {pose.parent}"
        warnings.append(f"{pose.topic} has no pose{of}; the log goes on without poses")
    return track


def _links(message: Any) -> list[tuple[str, str, Matrix]]:
    """Parent, child and ``parent_from_child`` of each transform of a message."""
    result = []
    for told in message.transforms:
        matrix = matrix_of(told.transform.translation, told.transform.rotation)
        result.append((_name(told.header.frame_id), _name(told.child_frame_id), matrix))
    return result


def _poses(message: Any, pose: PoseTopic) -> list[tuple[int, str | None, Matrix]]:
    """Time [ns], whose pose it is, and the pose, of each that a message holds."""
    if hasattr(message, "transforms"):
        return [
            (time_of(told.header), child, matrix)
            for told, (parent, child, matrix) in zip(message.transforms, _links(message), strict=True)
            if _fits(pose.parent, parent) and _fits(pose.child, child)
        ]
    inner = getattr(message.pose, "pose", message.pose)  # Odometry has it with its covariance
    said = getattr(message, "child_frame_id", None)
    return [(time_of(message.header), said, matrix_of(inner.position, inner.orientation))]


def _told(recording: Recording, topic: str, read: Callable[[Any], list[_Told]], warnings: list[str]) -> Iterator[_Told]:
    """What ``read`` finds in the messages of ``topic``; ``warnings`` take in a sentence about those that it cannot."""
    bad = []
    for index in range(recording.count(topic)):
        try:
            yield from read(decoded(recording, topic, index))
        except DamagedFile as error:
            bad.append(str(error))
        except (AttributeError, TypeError, ValueError, BadLog) as error:
            bad.append(f"{recording.path}, message {index} of {topic}: {error}")
    if bad:
        warnings.append(f"{len(bad)} messages of {topic} are left out: {bad[0]}")


def _fits(wanted: str | None, frame: str) -> bool:
    return wanted is None or _name(wanted) == frame


def _name(frame: str) -> str:
    """Without the slash that frames of ROS 1 begin with."""
    return frame.removeprefix("/")
