"""``occlabel export``: labels as other tools read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import ClassMap, ReaderName


def export(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="The version to export.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="The layout to write: semantickitti, occ3d, semantickitti-panoptic, nuscenes-panoptic, or one that a "
            "package brings.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="A folder that is empty or not there yet.")],
    zipped: Annotated[
        bool, typer.Option("--zip", help="Also write submission.zip for the SemanticKITTI server.")
    ] = False,
    logs: Annotated[
        list[Path] | None, typer.Option("--logs", help="For labels of points: root of the logs that were labelled.")
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="For nuscenes-panoptic: the set that the devkit is to evaluate.")
    ] = "val",
    map_: ClassMap = None,
    own_classes: Annotated[
        bool, typer.Option("--own-classes", help="For semantickitti: the version's own classes and grid, as they are.")
    ] = False,
    reader: ReaderName = None,
) -> None:
    """Write labels as the official tools and existing trainers read them.

    semantickitti: sequences/XX/predictions/NNNNNN.label, raw ids; a voxel of which nothing is known is empty there.
    occ3d: SCENE/TOKEN/labels.npz; unknown voxels are free, and both masks are 1 where a voxel is known.
    Labels in other classes are written through --map, those in another grid voxel by voxel of the layout's.

    Of a version with instances, labels of the LiDAR points, each that of the voxel that holds it; a point outside the
    grid is unlabelled. semantickitti-panoptic: sequences/XX/predictions/NNNNNN.label, one uint32 a point.
    nuscenes-panoptic: panoptic/SPLIT/TOKEN_panoptic.npz, classes of the lidarseg challenge.
    """
    from occlabel.pipeline.delivery.exporters import ExportOptions, exporter
    from occlabel.pipeline.published.version import open_version
    from occlabel.schemas.taxonomy_map import read_map
    from occlabel.stages.ingest.recognise import open_logs

    write = exporter(format)
    told = {} if map_ is None else read_map(map_)
    options = ExportOptions(
        logs=open_logs(logs, reader) if logs else None,
        told=tuple(told.items()),
        own_classes=own_classes,
        zipped=zipped,
        split=split,
    )
    typer.echo(write(open_version(version), out, options))
