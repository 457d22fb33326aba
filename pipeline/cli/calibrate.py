"""``occlabel calibrate``: makes the confidence of voted labels mean what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from occlabel.pipeline.cli.options import ClassMap, writable
from occlabel.schemas.words import in_points


def calibrate(
    labels: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="Labels that were voted uncalibrated.")],
    truth: Annotated[
        Path, typer.Option("--truth", help="Root of the truth: a SemanticKITTI root, an Occ3D gts folder; logs.")
    ],
    format: Annotated[Literal["semantickitti", "occ3d"], typer.Option("--format", help="Whose rules and layout.")],
    out: Annotated[Path, typer.Option("--out", help="The calibration to write (.json).")],
    at: Annotated[
        Literal["voxels", "points"],
        typer.Option("--at", help="Fit to voxels, or to labelled LiDAR points (truth is a log root)."),
    ] = "voxels",
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="NAME|FILE", help="With --at points: the calibration that points correct."),
    ] = None,
    map_: ClassMap = None,
) -> None:
    """Fit the confidence of voted labels to how often they are right, by what was observed and by class.

    Label logs with truth with --set voting.calibration=null --skip ground, calibrate that version, and name the file in
    voting.calibration of your recipe. Judge the result on other logs: occlabel evaluate says how far confidence is off.
    Labels in your own classes or grid meet the truth as they do there.

    Real logs have labelled points, if anything. They lie where the LiDAR measured, so they correct a calibration that
    was made of voxels (--start): each class by its points, and where nobody measured by what is wrong on the whole.
    """
    from rich.console import Console

    from occlabel.pipeline.quality.calibrate import calibrate as fit
    from occlabel.schemas.taxonomy_map import read_map

    writable("--out", out, (".json",))
    with Console(stderr=True).status("") as status:
        told = None if map_ is None else read_map(map_)
        found = fit(labels, truth, format, out, told, status.update, at=at, start=start)
    parts = (found.before, found.occupied_before, found.after, found.occupied_after)
    before, occupied_before, after, occupied_after = (in_points(part.error()) for part in parts)
    typer.echo(
        f"{out}: fitted to {found.made_of}; confidence was off by {before} points on average ({occupied_before} "
        f"where {at} are labelled occupied), with the calibration it is by {after} ({occupied_after}) on the same "
        "frames"
    )
    for sentence in found.unreadable:
        typer.echo(f"not used: {sentence}")
