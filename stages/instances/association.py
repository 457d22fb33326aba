"""Ids that hold through a log: each frame's objects go on the tracks that they fit, in the frame of the world.

A track is moved to where it should be by now, at constant velocity. Pairs of a track and an object that could be one
(``candidates.py``) get a score from the overlap of their voxels and the distance of their centroids, and the
assignment with the largest sum of scores holds (``matching.py``). Objects that are left begin tracks; tracks that are
left wait for ``bridge`` seconds. Frames come one by one, and of the past only the last sight of each live track is
kept, and a row per object and frame for the trajectory table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadLog
from schemas.geometry import Matrix, rigid, transform_points
from schemas.grid import Grid
from stages.instances.candidates import Expected, candidates
from stages.instances.kinds import Kinds
from stages.instances.matching import best_matching
from stages.instances.motion import has_moved, heading, smooth
from stages.instances.objects import Objects, summarise
from stages.instances.trajectories import Trajectories, concatenated


@dataclass(frozen=True, slots=True)
class FrameTracks:
    """Which track each object of a frame belongs to."""

    local: NDArray[np.uint32]
    """[n]: ids in the frame's volume, ascending."""
    tracks: NDArray[np.uint32]
    """[n]: ids in the log."""

    def applied(self, instance: NDArray[np.integer[Any]]) -> NDArray[np.uint32]:
        """``instance`` [X, Y, Z] with the ids of the log, 0 staying 0."""
        result = np.zeros(instance.shape, np.uint32)
        held = instance > 0
        result[held] = self.tracks[np.searchsorted(self.local, instance[held])]
        return result


@dataclass(slots=True)
class _Track:
    id: int
    votes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    """Voxels of its life by class."""
    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64]] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    reaches: list[float] = field(default_factory=list)
    offsets: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """[m, 3]: its voxels when last seen, from their centroid [m], along the axes of the world. Short, so 32 bits do."""

    @property
    def class_id(self) -> int:
        return int(self.votes.argmax())

    def rows(self) -> Trajectories:
        n, times, places, cut = len(self.frames), np.array(self.times), np.array(self.places), np.array(self.cut)
        moving = has_moved(times, places, cut, float(np.median(self.reaches)))
        return Trajectories(
            np.full(n, self.id, np.uint32), np.array(self.frames), times, places, smooth(times, places, cut)[1], cut,
            np.full(n, moving), np.full(n, self.class_id, np.uint8),
        )  # fmt: skip


class Tracker:
    """Follows the objects of one log, frame by frame.

    bridge: seconds for which an object may be out of sight. drift: m/s by which an object may go faster or slower than
    predicted; what has been seen only once may have any speed that its class can have in the very next frame, and is
    found again after a gap only where it stood. To both comes the radius of a ball as large as the object.

    At 2 Hz a lane can move on by half the distance between its cars, and cars that are seen for the first time then fit
    the places of those behind as well as those ahead: there ids break off until one has been seen twice.

    A frame without a pose cannot be placed: its objects get ids of their own that end with it, and tracks wait over it
    as over any gap. In a log without poses ids therefore hold for one frame.
    """

    def __init__(
        self, grid: Grid, kinds: Kinds, *, bridge: float = 2.0, drift: float = 3.0, first_frame: int = 0
    ) -> None:
        self._grid, self._kinds, self._bridge, self._drift = grid, kinds, bridge, drift
        self._frame = first_frame
        self._time = -np.inf
        self._placed = -1  # the last frame with a pose
        self._tracks = 0
        self._live: list[_Track] = []
        self._ended: list[Trajectories] = []

    def add(
        self,
        instance: NDArray[np.integer[Any]],
        semantics: NDArray[np.uint8],
        time: float,
        world_from_grid: Matrix | None,
    ) -> FrameTracks:
        """Takes in the next frame: ids [X, Y, Z] (0 = none), class ids [X, Y, Z], seconds and the pose [4, 4], if any.

        Raises BadLog for a time that is not after the last one, and a pose that is not rigid.
        """
        frame = self._frame
        if not time > self._time or not np.isfinite(time):
            raise BadLog(
                f"frame {frame} has the time {time} s, the frame before it {self._time} s; objects can be followed "
                "only through times that grow: sort the frames or repair their times"
            )
        objects = summarise(instance, semantics, self._grid)
        if world_from_grid is None:
            tracks = [self._begin() for _ in range(len(objects))]
            self._see(tracks, objects, np.full((len(objects), 3), np.nan), np.eye(4), time)
            self._ended += [track.rows() for track in tracks]
        else:
            pose = rigid(world_from_grid, f"frame {frame}: pose")
            self._end(before=time - self._bridge - 1e-6)
            places = transform_points(pose, objects.centroids)
            tracks = self._assigned(objects, places, pose, time)
            self._see(tracks, objects, places, pose, time)
            self._placed = frame
        self._frame, self._time = frame + 1, time
        return FrameTracks(objects.ids, np.array([track.id for track in tracks], np.uint32))

    def finish(self) -> Trajectories:
        """Ends all tracks. The table of the whole log."""
        self._end(before=np.inf)
        return concatenated(self._ended)

    def _begin(self) -> _Track:
        self._tracks += 1
        return _Track(self._tracks)

    def _end(self, before: float) -> None:
        """Ends the tracks that were last seen before a time."""
        self._ended += [track.rows() for track in self._live if track.times[-1] < before]
        self._live = [track for track in self._live if not track.times[-1] < before]

    def _assigned(self, objects: Objects, places: NDArray[np.float64], pose: Matrix, time: float) -> list[_Track]:
        """The track of each object: the one that it goes on, or a new one. New ones live from here on."""
        owner: list[_Track | None] = [None] * len(objects)
        if self._live:
            groups = self._kinds.group[objects.classes]
            reaches = self._kinds.fastest[objects.classes] * (time - self._time)
            pairs = candidates(self._expected(time), objects, places, groups, reaches, pose, self._grid)
            for track, object_ in zip(*best_matching(*pairs), strict=True):
                owner[object_] = self._live[track]
        result = []
        for track in owner:
            if track is None:
                track = self._begin()
                self._live.append(track)
            result.append(track)
        return result

    def _expected(self, time: float) -> Expected:
        places, gates = [], []
        for track in self._live:
            passed = time - track.times[-1]
            velocity = heading(track.times, track.places, track.cut, self._grid.voxel_size)
            places.append(track.places[-1] + passed * velocity)
            size = float(np.cbrt(len(track.offsets) * 3 / (4 * np.pi))) * self._grid.voxel_size
            if len(track.times) > 1:
                gates.append(self._drift * passed + size)
            else:
                fastest = float(self._kinds.fastest[track.class_id])
                gates.append(fastest * passed + size if track.frames[-1] == self._placed else 0.0)
        centres = np.array(places)
        owners = np.repeat(np.arange(len(self._live)), [len(track.offsets) for track in self._live])
        points = centres[owners] + np.concatenate([track.offsets for track in self._live])
        groups = self._kinds.group[[track.class_id for track in self._live]]
        cut = np.array([track.cut[-1] for track in self._live])
        fresh = np.array([len(track.times) == 1 for track in self._live])
        return Expected(centres, points, owners, np.array(gates), groups, cut, fresh)

    def _see(
        self, tracks: list[_Track], objects: Objects, places: NDArray[np.float64], pose: Matrix, time: float
    ) -> None:
        """Writes down where ``tracks`` [n] were seen."""
        if not tracks:
            return
        centres = np.array(self._grid.origin) + (objects.cells + 0.5) * self._grid.voxel_size
        cut = objects.cut(self._grid)
        offsets = centres - np.repeat(objects.centroids, objects.voxels, axis=0)
        reaches = np.maximum.reduceat(np.hypot(offsets[:, 0], offsets[:, 1]), objects.starts[:-1])
        turned = (offsets @ pose[:3, :3].T).astype(np.float32)
        for n, track in enumerate(tracks):
            track.frames.append(self._frame)
            track.times.append(time)
            track.places.append(places[n])
            track.cut.append(bool(cut[n]))
            track.reaches.append(float(reaches[n]))
            track.votes[objects.classes[n]] += objects.voxels[n]
            track.offsets = turned[objects.starts[n] : objects.starts[n + 1]].copy()
