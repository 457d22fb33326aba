"""``occlabel view``: a bird's-eye picture of labels, alone or beside others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import PICTURES, ClassMap, writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
    from occlabel.schemas.taxonomy import Taxonomy


def view(
    versions: Annotated[list[str], typer.Argument(metavar="STORE@VERSION ...", help="One or more label versions.")],
    out: Annotated[Path, typer.Option("--out", help="The PNG to write, or .jpg and the like.")],
    log: Annotated[str | None, typer.Option("--log", help="The log; the first one when not given.")] = None,
    frame: Annotated[
        str | None, typer.Option("--frame", help="The frame's name; the middle one when not given.")
    ] = None,
    map_: ClassMap = None,
    objects: Annotated[bool, typer.Option("--objects", help="A colour for each object instead of each class.")] = False,
) -> None:
    """Draw labels from above, one panel per version: the car looks up.

    All are drawn in the classes of the first, those of others through --map where their names differ.
    """
    from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, objects_from_above, panels
    from occlabel.pipeline.published.version import open_version
    from occlabel.schemas.arrays import INSTANCE
    from occlabel.schemas.taxonomy_map import read_map

    writable("--out", out, PICTURES, make=True)
    opened = [open_version(spec) for spec in versions]
    log = log or opened[0].logs[0]
    names = [published.name for published in opened[0].frames(log)]
    frame = frame or names[len(names) // 2]
    taxonomy, told = opened[0].space.taxonomy, None if map_ is None else read_map(map_)
    images = []
    for version in opened:
        found = version.frame(log, frame)
        semantics = _looked_at(version, found, taxonomy, told)
        if objects:
            images.append(objects_from_above(found[INSTANCE], semantics, taxonomy))
        else:
            images.append(birds_eye(semantics, taxonomy))
    titles = [f"{name}: {log} {frame}" for name in _names(opened)]
    panels(images, titles, taxonomy, out)
    typer.echo(f"wrote {out}")


def _names(versions: list[PublishedVersion]) -> list[str]:
    """What tells the versions apart: their names, with those of their stores where there are several."""
    stores = {version.store.location: Path(version.store.location).name for version in versions}
    if len(stores) == 1:
        return [version.name for version in versions]
    return [f"{stores[version.store.location]}@{version.name}" for version in versions]


def _looked_at(
    version: PublishedVersion, frame: PublishedFrame, taxonomy: Taxonomy, told: dict[str, str | None] | None
) -> NDArray[np.uint8]:
    """The frame's classes [x, y, z] as ``taxonomy`` calls them."""
    from occlabel.schemas.arrays import SEMANTICS
    from occlabel.schemas.taxonomy_map import map_between

    own = version.space.taxonomy
    semantics = frame[SEMANTICS]
    return semantics if own.names == taxonomy.names else map_between(own, taxonomy, told).table[semantics]
