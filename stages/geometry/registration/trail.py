"""The poses of the frames of a clip, one after the other, each from the scans and poses of the frames before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_facts import leap
from occlabel.schemas.stage import Inputs
from occlabel.stages.geometry.registration.scan_to_map import LocalMap, Scan, continued, straight
from occlabel.stages.sensing.scan import OWN_CAR

_PULL = 0.2
"""Share of what a pose is off that of the log in x, y and rotation that is taken back at each frame: enough for what is
registered, which drifts by 2 cm a frame, and not so much that it jitters with the log."""
_TRUSTED, _TRUSTED_TURN = 1.0, np.deg2rad(5.0)
"""Metres and angle beyond which a pose of the log is not believed."""
_FASTEST = 40.0
"""m/s of a car of which nothing is known yet."""
_ASTRAY, _ASTRAY_TURN = 2.0, np.deg2rad(15.0)
"""A scan that lies so far from where the motion of the log leads was not registered."""
_FORCE = 15.0
"""m/s² by which a car may leave its motion where the log says nothing."""


class Trail:
    """Finds ``world_from_ego`` row by row of ``inputs``.

    A map is begun anew every ``block`` frames of the log, from as many before: so a pose depends on what the last ``2 *
    block - 1`` frames hold, and not on where clips begin. ``logged`` [row, 4, 4] are the poses of the log, ``known``
    those that were found, which is written to; NaN where there is none. ``keep``: x, y and rotation of the log hold in
    the long run.
    """

    def __init__(
        self, inputs: Inputs, logged: NDArray[np.float64], known: NDArray[np.float64], keep: bool, block: int
    ) -> None:
        self._inputs = inputs
        self._logged = logged
        self._known = known
        self._keep = keep
        self._block = block
        self._map: LocalMap | None = None
        self._scans: dict[int, Scan | None] = {}

    def find(self, row: int) -> None:
        """Sets the pose of ``row``; those before it are set. Left NaN where nothing tells it."""
        begin = self._begin(row)
        if self._map is None or self._number(row) % self._block == 0:
            self._map = LocalMap()
            for earlier in range(begin, row):
                self._lay(earlier)
        before = [earlier for earlier in range(begin, row) if not np.isnan(self._known[earlier]).any()]
        pose = self._follow(row, before) if before else self._start(row)
        if pose is not None:
            self._known[row] = pose
            self._lay(row)
        self._scans = {other: scan for other, scan in self._scans.items() if other > row - 2 * self._block}

    def usable(self, row: int) -> bool:
        """Whether the row has a scan that can be registered."""
        scan = self._scan(row)
        return scan is not None and scan.enough

    def _number(self, row: int) -> int:
        return self._inputs.first + row

    def _begin(self, row: int) -> int:
        """The first row that the map for ``row`` is made of."""
        number = self._number(row)
        return max(0, number // self._block * self._block - self._block - self._inputs.first)

    def _start(self, row: int) -> Matrix | None:
        """The pose of a frame that has none before it in reach."""
        if not np.isnan(self._logged[row]).any():
            return straight(self._logged[row])
        nothing = not self._inputs.seen.poses.usable and self._number(row) < 2 * self._block
        return np.eye(4) if nothing and self.usable(row) else None

    def _follow(self, row: int, before: list[int]) -> Matrix | None:
        """The pose of a frame that has some before it."""
        last, scan, lidar = before[-1], self._scan(row), self._lidar(row)
        seconds = self._time(row) - self._time(last)
        guess, sure = self._guess(row, before)
        if scan is None or not scan.enough:
            return guess if sure else None
        assert self._map is not None
        if guess is None:
            ahead = lidar[:3, :3].T @ [1.0, 0.0, 0.0]
            return straight(
                self._map.search(scan, self._known[last] @ lidar, ahead, _FASTEST * seconds) @ inverse(lidar)
            )
        found = straight(self._map.place(scan, guess @ lidar, lost=not sure) @ inverse(lidar))
        if _astray(guess, found, 0.0 if sure else seconds):
            found = guess
        return self._pulled(found, row) if self._keep else found

    def _guess(self, row: int, before: list[int]) -> tuple[Matrix | None, bool]:
        """Where ``row`` should be: by the log's motion since the last row that is known, which is sure, or, where the
        log says nothing or what no car does, by the motion before, if there was any."""
        last = before[-1]
        if self._logs(last, row) and not self._leaps(row, before):
            motion = inverse(straight(self._logged[last])) @ straight(self._logged[row])
            return straight(self._known[last] @ motion), True
        if len(before) < 2 or self._time(last) <= self._time(before[-2]):
            return None, False
        share = (self._time(row) - self._time(last)) / (self._time(last) - self._time(before[-2]))
        return straight(continued(self._known[before[-2]], self._known[last], share)), False

    def _logs(self, last: int, row: int) -> bool:
        return not (np.isnan(self._logged[last]).any() or np.isnan(self._logged[row]).any())

    def _leaps(self, row: int, before: list[int]) -> bool:
        if len(before) < 2 or not self._time(before[-2]) < self._time(before[-1]) < self._time(row):
            return False
        first, second = before[-2:]
        motion = inverse(straight(self._logged[second])) @ straight(self._logged[row])
        times = self._time(second) - self._time(first), self._time(row) - self._time(second)
        return any(leap(self._known[first], self._known[second], self._known[second] @ motion, *times))

    def _pulled(self, found: Matrix, row: int) -> Matrix:
        """A little closer to the log in x, y and how the car stands: registration drifts in these by decimetres in a
        hundred metres, and navigation does not. Of a log in which the car never leans only the heading counts."""
        if np.isnan(self._logged[row]).any():
            return found
        logged = straight(self._logged[row])
        off = logged[:2, 3] - found[:2, 3]
        turn = Rotation.from_matrix(logged[:3, :3] @ found[:3, :3].T).as_rotvec()
        if self._inputs.seen.poses.upright:
            turn[:2] = 0.0
        if np.linalg.norm(off) > _TRUSTED or np.linalg.norm(turn) > _TRUSTED_TURN:
            return found
        result = found.copy()
        result[:3, :3] = Rotation.from_rotvec(_PULL * turn).as_matrix() @ found[:3, :3]
        result[:2, 3] += _PULL * off
        return result

    def _lay(self, row: int) -> None:
        """Adds the scan of ``row`` to the map, where it is known where it lies."""
        scan = self._scan(row)
        if self._map is not None and scan is not None and not np.isnan(self._known[row]).any():
            self._map.add(scan, self._known[row] @ self._lidar(row))

    def _scan(self, row: int) -> Scan | None:
        if row not in self._scans:
            points = self._inputs.points(row)
            if points is not None:
                points = points[np.hypot(points[:, 0], points[:, 1]) > OWN_CAR]
            self._scans[row] = None if points is None else Scan(points)
        return self._scans[row]

    def _lidar(self, row: int) -> Matrix:
        lidar = self._moment(row).ego_from_lidar
        return np.eye(4) if lidar is None else straight(lidar)

    def _moment(self, row: int) -> Moment:
        return self._inputs.frames[row]

    def _time(self, row: int) -> float:
        return self._moment(row).time


def _astray(guess: Matrix, found: Matrix, seconds: float) -> bool:
    """Whether a scan was found where it cannot be; ``seconds`` is how long only the motion before is known."""
    off = inverse(guess) @ found
    turn = np.arccos(np.clip((np.trace(off[:3, :3]) - 1) / 2, -1.0, 1.0))
    return bool(np.linalg.norm(off[:3, 3]) > _ASTRAY + _FORCE * seconds**2 or turn > _ASTRAY_TURN + seconds)
