"""What ``occlabel calibrate`` does: fits the confidence of voted labels to how often they are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labels import Format, VersionLabels
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.counting import Question, labelled_frames, unread
from occlabel.schemas.arrays import CONFIDENCE, MARGIN
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation.reliability import Reliability, ReliabilityByClass
from occlabel.stages.voting.calibration import Tally, fit


@dataclass(frozen=True, slots=True)
class Fit:
    """How well confidence matched before and matches now, on the frames it was fitted to."""

    frames: int
    before: Reliability
    after: Reliability
    occupied_before: Reliability
    """Where voxels are labelled occupied: nearly all are free, and easily right."""
    occupied_after: Reliability
    unreadable: tuple[str, ...] = ()
    """A sentence for each frame that is not used, as its truth or its labels cannot be read."""


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
    taxonomy = version.space.taxonomy
    tally, margins, frames = Tally.empty(len(taxonomy.classes)), Reliability(), 0
    unreadable: list[str] = []
    for log in question.logs(joined):
        for frame in labelled_frames(question, joined, log).frames():
            note(f"log {log}, frame {frame.name}")
            if (lacking := unread(frame, "voxels")) is not None:
                unreadable.append(lacking.sentence)
                continue
            true, seen = frame.voxel_truth, frame.seen
            assert frame.confidence is not None  # the version has it
            scored, right = seen.within(true.scored), seen.semantics == true.semantics
            margin, free = frame.in_target(frame.confidence, np.uint8(0)), np.uint8(taxonomy.free_id)
            margins.add(margin, right, scored)
            own = frame.in_target(np.where(frame.semantics == UNKNOWN, free, frame.semantics), free)
            tally.add(own[scored], margin[scored], right[scored])
            frames += 1
    if not frames:
        why = "; ".join(unreadable[:3]) or f"no frame of {spec} has truth under {truth}"
        raise BadPredictions(f"there is nothing to fit to: {why}")
    fitted = fit(tally, taxonomy.names)
    fitted.save(out, {"fitted to": f"{frames} frames with truth, labels {version.info.content_digest}"})
    before, after = _by_class(taxonomy), _by_class(taxonomy)
    before.counts += tally.counts.transpose(0, 2, 1)
    _recount(after, tally, fitted.table)
    return Fit(frames, margins, after.whole(), before.occupied(), after.occupied(), tuple(unreadable))


def _by_class(taxonomy: Taxonomy) -> ReliabilityByClass:
    return ReliabilityByClass(len(taxonomy.classes), taxonomy.free_id)


def _recount(result: ReliabilityByClass, tally: Tally, table: NDArray[np.uint8]) -> None:
    """Adds the tallied voxels by calibrated confidence."""
    for by_class, counts, confidence in zip(result.counts, tally.counts, table, strict=False):
        for right in (0, 1):
            by_class[right] += np.bincount(confidence, counts[:, right], 256).astype(np.int64)
