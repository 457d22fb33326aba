"""What the priors of a recipe see in the images of logs, for networks that learn to read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.pipeline.teaching.labelled import alone, labelled
from occlabel.schemas.arrays import SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.stage import Stage
from occlabel.workers.store import Store

if TYPE_CHECKING:
    from occlabel.stages.sensing.painting import SegmentImage


class SegmentImages:
    """The segments of the images of logs, by the frames of those logs."""

    def __init__(self, version: PublishedVersion, reader: LogReader) -> None:
        self._frames: dict[tuple[Path, int | None], PublishedFrame] = {}
        for log in reader.logs(list(version.logs)):
            named = {frame.name: frame for frame in version.frames(log.id)}
            for frame in log.frames:
                if frame.sweep is not None and frame.name in named:
                    self._frames[frame.sweep.path, frame.sweep.index] = named[frame.name]

    def __call__(self, frame: Frame) -> Sequence[SegmentImage]:
        """Of the cameras of ``frame`` whose calibration is known; none where the priors saw nothing."""
        from occlabel.stages.sensing.painting import SegmentImage

        seen = None if frame.sweep is None else self._frames.get((frame.sweep.path, frame.sweep.index))
        images = []
        for camera in frame.cameras if seen is not None else ():
            classes, scores = SEGMENT_CLASS.on(camera.name), SEGMENT_SCORE.on(camera.name)
            if seen is None or camera.intrinsics is None or camera.ego_from_camera is None or not seen.holds(classes):
                continue
            images.append(SegmentImage(seen[classes], seen[scores], camera.intrinsics, camera.ego_from_camera))
        return images


def segment_images(recipe: Recipe, reader: LogReader, folder: Path, executor: str) -> SegmentImages:
    """Runs those priors of ``recipe`` that see segments on the logs of ``reader``. What they see lies in a store in
    ``folder``; what is there is not computed again."""
    priors, store = alone(recipe, _seeing(recipe)), Store(str(folder / "segments"))
    return SegmentImages(labelled(priors, reader, store, executor), reader)


def _seeing(recipe: Recipe) -> dict[str, Stage]:
    """The priors that write segments, and those before them whose arrays they read."""
    wanted, kept = {SEGMENT_CLASS.name}, dict[str, Stage]()
    for name, stage in reversed(recipe.priors.items()):
        if any(spec.name in wanted for spec in stage.written):
            kept[name] = stage
            wanted |= {spec.name for spec in stage.needed}
    return dict(reversed(kept.items()))
