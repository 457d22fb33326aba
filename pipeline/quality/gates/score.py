"""Whether scores against truth are as high as they must be."""

from __future__ import annotations

from math import isnan

from occlabel.pipeline.planning.gates import TruthGate
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.pipeline.quality.gates.case import Case, NotJudged
from occlabel.pipeline.quality.gates.truth import format_of, truth_of
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.version import GateResult
from occlabel.schemas.words import counted


def judge(case: Case, options: TruthGate) -> list[GateResult]:
    assert case.gates.truth is not None  # see Gates
    try:
        truth_of(case.gates, case.version.space.taxonomy)
        format = format_of(case.gates, case.version.space.taxonomy)
        found = evaluate(case.version, case.gates.truth, format, workplace=case.workplace, quiet=case.quiet)
    except OcclabelError as error:
        raise NotJudged(str(error)) from error
    range_, scores = list(found.scores.items())[-1]
    present = {name: iou for name, iou in scores.per_class.items() if iou == iou}
    of_range = f"of {counted(found.frames, 'frame')}, range {range_}"
    quality = None if found.panoptic is None else found.panoptic.quality.things.pq
    asked = {
        "min_miou": (
            options.min_miou,
            scores.miou,
            f"mIoU {100 * scores.miou:.1f} {of_range}; {_lowest(present)}",
        ),
        "min_iou": (options.min_iou, scores.iou, f"IoU {100 * scores.iou:.1f} {of_range}"),
        "min_pq": (options.min_pq, quality, _objects(found)),
    }
    look = f"occlabel evaluate {case.version.spec} --truth {case.gates.truth} --format {format}"
    return [
        GateResult(
            gate=f"score.{name}", required=least, found=_number(value), action=options.action, said=said, look=look
        )
        for name, (least, value, said) in asked.items()
        if least is not None
    ]


def _number(value: float | None) -> float | None:
    """None where a benchmark has none."""
    return None if value is None or isnan(value) else value


def _lowest(ious: dict[str, float]) -> str:
    if not ious:
        return "no class is in truth or labels"
    name = min(ious, key=lambda name: ious[name])
    return f"the lowest class is {name} ({100 * ious[name]:.1f})"


def _objects(found: Evaluation) -> str:
    if found.panoptic is None:
        return "the version has no instances, or the logs have no boxes around the truth"
    return f"PQ of things {100 * found.panoptic.quality.things.pq:.1f} of {counted(found.panoptic.frames, 'frame')}"
