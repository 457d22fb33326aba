"""What ``occlabel calibrate`` does: fits the confidence of voted labels to how often they are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.published.labelled_log import LabelledFrame
from occlabel.pipeline.published.labels import Format, VersionLabels
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.quality.counting import Question, labelled_frames, unread
from occlabel.schemas.arrays import CONFIDENCE, MARGIN, SURENESS
from occlabel.schemas.errors import BadPredictions, BadRecipe
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation.points import labels_at
from occlabel.stages.evaluation.reliability import Reliability, ReliabilityByClass
from occlabel.stages.voting.calibration import ANY, Calibration, load
from occlabel.stages.voting.fitting import Tally, correct, fit

Where = Literal["voxels", "points"]


@dataclass(frozen=True, slots=True)
class Fit:
    """How well confidence matched before and matches now, on the frames it was fitted to."""

    frames: int
    before: Reliability
    after: Reliability
    occupied_before: Reliability
    """Where voxels are labelled occupied: nearly all are free, and easily right."""
    occupied_after: Reliability
    made_of: str
    unreadable: tuple[str, ...] = ()
    """A sentence for each frame that is not used, as its truth or its labels cannot be read."""


def calibrate(
    spec: str,
    truth: Path,
    format: Format,
    out: Path,
    told: dict[str, str | None] | None = None,
    note: Callable[[str], None] = lambda _: None,
    *,
    at: Where = "voxels",
    start: str | None = None,
) -> Fit:
    """Fits a calibration to the version STORE@VERSION, by the classes that it has, and writes it to ``out``.

    ``told`` maps them to those of the truth, where names differ. At points the calibration ``start`` is moved towards
    them. Raises BadPredictions when the version was not voted, or voted with a calibration already, or has no truth,
    BadRecipe for a start that cannot be used or is missing.
    """
    version = open_version(spec)
    _refuse_calibrated(spec, version)
    begun = _start(at, start, version)
    question = Question(Path(truth).absolute(), format, at, tuple(sorted((told or {}).items())))
    counted = _count(question, version, note)
    if not counted.tally.counts[ANY].any():
        raise BadPredictions(f"there is nothing to fit to: {_why_nothing(counted, at, spec, truth)}")
    frames, taxonomy = counted.frames, version.space.taxonomy
    logs = f"{len(counted.logs)} log{'s' if len(counted.logs) > 1 else ''}"
    made_of = f"{at} of {frames} frames of {logs}, labels {version.info.content_digest}"
    if begun is None:
        fitted = fit(counted.tally, taxonomy, made_of)
    else:
        fitted = correct(begun, counted.tally, f"{made_of}, from {start} ({begun.made_of})")
    fitted.save(out)
    after = _recounted(counted.tally, fitted, taxonomy)
    before = ReliabilityByClass(len(taxonomy.classes), taxonomy.free_id)
    before.counts[ANY] += counted.tally.counts[ANY].transpose(0, 2, 1)
    return Fit(
        frames, counted.margins, after.whole(), before.occupied(), after.occupied(), made_of, tuple(counted.unreadable)
    )


def _refuse_calibrated(spec: str, version: PublishedVersion) -> None:
    confidence = version.info.arrays.get(CONFIDENCE.name)
    if confidence is None or confidence.spec.meaning != MARGIN:
        how = "it has no confidence" if confidence is None else f"its confidence is: {confidence.spec.meaning}"
        raise BadPredictions(
            f"{spec} cannot be calibrated, as its confidence is not the margin of a vote ({how}); label the logs with "
            "a voting block and --set voting.calibration=null --skip ground, and name that version"
        )
    if confidence.stage in SLOTS[SLOTS.index("voting") + 1 :]:
        raise BadPredictions(
            f"{spec} cannot be calibrated, as {confidence.stage} changed labels after the vote, of which the table is "
            f"made: label the logs with --skip {confidence.stage}, too, and name that version"
        )


def _start(at: Where, start: str | None, version: PublishedVersion) -> Calibration | None:
    if at == "voxels":
        if start is not None:
            raise BadRecipe("a calibration of voxels starts from nothing; leave out --start, or fit it --at points")
        return None
    if start is None:
        raise BadRecipe(
            "points lie where the LiDAR measured, and say nothing of what nobody saw: name a calibration of voxels to "
            "start from with --start, such as that of the recipe"
        )
    return load(start, version.space)


@dataclass
class _Counted:
    tally: Tally
    margins: Reliability = field(default_factory=Reliability)
    frames: int = 0
    logs: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)


def _count(question: Question, version: PublishedVersion, note: Callable[[str], None]) -> _Counted:
    joined = question.joined(VersionLabels(version))
    counted = _Counted(Tally.empty(len(version.space.taxonomy.classes)))
    sureness = {(frame.log, frame.name): frame for frame in version.frames() if frame.holds(SURENESS)}
    for log in question.logs(joined):
        for frame in labelled_frames(question, joined, log).frames():
            note(f"log {log}, frame {frame.name}")
            if (lacking := unread(frame, question.at)) is not None:
                counted.unreadable.append(lacking.sentence)
                continue
            labels, margin, right, observed = _at_voxels(frame) if question.at == "voxels" else _at_points(frame)
            counted.margins.add(margin, right, np.ones(right.shape, bool))
            counted.tally.add(labels, margin, right, observed)
            if (log, frame.name) in sureness:
                counted.tally.sureness[:] += sureness[log, frame.name][SURENESS]
            counted.frames += 1
            counted.logs.add(log)
    return counted


_Labels = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8] | None]
"""Label in the classes of the version, margin, whether it is right, ``OBSERVED`` where that is known: [n] each. What is
unknown in the version is no label: its confidence is 0, whatever a calibration says of free and a margin of 0."""


def _why_nothing(counted: _Counted, at: Where, spec: str, truth: Path) -> str:
    if counted.frames:
        frames = f"{counted.frames} frame{'s' if counted.frames > 1 else ''}"
        return f"no {at[:-1]} of {frames} is labelled both in {spec} and under {truth}"
    return "; ".join(counted.unreadable[:3]) or f"no frame of {spec} has truth under {truth}"


def _at_voxels(frame: LabelledFrame) -> _Labels:
    true, seen = frame.voxel_truth, frame.seen
    assert frame.confidence is not None  # the version has it
    own = frame.in_target(frame.semantics, np.uint8(UNKNOWN))
    scored = seen.within(true.scored) & (own != UNKNOWN)
    observed = None if frame.observed is None else frame.in_target(frame.observed, np.uint8(0))[scored]
    margin = frame.in_target(frame.confidence, np.uint8(0))
    return own[scored], margin[scored], (seen.semantics == true.semantics)[scored], observed


def _at_points(frame: LabelledFrame) -> _Labels:
    """Of the labelled points in the grid."""
    truth = frame.point_truth
    assert truth is not None and frame.confidence is not None  # only frames that refer to point truth are asked
    classes = len(frame.joined.target.taxonomy.classes)
    found, inside = labels_at(frame.classes, frame.points, frame.grid)
    own, true = labels_at(frame.semantics, frame.points, frame.grid)[0], truth.semantics[inside]
    scored = (true < classes) & (own != UNKNOWN)
    if frame.joined.classes.left_out:
        scored &= found != UNKNOWN
    margin = labels_at(frame.confidence, frame.points, frame.grid)[0][scored]
    observed = None
    if frame.observed is not None:
        observed = labels_at(frame.observed, frame.points, frame.grid)[0][scored]
    return own[scored], margin, (found == true)[scored], observed


def _recounted(tally: Tally, fitted: Calibration, taxonomy: Taxonomy) -> ReliabilityByClass:
    """The tallied labels by calibrated confidence, as if frames were as sure as those of the calibration."""
    result, table = ReliabilityByClass(len(taxonomy.classes), taxonomy.free_id), fitted.table()
    states = range(ANY) if tally.counts[:ANY].any() else (ANY,)
    for state in states:
        for by_class, counts, confidence in zip(result.counts[state], tally.counts[state], table[state], strict=False):
            for right in (0, 1):
                by_class[right] += np.bincount(confidence, counts[:, right], 256).astype(np.int64)
    return result
