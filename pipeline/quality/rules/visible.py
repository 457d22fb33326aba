"""What the camera that looks ahead sees and what is hidden from it, against what the sweeps of the log have carved.

Sweeps lie where the log says, whatever poses the labels were made with: the truth is one for all versions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.elements import Elements
from occlabel.pipeline.quality.rules.rule import part, prefixed
from occlabel.schemas.drive_log import Camera, Frame
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.carving import LAYERS, PER_METRE, SCANS, Sweep, carve, in_camera, level, samples
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.evaluation.visible import VisibleCounts, VisibleScores, object_samples, visible_scores

_AROUND = (2 * PER_METRE, PER_METRE // 2)
"""Samples ahead and aside by which the rectangle of an object is wider than the object: 2 m and 0.5 m."""


class VisibleRule:
    """See ``Rule``. Frames count that have a pose, a sweep and a camera of which is known where it looks. Of the labels
    is asked whether they call a sample occupied: what they do not know is free, as it is exported."""

    name = "visible"

    def __init__(self) -> None:
        self._counts = VisibleCounts(tuple(f"{region} {name}" for name in LAYERS for region in ("scene", "objects")))
        self._samples, self._frames = np.zeros(3, np.int64), np.zeros(2, np.int64)
        self._log: LabelledLog | None = None
        self._swept: tuple[Frame, ...] = ()
        self._kept: OrderedDict[str, NDArray[np.float32] | None] = OrderedDict()

    def begin(self, log: LabelledLog) -> None:
        assert log.log is not None  # sweeps are those of logs
        self._log, self._swept = log, tuple(frame for frame in log.log.frames if frame.sweep and _posed(frame))
        self._kept.clear()

    def add(self, frame: LabelledFrame) -> None:
        here = frame.frame
        assert here is not None and here.world_from_ego is not None  # only such frames are asked
        camera = ahead(here)
        assert camera is not None and camera.ego_from_camera is not None  # as well
        ego_from_camera = level(camera.ego_from_camera)
        sweeps = list(self._sweeps(here, here.world_from_ego @ ego_from_camera))
        self._frames += (1, len(sweeps) < SCANS)
        grid_from_camera = inverse(here.ego_from_grid(frame.grid)) @ ego_from_camera
        for name, layers in LAYERS.items():
            occupied, visible = carve(sweeps, layers)
            places = transform_points(grid_from_camera, np.stack([samples(y) for y in layers]).reshape(-1, 3))
            cells, inside = frame.grid.cells(places)
            labels = np.full(len(places), UNKNOWN, np.uint8)
            labels[inside] = frame.semantics[tuple(cells[inside].T)]
            said = (labels != UNKNOWN) & (labels != frame.joined.labels.space.taxonomy.free_id)
            scored, said = inside.reshape(occupied.shape), said.reshape(occupied.shape)
            self._samples += (len(inside), (~inside).sum(), (labels[inside] == UNKNOWN).sum())
            self._counts.add(f"scene {name}", visible_scores(said, occupied, visible, scored))
            near = object_samples(_map(here, here.world_from_ego @ ego_from_camera), *_AROUND)
            self._counts.add(f"objects {name}", visible_scores(said, occupied, visible, scored & near))

    def end(self) -> None:
        self._kept.clear()

    def state(self) -> Counts:
        return prefixed("found", self._counts.state()) | {"samples": self._samples, "frames": self._frames}

    def merge(self, state: Counts) -> None:
        self._counts.merge(part("found", state))
        self._samples += state["samples"]
        self._frames += state["frames"]

    @property
    def elements(self) -> Elements:
        """Of the samples of the scored frames, over both conventions: what is scored, and what is not."""
        whole, outside, _ = self._samples.tolist()
        return Elements("samples", whole, {"outside_grid": (outside, "lie outside the grid of the labels")})

    @property
    def unknown(self) -> float:
        """Share of the scored samples of which the labels know nothing; they count as free."""
        whole, outside, unknown = self._samples.tolist()
        return unknown / (whole - outside) if whole > outside else 0.0

    @property
    def few_sweeps(self) -> tuple[int, int]:
        """Of how many frames fewer sweeps follow than ``SCANS``, and of how many: what is hidden there from those that
        do counts as occupied."""
        frames, few = self._frames.tolist()
        return few, frames

    def scores(self) -> dict[str, VisibleScores]:
        """By region ("scene", "objects") and convention ("slice", "block")."""
        return dict(self._counts.scores())

    def _sweeps(self, here: Frame, world_from_camera: Matrix) -> Iterator[Sweep]:
        """The frame's own, and those of the frames after it."""
        start = next(n for n, frame in enumerate(self._swept) if frame.name == here.name)
        for frame in self._swept[start : start + SCANS]:
            if (points := self._points(frame)) is not None:
                assert frame.world_from_ego is not None and frame.sweep is not None  # see begin
                world_from_lidar = frame.world_from_ego @ frame.sweep.ego_from_lidar
                yield in_camera(inverse(world_from_camera) @ world_from_lidar, points)

    def _points(self, frame: Frame) -> NDArray[np.float32] | None:
        """Of a frame's sweep; None where it cannot be read. Those of ``SCANS`` frames are kept."""
        if frame.name not in self._kept:
            assert (
                self._log is not None and self._log.joined.reader is not None and frame.sweep is not None
            )  # see begin
            try:
                self._kept[frame.name] = self._log.joined.reader.points(frame.sweep)
            except DamagedFile:  # its own scores say so
                self._kept[frame.name] = None
            while len(self._kept) > SCANS:
                self._kept.popitem(last=False)
        return self._kept[frame.name]


def ahead(frame: Frame) -> Camera | None:
    """The camera that looks ahead: of those of which is known where they look, the one along the car's x axis, if it
    does so within 60 degrees."""
    known = [camera for camera in frame.cameras if camera.ego_from_camera is not None]
    best = max(known, key=_forward, default=None)
    return best if best is not None and _forward(best) > 0.5 else None


def can_be_asked(frame: Frame) -> bool:
    """Whether the frame has what the rule needs."""
    return frame.sweep is not None and _posed(frame) and ahead(frame) is not None


def _forward(camera: Camera) -> float:
    assert camera.ego_from_camera is not None  # see ahead
    return float(camera.ego_from_camera[0, 2])


def _posed(frame: Frame) -> bool:
    return frame.world_from_ego is not None


def _map(frame: Frame, world_from_camera: Matrix) -> NDArray[np.int64]:
    """[z, x]: in whose box a sample lies seen from above, by number; 0 for nobody's."""
    places = samples(0.0)
    result = np.zeros(places.shape[:2], np.int64)
    for number, box in enumerate(frame.truth.boxes, 1):
        box_from_camera = inverse(box.world_from_box) @ world_from_camera
        flat = transform_points(box_from_camera, places.reshape(-1, 3))[:, :2].reshape(*result.shape, 2)
        result[(np.abs(flat) <= np.array(box.size[:2]) / 2).all(axis=-1)] = number
    return result
