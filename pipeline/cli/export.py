"""``occlabel export``: labels as other tools read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="The version to export.")],
    format: Annotated[Literal["semantickitti", "occ3d"], typer.Option("--format", help="The layout to write.")],
    out: Annotated[Path, typer.Option("--out", help="A folder that is empty or not there yet.")],
    zipped: Annotated[
        bool, typer.Option("--zip", help="Also write submission.zip for the SemanticKITTI server.")
    ] = False,
) -> None:
    """Write labels as the official tools and existing trainers read them.

    semantickitti: sequences/XX/predictions/NNNNNN.label, raw ids; a voxel of which nothing is known is empty there.
    occ3d: SCENE/TOKEN/labels.npz; unknown voxels are free, and both masks are 1 where a voxel is known.
    """
    from pipeline.export import export_version
    from pipeline.versions import open_version

    frames = export_version(open_version(version), format, out, zipped)
    typer.echo(f"wrote {frames} frames to {out}" + (f" and {out / 'submission.zip'}" if zipped else ""))
