"""``occlabel evaluate``: scores of labels against truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from occlabel.pipeline.cli.evaluate_shown import score_table, show
from occlabel.pipeline.cli.options import ClassMap, Executor, ExecutorName, LogIds, aside, writable
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.appearing import write_whole
from occlabel.schemas.words import counted

if TYPE_CHECKING:
    from occlabel.pipeline.published.labels import Format
    from occlabel.pipeline.quality.counting import At
    from occlabel.pipeline.quality.evaluation import Evaluation
    from occlabel.stages.evaluation.reliability import ReliabilityByClass


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
    by how the boxes go on. At points and around, mIoU is of classes that the truth has at least 50 points or voxels of.

    With --at around, where no voxel truth is: at voxels in which labelled points of the 20 frames before and after lie,
    of classes that cannot move, and none of the frame's own sweep: what is filled in. IoU: what is labelled occupied.

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
    show(found, baselines, aside(out))
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
    from occlabel.pipeline.published.open_labels import open_labels

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
    write_whole(out, text + "\n")
    typer.echo(f"wrote {out}")
