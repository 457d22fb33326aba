"""``occlabel export``: labels as other tools read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import ClassMap, ReaderName
from occlabel.schemas.errors import OcclabelError

Version = Annotated[str, typer.Argument(metavar="STORE@VERSION", help="The version to export.")]
Layout = Annotated[
    str,
    typer.Option(
        "--format",
        help="The layout to write: semantickitti, occ3d, sscbench-kitti360, objects, semantickitti-panoptic, "
        "nuscenes-panoptic, or one that a package brings.",
    ),
]
Out = Annotated[Path, typer.Option("--out", help="A folder that is empty or not there yet.")]
Zipped = Annotated[bool, typer.Option("--zip", help="Also write submission.zip for the SemanticKITTI server.")]
Frames = Annotated[
    str | None,
    typer.Option(
        "--frames",
        metavar="5n|NAMES",
        help="Only these frames: 5n, those whose number is a multiple of 5; or names with commas between.",
    ),
]
Like = Annotated[
    Path | None,
    typer.Option(
        "--like",
        metavar="ROOT",
        help="Only the frames that the benchmark asks for: those of which ROOT, a copy of its data, has input voxels "
        "(semantickitti, sscbench-kitti360), scans (semantickitti-panoptic), truth (occ3d), or a frame in its logs.",
    ),
]
Logs = Annotated[
    list[Path] | None, typer.Option("--logs", help="For what needs scans or cameras: root of the labelled logs.")
]
Split = Annotated[
    str | None,
    typer.Option("--split", help="For nuscenes-panoptic: the devkit's split that it is to evaluate, val if not given."),
]
OwnClasses = Annotated[
    bool, typer.Option("--own-classes", help="For semantickitti: the version's own classes and grid, as they are.")
]


def export(
    version: Version,
    format: Layout,
    out: Out,
    zipped: Zipped = False,
    frames: Frames = None,
    like: Like = None,
    logs: Logs = None,
    split: Split = None,
    map_: ClassMap = None,
    own_classes: OwnClasses = False,
    reader: ReaderName = None,
) -> None:
    """Write labels as the official tools and existing trainers read them.

    semantickitti: sequences/XX/predictions/NNNNNN.label, raw ids; a voxel of which nothing is known is empty there.
    occ3d: SCENE/TOKEN/labels.npz; unknown voxels are free, masks are 1 where a voxel was observed.
    sscbench-kitti360: data_2d_raw/LOG/voxels/FRAME.label and .invalid, which is 1 where a voxel was not observed.
    Labels in other classes are written through --map, those in another grid voxel by voxel of the layout's.

    objects, of a version with instances: objects.parquet, a row for each object and frame with its class, the box of
    all of it, voxels, confidence and motion, and its boxes in the images, where the version or --logs know the
    calibration.

    Of a version with instances, labels of the LiDAR points, each that of the voxel that holds it; a point outside the
    grid is unlabelled. semantickitti-panoptic: sequences/XX/predictions/NNNNNN.label, one uint32 a point.
    nuscenes-panoptic: panoptic/SPLIT/TOKEN_panoptic.npz, classes of the lidarseg challenge.

    The server of SemanticKITTI takes labels of every fifth frame for scene completion, and of no other: add --like,
    with the root of its test sequences, or --frames 5n. What is not exported is said.
    """
    from occlabel.pipeline.delivery import selection
    from occlabel.pipeline.delivery.exporters import ExportOptions, exporter, refuse_full
    from occlabel.pipeline.published.version import open_version
    from occlabel.schemas.taxonomy_map import read_map
    from occlabel.stages.ingest.recognise import open_logs

    write = exporter(format)
    refuse_full(out)
    _refuse_useless(format, split, reader, logs)
    if frames is not None and like is not None:
        raise OcclabelError("--frames and --like both choose frames; leave one of them out")
    opened = open_version(version)
    if frames is not None:
        chosen = selection.by_rule(opened, frames)
    else:
        chosen = selection.Selection(opened, 0) if like is None else selection.like(opened, like, format)
    told = {} if map_ is None else read_map(map_)
    options = ExportOptions(
        logs=open_logs(logs, reader) if logs else None,
        told=tuple(told.items()),
        own_classes=own_classes,
        zipped=zipped,
        like=like,
        whole=opened,
        split=ExportOptions.split if split is None else split,
    )
    typer.echo(f"version {opened.name}: {write(chosen.version, out, options)}")
    for sentence in chosen.sentences():
        typer.echo(sentence)
    for place, reason in opened.info.missing.items():
        typer.echo(f"version {opened.name} has no labels of {place}: {reason}")


def _refuse_useless(format: str, split: str | None, reader: str | None, logs: list[Path] | None) -> None:
    """Raises OcclabelError for options that would change nothing."""
    from occlabel.pipeline.delivery.exporters import EXPORTERS

    if split is not None and format in EXPORTERS and format != "nuscenes-panoptic":
        raise OcclabelError(
            f"--split names the set that nuscenes-panoptic is written for; {format} has none: leave it out"
        )
    if reader is not None and not logs:
        raise OcclabelError("--reader is for the logs that were labelled: add --logs, or leave it out")
