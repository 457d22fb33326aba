"""``occlabel view``: labels from above, alone or beside others, or as the cameras saw them; logs in space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlabel.pipeline.cli.options import PICTURES, ClassMap, ReaderName, writable
from occlabel.schemas.errors import OcclabelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
    from occlabel.schemas.taxonomy import Taxonomy

_ALL = "all"


def view(
    versions: Annotated[list[str], typer.Argument(metavar="STORE@VERSION ...", help="One or more label versions.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The PNG to write, or .jpg and the like; with --3d the .rrd, if one is wanted."),
    ] = None,
    log: Annotated[str | None, typer.Option("--log", help="The log; the first one when not given.")] = None,
    frame: Annotated[
        str | None, typer.Option("--frame", help="The frame's name; the middle one when not given.")
    ] = None,
    map_: ClassMap = None,
    objects: Annotated[bool, typer.Option("--objects", help="A colour for each object instead of each class.")] = False,
    camera: Annotated[
        list[str] | None,
        typer.Option("--camera", help="Draw what this camera saw, or all of them; may be given again. Needs --logs."),
    ] = None,
    logs: Annotated[
        list[Path] | None,
        typer.Option("--logs", help="With --camera or --3d: the logs, as what sensors saw is not in the store."),
    ] = None,
    reader: ReaderName = None,
    in_space: Annotated[bool, typer.Option("--3d", help="The whole log in space and time, in rerun.")] = False,
    against: Annotated[
        str | None, typer.Option("--against", metavar="STORE@B", help="With --3d: the version to hold it against.")
    ] = None,
) -> None:
    """Draw labels from above, one panel per version: the car looks up.

    All are drawn in the classes of the first, those of others through --map where their names differ.

    With --camera: the image, the depth and the segments that the labels were made from, and the labels themselves as
    the camera sees them, the nearest occupied voxel of each pixel.

    With --3d: a log in space, with a timeline, as a recording of rerun: classes, objects, confidence, flow, what
    differs from --against, the ways that car and objects took, and with --logs images and LiDAR. A window opens on
    it, or --out writes it. Exit code 3 when some of it could not be read.
    """
    from occlabel.pipeline.published.version import open_version

    if in_space:
        _view_in_space(versions, (log, frame, camera, objects), (against, map_), (logs or [], reader), out)
        return
    if against is not None:
        raise OcclabelError("--against is for --3d; from above, name both versions one after the other")
    if out is None:
        raise OcclabelError("say where the picture is to be written, with --out FILE.png")
    if camera:
        _refuse_beside_camera(versions, map_, objects, logs)
    elif logs or reader:
        raise OcclabelError("--logs and --reader are for pictures of cameras: add --camera NAME, --camera all or --3d")
    writable("--out", out, PICTURES, make=True)
    opened = [open_version(spec) for spec in versions]
    log = log or opened[0].logs[0]
    names = [published.name for published in opened[0].frames(log)]
    frame = frame or names[len(names) // 2]
    if camera:
        _view_cameras(opened[0], opened[0].frame(log, frame), camera, (logs or [], reader), out)
    else:
        _view_from_above(opened, (log, frame), map_, objects, out)
    typer.echo(f"wrote {out}")


def _view_in_space(
    versions: list[str],
    asked: tuple[str | None, str | None, list[str] | None, bool],
    held: tuple[str | None, Path | None],
    logs: tuple[list[Path], str | None],
    out: Path | None,
) -> None:
    """``asked``: log, frame, cameras, objects; ``held``: the version that it is held against, and the map."""
    from occlabel.pipeline.cli.view_scene import log_scene, show_scene

    log, frame, camera, objects = asked
    for option, given in (("--frame", frame), ("--camera", camera), ("--objects", objects)):
        if given:
            raise OcclabelError(f"{option} is for pictures, and --3d shows the whole log; leave one of them out")
    if len(versions) > 1:
        raise OcclabelError(f"--3d shows one version, and {len(versions)} are given; hold it --against one other")
    if logs[1] is not None and not logs[0]:
        raise OcclabelError("--reader is for the logs, whose sensors are shown: add --logs, or leave it out")
    writable("--out", out, (".rrd",), make=True)
    if not show_scene(log_scene(versions[0], log, *held, logs), out):
        raise typer.Exit(3)


def _refuse_beside_camera(versions: list[str], map_: Path | None, objects: bool, logs: list[Path] | None) -> None:
    if len(versions) > 1:
        raise OcclabelError(
            f"--camera draws one version, and {len(versions)} are given; draw each into a file of its own"
        )
    if map_ is not None or objects:
        raise OcclabelError(
            f"{'--objects' if objects else '--map'} is for pictures from above; leave it or --camera out"
        )
    if not logs:
        raise OcclabelError("the images are in the logs and not in the store: --camera needs --logs DIR")


def _view_cameras(
    version: PublishedVersion,
    frame: PublishedFrame,
    cameras: list[str],
    logs: tuple[list[Path], str | None],
    out: Path,
) -> None:
    """``logs``: their roots, and the reader."""
    from occlabel.pipeline.delivery.pictures.camera_sheet import draw_cameras
    from occlabel.stages.ingest.recognise import open_logs

    chosen = [] if _ALL in cameras else list(dict.fromkeys(cameras))
    for sentence in draw_cameras(version, frame, open_logs(*logs), chosen, out):
        typer.echo(sentence, err=True)


def _view_from_above(
    opened: list[PublishedVersion], place: tuple[str, str], map_: Path | None, objects: bool, out: Path
) -> None:
    """``place``: log and frame."""
    from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, faint, objects_from_above, panels
    from occlabel.pipeline.delivery.pictures.from_above import FromAbove
    from occlabel.schemas.arrays import INSTANCE
    from occlabel.schemas.taxonomy_map import read_map

    taxonomy, told = opened[0].space.taxonomy, None if map_ is None else read_map(map_)
    pictures = []
    for version, name in zip(opened, _names(opened), strict=True):
        found = version.frame(*place)
        semantics = _looked_at(version, found, taxonomy, told)
        image = objects_from_above(found[INSTANCE], semantics, taxonomy) if objects else birds_eye(semantics, taxonomy)
        title, ego_from_grid = f"{name}: {' '.join(place)}", found.row.ego_from_grid_matrix
        pictures.append(FromAbove.of(version.space.grid, image, title, ego_from_grid))
    footer = "Each object has a colour of its own; what is no thing is faint." if objects else ""
    panels(pictures, faint(taxonomy) if objects else taxonomy, out, footer)


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
