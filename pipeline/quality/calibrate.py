"""What ``occlabel calibrate`` does: fits the confidence of voted labels to how often they are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labels import Format, VersionLabels
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.counting import Question, labelled_frames
from occlabel.schemas.arrays import CONFIDENCE, MARGIN
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.reliability import Reliability
from occlabel.stages.voting.calibration import Tally, fit


@dataclass(frozen=True, slots=True)
class Fit:
    """How well confidence matched before and matches now, on the frames it was fitted to."""

    frames: int
    before: Reliability
    after: Reliability


def calibrate(
    spec: str,
    truth: Path,
    format: Format,
    out: Path,
    told: dict[str, str | None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Fits a calibration to the version STORE@VERSION, by the classes that it has, and writes it to ``out``.

    ``told`` maps them to those of the truth, where names differ. Raises BadPredictions when the version was not voted,
    or voted with a calibration already, or has no truth.
    """
    version = open_version(spec)
    confidence = version.info.arrays.get(CONFIDENCE.name)
    if confidence is None or confidence.spec.meaning != MARGIN:
        how = "it has no confidence" if confidence is None else f"its confidence is: {confidence.spec.meaning}"
        raise BadPredictions(
            f"{spec} cannot be calibrated, as its confidence is not the margin of a vote ({how}); "
            "label the logs with a voting block and --set voting.calibration=null, and name that version"
        )
    question = Question(Path(truth).absolute(), format, "voxels", tuple(sorted((told or {}).items())))
    joined = question.joined(VersionLabels(version))
    tally, margins, frames = Tally.empty(len(version.space.taxonomy.classes)), Reliability(), 0
    for log in question.logs(joined):
        for frame in labelled_frames(question, joined, log).frames():
            note(f"log {log}, frame {frame.name}")
            true, seen = frame.voxel_truth, frame.seen
            assert frame.confidence is not None  # the version has it
            scored, right = seen.within(true.scored), seen.semantics == true.semantics
            margin, free = frame.in_target(frame.confidence, np.uint8(0)), np.uint8(version.space.taxonomy.free_id)
            margins.add(margin, right, scored)
            own = frame.in_target(np.where(frame.semantics == UNKNOWN, free, frame.semantics), free)
            tally.add(own[scored], margin[scored], right[scored])
            frames += 1
    if not frames:
        raise BadPredictions(f"there is nothing to fit to: no frame of {spec} has truth under {truth}")
    fitted = fit(tally, version.space.taxonomy.names)
    fitted.save(out, {"fitted to": f"{frames} frames with truth, labels {version.info.content_digest}"})
    return Fit(frames, margins, _recounted(tally, fitted.table))


def _recounted(tally: Tally, table: NDArray[np.uint8]) -> Reliability:
    """The tallied voxels by calibrated confidence."""
    result = Reliability()
    for counts, confidence in zip(tally.counts, table, strict=False):
        for right in (0, 1):
            result.counts[right] += np.bincount(confidence, counts[:, right], 256).astype(np.int64)
    return result
