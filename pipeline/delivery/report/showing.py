"""Frames in pictures: which, and what of each."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.pipeline.delivery.pictures.camera_panels import labels_panel
from occlabel.pipeline.delivery.pictures.camera_sheet import cameras_of, looked_at
from occlabel.pipeline.delivery.pictures.from_above import car_in_grid
from occlabel.pipeline.delivery.report.content import Shown
from occlabel.pipeline.delivery.report.look import Look, apart
from occlabel.pipeline.delivery.report.volumes import UNSCORED, packed
from occlabel.pipeline.published.labelled_log import Join
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.same_drive import labelled_drive
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.pipeline.quality.compare.changes import Pair
from occlabel.pipeline.quality.compare.compare import Comparison
from occlabel.pipeline.quality.compare.job import opened
from occlabel.pipeline.quality.counting import Question
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, DamagedFile, OcclabelError
from occlabel.schemas.taxonomy import UNKNOWN

_WIDTH = 640
"""Of a camera's picture [px]."""
_QUALITY = 72

Place = tuple[str, str]
"""Log and frame."""


@dataclass
class Showing:
    """A version and what its frames are shown beside."""

    version: PublishedVersion
    pair: Pair | None = None
    """With the version before, looked at in the space of this one."""
    truth: Join | None = None
    logs: LogReader | None = None
    notes: list[str] = field(default_factory=list)
    """Why something is not shown, in sentences."""
    _pictured: dict[str, bool] = field(default_factory=dict, init=False, repr=False)
    """Log -> whether ``logs`` has the drive that was labelled, of the logs that were asked for."""

    @staticmethod
    def of(version: PublishedVersion, before: str | None, question: Question | None, logs: LogReader | None) -> Showing:
        result = Showing(version, logs=logs)
        if before is not None:
            try:
                result.pair = opened(version.spec, before, ())
            except OcclabelError as error:
                result.notes.append(f"{before} is not drawn: {error}")
        if question is not None:
            joined = question.joined(VersionLabels(version))
            alike = joined.target.taxonomy.names == version.space.taxonomy.names
            if joined.same_grid and alike:
                result.truth = joined
            else:
                result.notes.append("the truth is not drawn: it has other voxels or classes than the version")
        return result

    def frame(self, log: str, name: str, why: str) -> Shown:
        """Raises OcclabelError where the labels cannot be read."""
        frame = self.version.frame(log, name)
        volumes = {"now": packed(frame[SEMANTICS])}
        if self.pair is not None and self.pair.b.has(log, name):
            volumes["before"] = packed(self.pair.of_b(log, name))
        if (true := self.true(log, name)) is not None:
            volumes["truth"] = packed(true)
        return Shown(log, name, why, volumes, self._cameras(frame), car_in_grid(frame.row.ego_from_grid_matrix))

    def true(self, log: str, name: str) -> NDArray[np.uint8] | None:
        """[x, y, z], ``UNSCORED`` where the benchmark does not score; None where the frame has no truth."""
        if self.truth is None or self.truth.truth is None or name not in self.truth.truth.frames(log):
            return None
        try:
            found = self.truth.truth.voxels(log, name)
        except DamagedFile as error:
            self.notes.append(str(error))
            return None
        return np.where(found.scored, found.semantics, UNSCORED).astype(np.uint8)

    def _cameras(self, frame: PublishedFrame) -> tuple[tuple[str, str], ...]:
        if self.logs is None or not self._has_drive(self.logs, frame.log):
            return ()
        pictures = []
        try:
            for camera in cameras_of(self.logs, frame, ()):
                look = looked_at(self.version, frame, self.logs, camera)
                size = (_WIDTH, max(1, round(look.size[1] * _WIDTH / look.size[0])))
                panel = labels_panel(look, self.version.space, size)
                if panel.pixels is not None:
                    pictures.append((f"{camera.name}: {panel.said}", _jpeg(panel.pixels)))
        except BadLog as error:
            self.notes.append(str(error))
        return tuple(pictures)

    def _has_drive(self, logs: LogReader, log: str) -> bool:
        """Whether ``logs`` has the drive that was labelled as ``log``; that it has not is noted once."""
        if log not in self._pictured:
            try:
                labelled_drive(logs, log, (frame.row for frame in self.version.frames(log)))
                self._pictured[log] = True
            except BadLog as error:
                self.notes.append(f"the cameras of log {log} are not drawn: {error}")
                self._pictured[log] = False
        return self._pictured[log]


def worst(look: Look, comparison: Comparison | None, showing: Showing, most: int) -> list[tuple[Place, str]]:
    """The frames most worth a look and why, the worst first: those that changed most, where the version is held against
    another and any did; else those furthest from the truth; else those of which the labels are least sure."""
    changed = [] if comparison is None else comparison.worst_frames()
    if rows := [((log, name), share) for log, name, share in changed if share > 0]:
        said = "of the occupied voxels changed"
    elif showing.truth is not None:
        rows, said = _wrong(showing, look), "of what is occupied in labels or truth is wrong"
    else:
        rows = sorted(look.doubts.items(), key=lambda item: -item[1])
        said = "of what is labelled occupied is less than half sure"
    share_of = dict(rows)
    chosen = apart([place for place, _ in rows], most)
    return [(place, f"{100 * share_of[place]:.1f}% {said}") for place in sorted(chosen, key=lambda p: -share_of[p])]


def _wrong(showing: Showing, look: Look) -> list[tuple[Place, float]]:
    """Of the frames that were looked at and have truth, the largest first."""
    free, rows = showing.version.space.taxonomy.free_id, []
    for log, name in look.read:
        if (true := showing.true(log, name)) is None:
            continue
        labels = showing.version.frame(log, name)[SEMANTICS]
        labels = np.where(labels == UNKNOWN, np.uint8(free), labels)  # as it is scored
        counted = (true != UNSCORED) & ((labels != free) | (true != free))
        rows.append(((log, name), float((labels != true)[counted].mean()) if counted.any() else 0.0))
    return sorted(rows, key=lambda row: -row[1])


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=_QUALITY)
    return base64.b64encode(file.getvalue()).decode()
