"""``occlabel evaluate``: scores of labels against truth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from occlabel.pipeline.cli.options import ClassMap, Executor, ExecutorName, LogIds, aside, writable
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.words import counted, in_points

if TYPE_CHECKING:
    from rich.console import Console

    from occlabel.pipeline.published.labels import Format
    from occlabel.pipeline.quality.counting import At
    from occlabel.pipeline.quality.evaluation import Evaluation
    from occlabel.pipeline.quality.panoptic import PanopticEvaluation
    from occlabel.pipeline.running.console import Table
    from occlabel.stages.evaluation.flow import FlowScores
    from occlabel.stages.evaluation.reliability import ReliabilityByClass
    from occlabel.stages.evaluation.scores import Scores
    from occlabel.stages.evaluation.visible import VisibleScores


Labels = Annotated[
    str, typer.Argument(metavar="STORE@VERSION|DIR|MAP", help="A version, a folder of predictions, or a map.")
]
TruthRoot = Annotated[
    Path, typer.Option("--truth", help="Root of the truth: a SemanticKITTI root, an Occ3D gts folder.")
]
Rules = Annotated[Literal["semantickitti", "occ3d"], typer.Option("--format", help="Whose rules and layout.")]
Places = Annotated[
    Literal["voxels", "points", "around", "boxes", "visible"],
    typer.Option(
        "--at",
        help="Score at voxels, at labelled LiDAR points, around what the frame's own sweep hit, where such points of "
        "other frames lie, objects at boxes, or what is occupied before the camera that looks ahead (all but voxels: "
        "truth is a log root).",
    ),
]
Baselines = Annotated[
    bool, typer.Option("--baselines", help="With --at points: print two trivial baselines beside the labels.")
]
Diagram = Annotated[
    Path | None,
    typer.Option("--diagram", metavar="PNG", help="Also draw how often labels of each confidence are right."),
]
Scored = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the scores as JSON; -: print it alone.")
]


def evaluate(
    labels: Labels,
    truth: TruthRoot,
    format: Rules,
    at: Places = "voxels",
    log: LogIds = None,
    map_: ClassMap = None,
    baselines: Baselines = False,
    diagram: Diagram = None,
    out: Scored = None,
    executor: Executor = ExecutorName.ray,
) -> None:
    """Score labels against truth, as the official evaluators do: IoU, mIoU, precision, recall, per class and range.

    Folders of predictions: sequences/XX/predictions/NNNNNN.label (semantickitti); TOKEN.npz or
    SCENE/TOKEN/labels.npz (occ3d). A map is scored against the truth of all frames of its logs, placed in their world:
    give the root of the logs, which has the poses; its mIoU is of the static classes, by --format: semantickitti counts
    one that is nowhere as 0, occ3d leaves it out. A version with instances is also scored by panoptic quality, STQ and
    id switches, and for occ3d by RayIoU and RayPQ, against the boxes of the logs around the truth, where there are any;
    with --at points by the panoptic quality of SemanticKITTI or nuScenes at the points in the grid, against the
    instances of the point labels, or boxes where those have none, and for semantickitti by LSTQ. With --at boxes, by
    class: how many of the boxes with at least 20 LiDAR points have an object of their class within 2 m (recall) or any
    (found), what they were taken for, how many objects have such a box (precision; those at boxes with fewer points do
    not count), how far off their boxes are, and whether objects keep their ids. Flow is scored at voxels and at boxes,
    by how the boxes go on.

    With --at points and --at around, mIoU is of the classes that at least 50 points, or voxels, of the truth have.

    With --at around, where no voxel truth is: at voxels in which labelled points of the 20 frames before and after lie,
    of classes that cannot move, and none of the frame's own sweep: what the labels fill in. IoU is the share of those
    voxels that are labelled occupied, each counts once.

    With --at visible, which asks for occupied or free alone: over samples 4 to 20 m before the camera that looks ahead
    and 4 m to each side, against what the sweeps of the frame and of the 19 after it see through, whether the labels
    are right (O_acc), right of what the frame's own sweep does not see (IE_acc), and say free of what is free there
    (IE_rec), in the scene and around its boxes. Samples lie in a slice 0.375 m below the camera, as the released
    evaluator has them, and in a block down to 1 m below it.

    Labels in other classes are scored through --map, those in another grid at the centres of the truth's voxels. What
    was counted of a version's logs is kept in its store: run it again to go on. A few frames are counted in this
    process, many by --executor.

    Whatever is not scored is said below the scores, and in the JSON. A frame whose truth or scan is missing or damaged
    is left out: exit code 0. Exit code 3 when labels that have truth could not be scored: a frame of the version that
    is damaged, or a log that cannot be read.
    """
    from occlabel.pipeline.delivery.city_map.score import is_map
    from occlabel.pipeline.quality.evaluate import evaluate as score
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.schemas.taxonomy_map import read_map

    if is_map(labels):
        if at != "voxels" or log or baselines or diagram or map_:
            raise OcclabelError(f"{labels} is a map, scored as a whole at voxels; leave out --at, --log and the like")
        _evaluate_map(labels, truth, format, out)
        return
    _refuse_useless(labels, format, at, baselines, diagram, out)
    told, place = None if map_ is None else read_map(map_), Workplace(executor.value)
    found = score(labels, truth, format, at, logs=log, told=told, workplace=place, quiet=False)
    _show(found, baselines, aside(out))
    _keep(found, labels, diagram, out)
    if not found.sound:
        raise typer.Exit(3)


def _keep(found: Evaluation, labels: str, diagram: Path | None, out: Path | None) -> None:
    if out is not None:
        _write(found.facts(), out)
    if diagram is not None:
        _draw(found.calibration, labels, diagram)
        typer.echo(f"wrote {diagram}", err=aside(out))


def _refuse_useless(
    labels: str, format: Format, at: At, baselines: bool, diagram: Path | None, out: Path | None
) -> None:
    """Raises OcclabelError, before the work, for what could not be done after it."""
    from occlabel.pipeline.published.labels import open_labels

    if baselines and at != "points":
        raise OcclabelError("--baselines are those of LiDAR points; add --at points, or leave them out")
    if diagram is not None and at != "voxels":
        raise OcclabelError("--diagram draws the confidence of voxels; leave it out, or score at voxels")
    if diagram is not None and not open_labels(labels, format).says_how_sure:
        raise OcclabelError(
            f"--diagram: {labels} says nothing of its confidence; a version whose labels were voted does, leave it out"
        )
    writable("--diagram", diagram, (".png",))
    writable("--json", out)


def _show(evaluation: Evaluation, baselines: bool, stderr: bool) -> None:
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


def _evaluate_map(location: str, truth: Path, format: Literal["semantickitti", "occ3d"], out: Path | None) -> None:
    from occlabel.pipeline.delivery.city_map.score import score_map
    from occlabel.pipeline.running.console import console
    from occlabel.stages.ingest.truth import open_truth
    from occlabel.workers.map_store import MapStore

    writable("--json", out)
    target = MapStore(location)
    index = target.index()
    assert index is not None  # or it would be no map
    found = score_map(target, index, open_truth(truth, format), format)
    screen = console(stderr=aside(out))
    screen.print(score_table({"map": found.scores}))
    screen.print(f"scored against the truth of {counted(found.frames, 'frame')}, static classes only")
    for note in found.notes():
        screen.print(note)
    if out is not None:
        _write(found.facts(), out)


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


def _draw(calibration: ReliabilityByClass | None, labels: str, path: Path) -> None:
    from occlabel.pipeline.delivery.pictures.reliability import draw_reliability

    if calibration is None:
        raise OcclabelError(f"--diagram: no scored frame of {labels} says anything of its confidence")
    draw_reliability({"labelled occupied": calibration.occupied(), "all voxels": calibration.whole()}, path)


def _write(facts: dict[str, Any], out: Path) -> None:
    text = json.dumps(facts, indent=1)
    if aside(out):
        typer.echo(text)
        return
    with appearing(out) as partial:
        partial.write_text(text + "\n")
    typer.echo(f"wrote {out}")


_MEASURES = {
    "iou": "IoU", "miou": "mIoU", "miou_present": "mIoU, classes in the truth", "precision": "precision",
    "recall": "recall", "accuracy": "accuracy",
}  # fmt: skip


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
