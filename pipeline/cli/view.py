"""``occlabel view``: a bird's-eye picture of labels, alone or beside others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    versions: Annotated[list[str], typer.Argument(metavar="STORE@VERSION ...", help="One or more label versions.")],
    out: Annotated[Path, typer.Option("--out", help="The PNG to write.")],
    log: Annotated[str | None, typer.Option("--log", help="The log; the first one when not given.")] = None,
    frame: Annotated[
        str | None, typer.Option("--frame", help="The frame's name; the middle one when not given.")
    ] = None,
    objects: Annotated[bool, typer.Option("--objects", help="A colour for each object instead of each class.")] = False,
) -> None:
    """Draw labels from above, one panel per version: the car looks up."""
    from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, objects_from_above, panels
    from occlabel.pipeline.published.version import open_version
    from occlabel.schemas.arrays import INSTANCE, SEMANTICS

    opened = [open_version(spec) for spec in versions]
    log = log or opened[0].logs[0]
    names = [published.name for published in opened[0].frames(log)]
    frame = frame or names[len(names) // 2]
    images = []
    for version in opened:
        found, taxonomy = version.frame(log, frame), version.space.taxonomy
        semantics = found[SEMANTICS]
        if objects:
            images.append(objects_from_above(found[INSTANCE], semantics, taxonomy))
        else:
            images.append(birds_eye(semantics, taxonomy))
    titles = [f"{version.name}: {log} {frame}" for version in opened]
    panels(images, titles, opened[0].space.taxonomy, out)
    typer.echo(f"wrote {out}")
