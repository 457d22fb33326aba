"""Ids that hold through a log: each frame's objects go on the tracks that they fit, in the frame of the world.

A track is moved to where it should be by now, at constant velocity. Pairs of a track and an object that could be one
(``candidates.py``) get a score from the overlap of their voxels and the distance of their centroids, and the
assignment with the largest sum of scores holds (``matching.py``). Objects that are left begin tracks; tracks that are
left wait for ``bridge`` seconds.

What a tracker knows is what happened in the last ``remembered`` frames, and nothing else: so it can begin anywhere in a
log, be told those frames, and go on as if it had seen them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, rigid, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects, summarise
from occlabel.stages.tracking.candidates import Expected, candidates
from occlabel.stages.tracking.kinds import Kinds
from occlabel.stages.tracking.matching import best_matching
from occlabel.stages.tracking.motion import heading


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


@dataclass(frozen=True, slots=True)
class _Sight:
    """An object in a frame."""

    frame: int
    time: float
    place: NDArray[np.float64]
    """[3]: its centroid in the world."""
    cut: bool
    class_id: int
    voxels: int


@dataclass(slots=True)
class _Track:
    id: int
    sights: list[_Sight] = field(default_factory=list)
    offsets: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """[m, 3]: its voxels when last seen, from their centroid [m], along the axes of the world. Short, so 32 bits do."""

    @property
    def class_id(self) -> int:
        """The class of most of its voxels."""
        votes = np.bincount([s.class_id for s in self.sights], [s.voxels for s in self.sights], minlength=256)
        return int(votes.argmax())

    @property
    def last(self) -> _Sight:
        return self.sights[-1]


class Tracker:
    """Follows the objects of one log, frame by frame.

    bridge: seconds for which an object may be out of sight. drift: m/s by which an object may go faster or slower than
    predicted; what has been seen only once may have any speed that its class can have in the very next frame, and is
    found again after a gap only where it stood. To both comes the radius of a ball as large as the object. remembered:
    frames that count; what was seen before them never was. first_frame: index of the first frame in the log, begun:
    how many tracks the log had before it.

    At 2 Hz a lane can move on by half the distance between its cars, and cars that are seen for the first time then fit
    the places of those behind as well as those ahead: there ids break off until one has been seen twice.

    A frame without a pose cannot be placed: its objects get ids of their own that end with it, and tracks wait over it
    as over any gap. In a log without poses ids therefore hold for one frame. The same goes for a frame whose time is
    not after that of the frame before; where two such frames follow each other, the clock was set back, and all tracks
    end.
    """

    def __init__(
        self,
        grid: Grid,
        kinds: Kinds,
        *,
        bridge: float = 3.0,
        drift: float = 3.0,
        remembered: int = 20,
        first_frame: int = 0,
        begun: int = 0,
    ) -> None:
        self._grid, self._kinds, self._bridge, self._drift, self._remembered = grid, kinds, bridge, drift, remembered
        self._frame = first_frame
        self._time = -np.inf
        self._passed = np.inf  # since the frame before
        self._late = False  # whether the frame before had a time that is not after the one before it
        self._placed = -1  # the last frame with a pose
        self._live: list[_Track] = []
        self.begun = begun
        """Tracks that have begun so far."""

    def add(
        self,
        instance: NDArray[np.integer[Any]],
        semantics: NDArray[np.uint8],
        time: float,
        world_from_grid: Matrix | None,
    ) -> FrameTracks:
        """Takes in the next frame: ids [X, Y, Z] (0 = none), class ids [X, Y, Z], seconds and the pose [4, 4], if any.

        Raises BadLog for a pose that is not rigid.
        """
        pose = self._next(time, world_from_grid)
        objects = summarise(instance, semantics, self._grid)
        if pose is None:
            ids = self.begun + 1 + np.arange(len(objects))
            self.begun += len(objects)
        else:
            places = transform_points(pose, objects.centroids)
            tracks = self._assigned(objects, places, pose, time)
            self._see(tracks, objects, places, pose, time)
            ids = np.array([track.id for track in tracks], np.int64)
        return FrameTracks(objects.ids, ids.astype(np.uint32))

    def recall(
        self,
        instance: NDArray[np.integer[Any]],
        semantics: NDArray[np.uint8],
        time: float,
        world_from_grid: Matrix | None,
    ) -> None:
        """Takes in the next frame as ``add`` does, where ``instance`` holds the ids of the log already.

        The first of ``remembered`` such frames stands where the tracker's life begins; nothing before it counts.
        """
        pose = self._next(time, world_from_grid)
        if pose is None:
            return
        objects = summarise(instance, semantics, self._grid)
        known = {track.id: track for track in self._live}
        tracks = [known.get(int(id_)) or _Track(int(id_)) for id_ in objects.ids]
        self._live += [track for track in tracks if not track.sights]
        self._see(tracks, objects, transform_points(pose, objects.centroids), pose, time)

    def _next(self, time: float, world_from_grid: Matrix | None) -> Matrix | None:
        """Goes on to the next frame and forgets what is too old for it. The frame's pose, if it has one."""
        frame = self._frame
        self._frame = frame + 1
        if not self._goes_on(time):
            return None
        pose = None if world_from_grid is None else rigid(world_from_grid, f"frame {frame}: pose")
        self._passed, self._time = time - self._time, time
        if pose is None:
            return None
        for track in self._live:
            track.sights = [sight for sight in track.sights if sight.frame >= frame - self._remembered]
        oldest = time - self._bridge - 1e-6
        # In the order of their ids, whatever the order in which they came to be known.
        live = [track for track in self._live if track.sights and track.last.time >= oldest]
        self._live = sorted(live, key=lambda track: track.id)
        return pose

    def _goes_on(self, time: float) -> bool:
        """Whether ``time`` is after the last one; if it is not, and was not in the frame before, it is a new start."""
        if time > self._time and np.isfinite(time):
            self._late = False
        elif self._late and np.isfinite(time):
            self._late, self._time, self._live = False, -np.inf, []
        else:
            self._late = True
        return not self._late

    def _begin(self) -> _Track:
        self.begun += 1
        return _Track(self.begun)

    def _assigned(self, objects: Objects, places: NDArray[np.float64], pose: Matrix, time: float) -> list[_Track]:
        """The track of each object: the one that it goes on, or a new one. New ones live from here on."""
        owner: list[_Track | None] = [None] * len(objects)
        if self._live:
            groups = self._kinds.group[objects.classes]
            reaches = self._kinds.fastest[objects.classes] * self._passed
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
            passed = time - track.last.time
            seen = track.sights
            velocity = heading(
                [s.time for s in seen], [s.place for s in seen], [s.cut for s in seen], self._grid.voxel_size
            )
            places.append(track.last.place + passed * velocity)
            size = float(np.cbrt(len(track.offsets) * 3 / (4 * np.pi))) * self._grid.voxel_size
            if len(seen) > 1:
                gates.append(self._drift * passed + size)
            else:
                fastest = float(self._kinds.fastest[track.class_id])
                gates.append(fastest * passed + size if track.last.frame == self._placed else 0.0)
        centres = np.array(places)
        owners = np.repeat(np.arange(len(self._live)), [len(track.offsets) for track in self._live])
        points = centres[owners] + np.concatenate([track.offsets for track in self._live])
        groups = self._kinds.group[[track.class_id for track in self._live]]
        cut = np.array([track.last.cut for track in self._live])
        fresh = np.array([len(track.sights) == 1 for track in self._live])
        return Expected(centres, points, owners, np.array(gates), groups, cut, fresh)

    def _see(
        self, tracks: list[_Track], objects: Objects, places: NDArray[np.float64], pose: Matrix, time: float
    ) -> None:
        """Writes down where ``tracks`` [n] are in the frame that was taken in last."""
        frame = self._placed = self._frame - 1
        cut = objects.cut(self._grid)
        turned = (objects.offsets(self._grid) @ pose[:3, :3].T).astype(np.float32)
        for n, track in enumerate(tracks):
            class_id, voxels = int(objects.classes[n]), int(objects.voxels[n])
            track.sights.append(_Sight(frame, time, places[n], bool(cut[n]), class_id, voxels))
            track.offsets = turned[objects.starts[n] : objects.starts[n + 1]].copy()
