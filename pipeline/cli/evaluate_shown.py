"""What ``occlabel evaluate`` prints of its scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from occlabel.schemas.words import counted, in_points

if TYPE_CHECKING:
    from rich.console import Console

    from occlabel.pipeline.quality.evaluation import Evaluation
    from occlabel.pipeline.quality.panoptic import PanopticEvaluation
    from occlabel.pipeline.running.console import Table
    from occlabel.stages.evaluation.flow import FlowScores
    from occlabel.stages.evaluation.reliability import ReliabilityByClass
    from occlabel.stages.evaluation.scores import Scores
    from occlabel.stages.evaluation.visible import VisibleScores

_MEASURES = {
    "iou": "IoU", "miou": "mIoU", "miou_present": "mIoU, classes in the truth", "precision": "precision",
    "recall": "recall", "accuracy": "accuracy",
}  # fmt: skip


def show(evaluation: Evaluation, baselines: bool, stderr: bool) -> None:
    """Everything, on stdout or stderr."""
    from occlabel.pipeline.running.console import console

    screen, at = console(stderr=stderr), evaluation.at
    if evaluation.boxes is not None:
        _show_boxes(evaluation, screen)
    elif evaluation.visible is not None:
        screen.print(visible_table(evaluation.visible))
        told = f"{evaluation.labels}: {counted(evaluation.frames, 'frame')} scored before the camera that looks ahead"
        screen.print(told)
    else:
        columns = {name if name == "full" else f"{name} m": s for name, s in evaluation.scores.items()}
        if at in ("points", "around"):
            columns = {"labels": evaluation.scores["full"], **(evaluation.baselines if baselines else {})}
        screen.print(score_table(columns))
        where = "around what their own sweeps hit" if at == "around" else f"at {at}"
        told = f"{evaluation.labels}: {counted(evaluation.frames, 'frame')} scored {where}"
        screen.print(told)
    for note in evaluation.notes():
        screen.print(note)
    if evaluation.calibration:
        screen.print(*_confidence_sentences(evaluation, evaluation.calibration), sep="\n")
    if evaluation.flow is not None:
        screen.print(_flow_sentence(evaluation.flow))
    if evaluation.panoptic:
        screen.print(panoptic_table(evaluation.panoptic))
        screen.print(*_panoptic_sentences(evaluation.panoptic), sep="\n")


def _show_boxes(evaluation: Evaluation, screen: Console) -> None:
    from occlabel.pipeline.running.console import Table

    facts = evaluation.facts()
    table = Table("", "boxes", "recall", "found", "objects", "precision", "centre", "switches")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, scores in {"all": facts, **facts["per_class"]}.items():
        table.add_row(
            name, f"{scores['boxes']}", _percent(scores["recall"]), _percent(scores["found"]), f"{scores['objects']}",
            _percent(scores["precision"]), _two_digits(scores["centre_offset"]),
            _two_digits(scores["id_switches_per_100_found_boxes"]), end_section=name == "all",
        )  # fmt: skip
    screen.print(table)
    sentences = [
        f"{counted(facts['boxes'], 'box', 'boxes')} in {counted(facts['frames'], 'frame')}: "
        f"{_percent(facts['recall'])} % have an object of their class, {_percent(facts['found'])} % any, whose centre "
        f"is {_two_digits(facts['centre_offset'])} m from the box's on average, its size off by "
        f"{_two_digits(facts['scale_error'])} (1 - IoU) and its direction by "
        f"{_two_digits(facts['orientation_error_degrees'])} degrees, with "
        f"{_two_digits(facts['id_switches_per_100_found_boxes'])} id switches per 100; "
        f"{_percent(facts['precision'])} % of {facts['objects']} objects have a box of their class, "
        f"{_percent(facts['no_box_near'])} % none at all near them"
    ]
    for name, scores in facts["per_class"].items():
        if others := [f"{other} {count}" for other, count in scores["taken_for"].items() if other != name]:
            sentences.append(f"boxes of {name} that were taken for: {', '.join(others)}")
    screen.print(*sentences, sep="\n")
    told = f"{evaluation.labels}: {counted(evaluation.frames, 'frame')} scored at boxes"
    screen.print(told)


def _confidence_sentences(evaluation: Evaluation, calibration: ReliabilityByClass) -> Iterator[str]:
    at, occupied = "points" if evaluation.at == "points" else "voxels", calibration.occupied()
    if evaluation.confidence_is is not None:
        yield f"confidence is: {evaluation.confidence_is}"
    by_class = ", ".join(
        f"{evaluation.names[i]} {in_points(found.error())}" for i, found in calibration.by_class().items()
    )
    yield (
        f"confidence of {at} labelled occupied is off by {in_points(occupied.error())} points on "
        f"average, on the whole by {in_points(occupied.bias(), '+.1f')}"
    )
    yield f"by label, voxels labelled free too: {by_class}" if at == "voxels" else f"by label: {by_class}"
    if observed := calibration.by_observation():
        parts = [
            f"{name} {in_points(all_.error())} ({in_points(some.error())})" for name, (all_, some) in observed.items()
        ]
        yield f"by what was observed, all {at} (labelled occupied): {', '.join(parts)}"
    yield (
        f"confidence is off by {in_points(calibration.whole().error())} points on average over the scored {at}, free "
        "space included (expected calibration error, 15 bins)"
    )


def _flow_sentence(flow: FlowScores) -> str:
    from occlabel.stages.evaluation.flow import MOVES

    facts = flow.facts()
    return (
        f"flow: off by {_two_digits(facts['end_point_error'])} m/s on average at {flow.moving} voxels of objects that "
        f"move ({_two_digits(facts['end_point_error_of_zero'])} if nothing did), {_percent(facts['within'])} % within "
        f"{MOVES} m/s; {_percent(facts['standing_said_to_move'])} % of {flow.standing} voxels of objects that stand "
        "are said to move"
    )


def score_table(columns: dict[str, Scores]) -> Table:
    """Percent; one column per range or baseline, the measures first, then the classes."""
    from occlabel.pipeline.running.console import Table

    table = Table("", *columns)
    for column in table.columns[1:]:
        column.justify = "right"
    facts = [scores.facts() for scores in columns.values()]
    # One rule says at points which classes are in a mean, and so both means are one.
    titles = {name: title for name, title in _MEASURES.items() if name != "miou_present" or "accuracy" not in facts[0]}
    for measure, title in titles.items():
        if measure in facts[0]:
            table.add_row(title, *(_percent(fact[measure]) for fact in facts), end_section=False)
    table.add_section()
    for name in facts[0]["per_class"]:
        table.add_row(name, *(_percent(fact["per_class"][name]) for fact in facts))
    return table


def visible_table(found: dict[str, VisibleScores]) -> Table:
    """Percent; a row for the scene and for its objects, in each convention of heights."""
    from occlabel.pipeline.running.console import Table

    table = Table("", "O_acc", "IE_acc", "IE_rec")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, scores in found.items():
        table.add_row(name.replace(" ", ", "), *(_percent(value) for value in scores.facts().values()))
    return table


def panoptic_table(found: PanopticEvaluation) -> Table:
    """Percent; PQ, SQ and RQ: the means first, then the classes that have a score."""
    from occlabel.pipeline.running.console import Table

    table = Table("", "PQ", "SQ", "RQ")
    for column in table.columns[1:]:
        column.justify = "right"
    facts = found.quality.facts(found.names)
    for name in ("all", "things", "stuff"):
        table.add_row(name, *(_percent(facts[name][measure]) for measure in ("pq", "sq", "rq")))
    table.add_row("PQ-dagger", _percent(facts["pq_dagger"]))
    table.add_section()
    for name, quality in facts["per_class"].items():
        if quality["pq"] is not None:
            table.add_row(name, *(_percent(quality[measure]) for measure in ("pq", "sq", "rq")))
    return table


def _panoptic_sentences(found: PanopticEvaluation) -> Iterator[str]:
    tracking = found.tracking.facts()
    switches = tracking["id_switches_per_100_object_frames"]
    yield (
        f"instances of {counted(found.frames, 'frame')}: STQ {_percent(tracking['stq'])} "
        f"(AQ {_percent(tracking['aq'])}, SQ {_percent(tracking['sq'])}), {_two_digits(switches)} id switches per 100 "
        f"object-frames, {_percent(tracking['objects_matched'])} % of them matched"
    )
    if found.lidar_tracking is not None:
        official = found.lidar_tracking.facts()
        yield (
            f"as the 4D panoptic benchmark counts: LSTQ {_percent(official['lstq'])} (S_assoc "
            f"{_percent(official['s_assoc'])}, S_cls {_percent(official['s_cls'])})"
        )
    if found.rays is not None:
        rays = found.rays
        for name, mean, at in (("RayIoU", rays.ray_iou, rays.ray_iou_at), ("RayPQ", rays.ray_pq, rays.ray_pq_at)):
            near = ", ".join(f"{_percent(_number(value))} at {metres:g} m" for metres, value in at.items())
            yield f"{name} {_percent(_number(mean))} ({near})"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _two_digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
