"""What ``occlabel calibrate`` does: fits the confidence of voted labels to how often they are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.versions import open_version
from occlabel.pipeline.quality.benchmark import BENCHMARKS, Format
from occlabel.pipeline.quality.evaluate import Pairing
from occlabel.pipeline.quality.predictions import Version
from occlabel.schemas.errors import BadPredictions
from occlabel.stages.evaluation.reliability import Reliability
from occlabel.stages.voting.calibration import Tally, fit


@dataclass(frozen=True, slots=True)
class Fit:
    """How well confidence matched before and matches now, on the frames it was fitted to."""

    frames: int
    before: Reliability
    after: Reliability


def calibrate(spec: str, truth: Path, format: Format, out: Path, note: Callable[[str], None] = lambda _: None) -> Fit:
    """Fits a calibration to the version STORE@VERSION and writes it to ``out``.

    Raises BadPredictions when the version was not voted, or voted with a calibration already, or has no truth.
    """
    version, benchmark = open_version(spec), BENCHMARKS[format]
    voting = version.recipe.voting
    if voting is None or voting.calibration is not None:
        how = "its recipe has no voting" if voting is None else f"it is calibrated by {voting.calibration} already"
        raise BadPredictions(
            f"{spec} cannot be calibrated: {how}; "
            "label the logs with --set voting.calibration=null and name that version"
        )
    predictions, files = Version(version, benchmark), benchmark.truth_files(truth)
    pairing = Pairing(predictions, None, set(files))
    tally = Tally.empty(len(benchmark.taxonomy.classes))
    margins = Reliability()
    for log in pairing.logs:
        for name in pairing.predicted(log, list(files[log])):
            note(f"log {log}, frame {name}")
            true, scored = benchmark.read_truth(files[log][name])
            labels, margin = predictions.load(log, name), predictions.confidence(log, name)
            margins.add(margin, labels == true, scored)
            tally.add(labels[scored], margin[scored], (labels == true)[scored])
    pairing.refuse_nothing()
    fitted = fit(tally, benchmark.taxonomy.names)
    fitted.save(out, {"fitted to": f"{pairing.frames} frames with truth, labels {version.info.content_digest}"})
    return Fit(pairing.frames, margins, _recounted(tally, fitted.table))


def _recounted(tally: Tally, table: NDArray[np.uint8]) -> Reliability:
    """The tallied voxels by calibrated confidence."""
    result = Reliability()
    for counts, confidence in zip(tally.counts, table, strict=False):
        for right in (0, 1):
            result.counts[right] += np.bincount(confidence, counts[:, right], 256).astype(np.int64)
    return result
