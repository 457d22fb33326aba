"""``occlabel map``: all logs of a version as one map of what stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from occlabel.pipeline.cli.options import Executor, ExecutorName, LogIds, writable
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import counted, inflected


def map_(
    version: Annotated[str, typer.Argument(metavar="STORE@VERSION", help="The version to fuse.")],
    out: Annotated[str, typer.Option("--out", help="The map to make or to extend: a folder or an s3:// URL.")],
    log: LogIds = None,
    executor: Executor = ExecutorName.ray,
    world: Annotated[
        str | None, typer.Option("--world", help="Of a map of several worlds, the one to write to files.")
    ] = None,
    ply: Annotated[Path | None, typer.Option("--ply", help="Also write the occupied voxels as a point cloud.")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Also draw it from above, as a PNG.")] = None,
) -> None:
    """Fuse the labels of a version into a map of the static classes, sparse and in tiles.

    Frames are placed by the poses that their labels were made with. Run it again with a version that has more or other
    logs: what did not change is kept. Logs of one nuScenes location share a world; a KITTI log is a world alone.
    occlabel evaluate scores a map.
    """
    from occlabel.pipeline.delivery.city_map.contribute import world_of
    from occlabel.pipeline.delivery.city_map.files import draw_map, export_ply, only_world
    from occlabel.pipeline.delivery.city_map.make import make_map, placed_logs
    from occlabel.pipeline.published.version import open_version
    from occlabel.pipeline.running.workplace import Workplace
    from occlabel.workers.map_store import MapStore

    if not out.strip():
        raise OcclabelError("--out is empty; give a folder or an s3:// URL")
    if world is not None and ply is None and picture is None:
        raise OcclabelError("--world says which world to write to a file; name one with --ply or --picture")
    writable("--ply", ply, (".ply",), make=True)
    writable("--picture", picture, (".png",), make=True)
    labels, target = open_version(version), MapStore(out)
    if ply is not None or picture is not None:
        only_world(sorted({world_of(labels, name) for name in placed_logs(labels, log)[0]}), world)
    report = make_map(labels, target, log, Workplace(executor.value), quiet=False)
    for name in report.poseless:
        typer.echo(f"log {name} has no poses and is not in the map", err=True)
    index = report.index
    for told in index.contributions:
        if told.poseless:
            all_ = told.frames + told.poseless
            not_in = inflected(told.poseless, "has no pose and is not", "have no pose and are not")
            typer.echo(f"log {told.log}: {told.poseless} of {all_} frames {not_in} in the map", err=True)
    kept = len(index.contributions) - len(report.computed), len(index.tiles) - report.tiles
    voxels = sum(tile.occupied for tile in index.tiles)
    found = f"{counted(len(index.tiles), 'tile')} of {counted(len(index.contributions), 'log')}"
    old = f"{counted(kept[0], 'log')} and {counted(kept[1], 'tile')}"
    typer.echo(f"{target.location}: {voxels:,} static voxels in {found}; {old} were up to date")
    if ply is not None:
        typer.echo(f"wrote {export_ply(target, index, world, ply):,} voxels to {ply}")
    if picture is not None:
        draw_map(target, index, world, picture)
        typer.echo(f"wrote {picture}")
