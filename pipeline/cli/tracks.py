"""``occlabel tracks``: where the objects of a version were, and how they moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import writable_folder
from occlabel.schemas.words import counted, inflected


def tracks(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="A version with tracked instances.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write: LOG.parquet for every log.")],
) -> None:
    """Write the trajectories of a version's objects, a table a log.

    One row per object and frame: track (the instance id), frame, time [s], x y z [m] of the middle of its box and
    vx vy vz [m/s] in the world, cut (reaches the border of the grid), moving (ever moved), class.
    """
    import numpy as np
    from rich.console import Console

    from occlabel.pipeline.delivery.trajectories import write_trajectories
    from occlabel.pipeline.published.version import open_version

    labels = open_version(version)
    writable_folder("--out", out)
    with Console(stderr=True).status("") as status:
        tables = write_trajectories(labels, out, status.update)
    for log, table in tables.items():
        objects, first = np.unique(table.track, return_index=True)
        moving = int(table.moving[first].sum())
        move = f"{moving} of them {inflected(moving, 'moves', 'move')}"
        typer.echo(f"{out / log}.parquet: {counted(len(objects), 'object')}, {move}, {counted(len(table), 'row')}")
