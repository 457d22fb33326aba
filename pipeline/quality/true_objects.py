"""Whose voxel or point it is in the truth of a log: its boxes, and where its LiDAR stood."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Box, DriveLog, Frame
from occlabel.schemas.formats.nuscenes_categories import OCC3D_CLASS
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, Taxonomy
from occlabel.stages.evaluation.boxes import Placed
from occlabel.stages.evaluation.panoptic_truth import owners, point_owners
from occlabel.stages.evaluation.ray_scores import ray_origins

LEFTOVERS = 0.8
"""Voxels so near a box of their class [m] are the object's, as in SparseOcc. In the town, whose objects are known, that
names 99.6% of the thing voxels rightly; boxes enlarged by 0.3 m as in OffsetOcc name 97.9%, as neighbours touch."""


class TrueObjects:
    """The objects of one log in the truth of a benchmark."""

    def __init__(
        self, log: DriveLog, grid: Grid, taxonomy: Taxonomy, places: Mapping[str, Matrix] | None = None
    ) -> None:
        """``places`` as ``LabelledLog.places``: the world in which things move; where there are none, the log's."""
        self._grid, self._taxonomy, self._places = grid, taxonomy, places or {}
        self._frames = {frame.name: frame for frame in log.frames}
        self._order = {frame.name: index for index, frame in enumerate(log.frames)}
        objects = {box.instance for frame in log.frames for box in frame.truth.boxes}
        self._ids = {name: index for index, name in enumerate(sorted(objects), 1)}

    def in_time(self, names: Iterable[str]) -> list[str]:
        """Those of the frames ``names`` that have a pose, in the order of the drive: without one no box is placed."""
        posed = [name for name in names if name in self._frames and self._frames[name].world_from_ego is not None]
        return sorted(posed, key=self._order.__getitem__)

    def instances(self, name: str, semantics: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Ids, unique in the log, of the objects that have the voxels of ``semantics`` [x, y, z]; 0 for none."""
        frame = self._frames[name]
        things = [entry.id for entry in self._taxonomy.classes if entry.thing]
        boxes, grid_from_world = frame.truth.boxes, self._grid_from_world(frame)
        classes = self._classes(frame, things)
        return self._named(frame, owners(semantics, self._grid, grid_from_world, boxes, classes, leftovers=LEFTOVERS))

    def point_instances(
        self, name: str, semantics: NDArray[np.uint8], points: NDArray[np.float64], things: Container[int]
    ) -> NDArray[np.int64]:
        """Ids, unique in the log, of the objects of the classes ``things`` that have ``points`` [n, 3] (metres, frame
        of the grid) of the classes ``semantics`` [n]; 0 for none."""
        frame = self._frames[name]
        classes = self._classes(frame, things)
        which = point_owners(semantics, points, self._grid_from_world(frame), frame.truth.boxes, classes)
        return self._named(frame, which)

    def things(self, name: str, semantics: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Ids, unique in the log, of the objects in whose boxes the voxels [x, y, z] of any thing class lie; 0 for
        none."""
        frame = self._frames[name]
        table = np.zeros(256, np.uint8)
        table[: len(self._taxonomy.classes)] = [entry.thing for entry in self._taxonomy.classes]
        kept = [UNKNOWN if c == UNKNOWN else 1 for c in self._classes(frame, np.flatnonzero(table).tolist())]
        which = owners(table[semantics], self._grid, self._grid_from_world(frame), frame.truth.boxes, kept)
        return self._named(frame, which)

    def flow(self, name: str, instance: int, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Velocity [n, 3] in m/s along the axes of the grid of the voxels ``cells`` [n, 3] of an object: they go with
        its box from the frame before to the frame after, or from or to this one at the end of its life; NaN when no
        frame next to this one has it, or none that has a place where this one has one."""
        here, order = self._frames[name], list(self._frames.values())
        place, placed = self._order[name], name in self._places
        around = [order[n] for n in (place - 1, place, place + 1) if 0 <= n < len(order)]
        alike = [frame for frame in around if (frame.name in self._places) == placed]
        held = [(frame, box) for frame in alike if (box := self._box(frame, instance)) is not None]
        unknown = np.full(cells.shape, np.nan)
        if len(held) < 2 or held[-1][0].time <= held[0][0].time:
            return unknown
        grid_from_world = self._grid_from_world(here) @ inverse(self._place(here))
        own = self._box(here, instance)
        assert own is not None  # its voxels are asked for
        centres = np.array(self._grid.origin) + (cells + 0.5) * self._grid.voxel_size
        inside = transform_points(inverse(own.world_from_box) @ inverse(self._grid_from_world(here)), centres)
        ends = (self._place(frame) @ box.world_from_box for frame, box in (held[0], held[-1]))
        before, after = (transform_points(world_from_box, inside) for world_from_box in ends)
        flow: NDArray[np.float64] = (after - before) / (held[-1][0].time - held[0][0].time) @ grid_from_world[:3, :3].T
        return flow

    def _place(self, frame: Frame) -> Matrix:
        return self._places.get(frame.name, np.eye(4))

    def _box(self, frame: Frame, instance: int) -> Box | None:
        return next((box for box in frame.truth.boxes if self._ids[box.instance] == instance), None)

    def boxes(self, name: str) -> tuple[Placed, NDArray[np.int64], int]:
        """The boxes in the grid's frame, LiDAR points in each (-1: not counted), and how many boxes of the frame are of
        no thing class. Among the first are those of no class that the taxonomy knows (UNKNOWN), as objects at their
        place may be right, and none of a class without objects."""
        frame, others = self._frames[name], 0
        kept: list[tuple[Box, int]] = []
        for box in frame.truth.boxes:
            class_id = _class(box.category, self._taxonomy)
            thing = class_id != UNKNOWN and self._taxonomy.classes[class_id].thing
            others += not thing
            if thing or class_id == UNKNOWN:
                kept.append((box, class_id))
        grid_from_world = self._grid_from_world(frame)
        placed = Placed(
            np.array([self._ids[box.instance] for box, _ in kept], np.int64),
            np.array([class_id for _, class_id in kept], np.int64),
            np.array([_upright(box, grid_from_world) for box, _ in kept]).reshape(-1, 7),
        )
        return placed, np.array([box.lidar_points for box, _ in kept], np.int64), others

    def _classes(self, frame: Frame, things: Container[int]) -> list[int]:
        """Of each box of the frame: its class, UNKNOWN when that is not among ``things``."""
        found = [_class(box.category, self._taxonomy) for box in frame.truth.boxes]
        return [class_id if class_id in things else UNKNOWN for class_id in found]

    def _named(self, frame: Frame, which: NDArray[np.int32]) -> NDArray[np.int64]:
        """Ids of the boxes in places ``which`` of the frame's, 0 for -1."""
        return np.array([0, *(self._ids[box.instance] for box in frame.truth.boxes)], np.int64)[which + 1]

    def origins(self, name: str) -> NDArray[np.float64]:
        """Places of the log's LiDAR from which the frame is looked at, [n, 3] metres in the frame of the grid."""
        grid_from_world = self._grid_from_world(self._frames[name])
        return ray_origins(
            [
                (grid_from_world @ frame.world_from_ego @ frame.sweep.ego_from_lidar)[:3, 3]
                for frame in self._frames.values()
                if frame.sweep is not None and frame.world_from_ego is not None
            ]
        )

    def _grid_from_world(self, frame: Frame) -> NDArray[np.float64]:
        world_from_grid = frame.world_from_grid(self._grid)
        assert world_from_grid is not None  # in_time() gives posed frames only
        return inverse(world_from_grid)


def _upright(box: Box, grid_from_world: NDArray[np.float64]) -> list[float]:
    """As ``Placed.boxes``."""
    pose = grid_from_world @ box.world_from_box
    length, width, height = box.size
    turn = float(np.arctan2(pose[1, 0], pose[0, 0]))
    if width > length:
        length, width, turn = width, length, turn + np.pi / 2
    return [*pose[:3, 3].tolist(), length, width, height, turn]


def _class(category: str, taxonomy: Taxonomy) -> int:
    """The class of a nuScenes category or of a class's own name; UNKNOWN for all else."""
    id_ = OCC3D_CLASS.get(category, UNKNOWN)
    name = category if id_ == UNKNOWN else TAXONOMIES["occ3d"].names[id_]
    return taxonomy.names.index(name) if name in taxonomy.names else UNKNOWN
