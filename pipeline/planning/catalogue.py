"""What a plan must know of logs, remembered in the store so that no file is read twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from occlabel.schemas.arrays import GEOMETRY
from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import StoreAway
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.pose_facts import PoseFacts, pose_facts
from occlabel.schemas.scan_facts import ScanFacts, beam_count, climb, driving_direction, ground_height, shows_much
from occlabel.stages.ingest.brought import BroughtReader
from occlabel.stages.ingest.digest import content_of
from occlabel.workers.store import Store

_WAY = 10
"""Raised when digests or facts are made in another way, so that none of before is taken for one of now."""

_Number = TypeVar("_Number", int, float)
_SCANS = 3
"""So many of a log are looked at, evenly spread."""

_CUT = 4
"""A scan of so many times fewer bytes than the middle one of its log was hardly measured so."""

_SAVE_SECONDS = 60.0
"""A first plan reads every file of every log: one that is stopped must not have done so for nothing."""


def facts_of(log: DriveLog, digest: str | None = None, seen: ScanFacts = ScanFacts()) -> LogFacts:
    """The facts of a log; without the ``digest`` of its content, every file of it is read. ``seen``: what its scans
    show."""
    rig = log.rig
    return LogFacts(
        id=log.id,
        stamp=log.stamp,
        digest=content_of(log).digest if digest is None else digest,
        geometry=geometry_digest(log),
        names=tuple(frame.name for frame in log.frames),
        times=tuple(frame.time for frame in log.frames),
        rig=rig,
        scans=sum(frame.sweep is not None for frame in log.frames),
        images={
            name: sum(camera.name == name for frame in log.frames for camera in frame.cameras) for name in rig.names
        },
        poses=sum(frame.world_from_ego is not None for frame in log.frames),
        warnings=log.warnings,
        world=log.world,
        seen=seen,
    )


def seen_of(log: DriveLog, reader: LogReader) -> ScanFacts:
    """What a few scans of the log show. One that cannot be read shows nothing; a worker will say why."""
    frames = [frame for frame in log.frames if frame.sweep is not None]
    if not frames:
        return ScanFacts(poses=poses_of(log, reader))
    in_lidar, in_ego, beams = [], [], []
    faults: list[str] = []
    groundless = 0
    places = np.unique(np.linspace(0, len(frames) - 1, _SCANS).astype(int))
    for place in places:
        sweep = frames[place].sweep
        assert sweep is not None
        try:
            points = reader.points(sweep)[:, :3]
        except Exception as error:  # the reader of a package may raise anything
            faults.append(str(error) or type(error).__name__)
            continue
        sensor = sweep.ego_from_lidar[:3, 3]
        in_car = transform_points(sweep.ego_from_lidar, points)
        height = ground_height(in_car, sensor)
        groundless += height is None and shows_much(in_car, sensor)
        if height is not None:
            below = transform_points(inverse(sweep.ego_from_lidar), np.array([[sensor[0], sensor[1], height]]))
            in_lidar.append(float(below[0, 2]))
            in_ego.append(height)
        beams.append(beam_count(points))
    posed = [(frame.world_from_ego, frame.sweep.ego_from_lidar) for frame in frames if frame.sweep is not None]
    poses = [(pose, pose @ ego_from_lidar) for pose, ego_from_lidar in posed if pose is not None]
    return ScanFacts(
        ground_in_lidar=_middle(in_lidar),
        ground_in_ego=_middle(in_ego),
        groundless=0 if in_ego else groundless,
        beams=_middle([count for count in beams if count is not None]),
        ahead_in_lidar=driving_direction([lidar for _, lidar in poses]),
        ahead_in_ego=driving_direction([ego for ego, _ in poses]),
        climb=climb([lidar for _, lidar in poses]),
        poses=poses_of(log, reader),
        unread=faults[0] if len(faults) == len(places) else None,
        cut=_cut(frames),
    )


def _cut(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Names of the frames whose scan is a file by far smaller than the middle one. A file that ends between two points
    is a scan like any other to who reads it."""
    sizes: dict[str, int] = {}
    for frame in frames:
        if frame.sweep is not None and frame.sweep.index is None:
            with suppress(OSError):  # who reads it says so
                sizes[frame.name] = frame.sweep.path.stat().st_size
    least = np.median(list(sizes.values())) / _CUT if sizes else 0.0
    return tuple(name for name, size in sizes.items() if size < least)


def poses_of(log: DriveLog, reader: LogReader) -> PoseFacts:
    """Whether the poses of the log can be right, by themselves and by a few of its scans."""
    frames = log.frames

    def scan(index: int) -> NDArray[np.float64] | None:
        sweep = frames[index].sweep
        if sweep is None:
            return None
        try:
            return transform_points(sweep.ego_from_lidar, reader.points(sweep)[:, :3])
        except Exception:  # as above
            return None

    return pose_facts(
        [frame.world_from_ego for frame in frames],
        [frame.time for frame in frames],
        [frame.name for frame in frames],
        scan,
    )


def _middle(values: list[_Number]) -> _Number | None:
    return sorted(values)[len(values) // 2] if values else None


def geometry_digest(log: DriveLog) -> str:
    """``LogFacts.geometry``."""
    rig = log.rig
    state = blake2b(rig.model_dump_json().encode(), digest_size=16)
    lidars = np.full((len(log.frames), 4, 4), np.nan)
    for row, frame in enumerate(log.frames):
        if (lidar := frame.moment.ego_from_lidar) is not None:
            lidars[row] = lidar
    times = np.array([frame.time for frame in log.frames])
    for values in (*(log_array(spec, log.frames, rig) for spec in GEOMETRY), times, lidars):
        state.update(_plain(values))
    return state.hexdigest()


def _plain(values: NDArray[np.float64]) -> bytes:
    """To a millionth: the last bits of a product of matrices are those of the processor, and a store that two kinds of
    machines plan for must not hold every log twice."""
    rounded = np.round(values, 6) + 0.0  # -0.0 becomes 0.0
    rounded[np.isnan(rounded)] = np.nan
    return str(values.shape).encode() + rounded.tobytes()


class _Part(BaseModel):
    logs: dict[str, LogFacts] = {}


class _Root(BaseModel):
    stamp: str
    ids: list[str]
    logs: dict[str, str] = {}
    """Stamps of the logs that were read while the root had this stamp."""


_Object = TypeVar("_Object", bound=BaseModel)


class Catalogue:
    """The facts of a reader's logs, under ``catalogue/<digest of the root>`` in the store.

    While a log's stamp stays the same, its files are not read again; while the root's does, not even the log.
    What is remembered is a cache: an object that is damaged or gone is made again.

    A log is remembered in one of at most 256 parts, which its id decides. One object a log would be ten thousand
    requests in a plan for as many, and one object for all would be written whole (6 MB of KITTI logs of 40 frames, 25
    of nuScenes) whenever one log changed; so there are 256 requests, a changed log rewrites a part of 25 to 100 KB, and
    nothing has to be tidied up. Plans that write at the same time can lose each other's entries: made again.
    """

    def __init__(self, reader: LogReader, store: Store) -> None:
        self._reader = reader
        self._store = store
        kind = type(reader.reader if isinstance(reader, BroughtReader) else reader)
        place = f"{_WAY} {kind.__module__} {kind.__qualname__} {reader.root}"
        self._folder = f"catalogue/{_digest(place)}"
        self._stamp = reader.stamp()
        self._parts: dict[str, _Part] = {}
        self._changed: set[str] = set()
        self._root_changed = False
        self._root = self._recall_root()
        self._saved = time.monotonic()

    def log_ids(self) -> list[str]:
        return self._root.ids

    def facts(self, log_id: str) -> LogFacts:
        """Raises BadLog when the log cannot be read; that is never remembered."""
        name = _digest(log_id)[:2]
        known = self._part(name).logs.get(log_id)
        if known is not None and self._root.logs.get(log_id) == known.stamp:
            return known
        log = next(iter(self._reader.logs([log_id])))
        lasting = True
        if known is not None and known.stamp == log.stamp:
            # All else is looked at anew: the stamp says nothing of warnings about truth, or of the name of the world.
            facts = facts_of(log, known.digest, known.seen)
        else:
            digest, lasting = content_of(log)
            facts = facts_of(log, digest, seen_of(log, self._reader))
        if lasting:
            self._learn(name, facts)
        return facts

    def remember(self) -> None:
        """Writes what was learned, for the next plan; of a store that can only be read it is learned each time. A store
        that does not exist yet is not made for it: it is who runs that makes one."""
        if not self._store.exists():
            return
        with suppress(StoreAway):
            for name in sorted(self._changed):
                self._store.put(self._path(name), self._parts[name].model_dump_json().encode())
            if self._root_changed:
                self._store.put(self._path("root"), self._root.model_dump_json().encode())
        self._changed.clear()
        self._root_changed = False
        self._saved = time.monotonic()

    def _learn(self, name: str, learned: LogFacts) -> None:
        log_id, logs = learned.id, self._parts[name].logs
        if logs.get(log_id) != learned:
            logs[log_id] = learned
            self._changed.add(name)
        if self._stamp is not None and self._root.logs.get(log_id) != learned.stamp:
            self._root.logs[log_id] = learned.stamp
            self._root_changed = True
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.remember()

    def _part(self, name: str) -> _Part:
        if name not in self._parts:
            self._parts[name] = self._recall(name, _Part) or _Part()
        return self._parts[name]

    def _recall_root(self) -> _Root:
        if self._stamp is not None:
            root = self._recall("root", _Root)
            if root is not None and root.stamp == self._stamp:
                return root
        return _Root(stamp=self._stamp or "", ids=self._reader.log_ids())

    def _recall(self, name: str, model: type[_Object]) -> _Object | None:
        content = self._store.get(self._path(name))
        try:
            return None if content is None else model.model_validate_json(content)
        except ValidationError:
            return None

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}.json"


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogateescape"), digest_size=12).hexdigest()
