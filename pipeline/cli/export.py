"""``occlabel export``: labels as other tools read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from occlabel.pipeline.cli.options import ReaderName
from occlabel.schemas.errors import OcclabelError


def export(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="The version to export.")],
    format: Annotated[
        Literal["semantickitti", "occ3d", "semantickitti-panoptic", "nuscenes-panoptic"],
        typer.Option("--format", help="The layout to write."),
    ],
    out: Annotated[Path, typer.Option("--out", help="A folder that is empty or not there yet.")],
    zipped: Annotated[
        bool, typer.Option("--zip", help="Also write submission.zip for the SemanticKITTI server.")
    ] = False,
    logs: Annotated[
        Path | None, typer.Option("--logs", help="For the panoptic formats: root of the logs that were labelled.")
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="For nuscenes-panoptic: the set that the devkit is to evaluate.")
    ] = "val",
    reader: ReaderName = None,
) -> None:
    """Write labels as the official tools and existing trainers read them.

    semantickitti: sequences/XX/predictions/NNNNNN.label, raw ids; a voxel of which nothing is known is empty there.
    occ3d: SCENE/TOKEN/labels.npz; unknown voxels are free, and both masks are 1 where a voxel is known.

    Of a version with instances, labels of the LiDAR points, each that of the voxel that holds it; a point outside the
    grid is unlabelled. semantickitti-panoptic: sequences/XX/predictions/NNNNNN.label, one uint32 a point.
    nuscenes-panoptic: panoptic/SPLIT/TOKEN_panoptic.npz, classes of the lidarseg challenge.
    """
    from occlabel.pipeline.published.versions import open_version

    if format == "semantickitti" or format == "occ3d":
        from occlabel.pipeline.delivery.export import export_version

        frames = export_version(open_version(version), format, out, zipped)
        typer.echo(f"wrote {frames} frames to {out}" + (f" and {out / 'submission.zip'}" if zipped else ""))
        return
    if logs is None:
        raise OcclabelError(f"{format} labels the points of scans: say where the labelled logs lie, with --logs LOGS")
    if zipped:
        raise OcclabelError(f"--zip writes a submission of voxels to the SemanticKITTI server; {format} has none")
    from occlabel.pipeline.delivery.export_points import export_points
    from occlabel.stages.ingest.recognise import open_logs

    done = export_points(open_version(version), format, open_logs(logs, reader), out, split)
    typer.echo(f"{out}: {done.sentence()}")
