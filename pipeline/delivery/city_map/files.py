"""A city map as files that other tools show: a point cloud, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from occlabel.pipeline.delivery.city_map.picture import city_picture, write_picture
from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.schemas.city_map import MapIndex
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.words import counted
from occlabel.stages.export.ply import write_ply
from occlabel.stages.mapping.ballot import ballot
from occlabel.stages.mapping.decide import static_voxels
from occlabel.workers.map_store import MapStore


def export_ply(out: MapStore, index: MapIndex, world: str | None, path: Path) -> int:
    """Writes the static occupied voxels of a world, the only one by default, as PLY; returns how many.

    Raises OcclabelError when the map has several worlds and none is named, or not that one.
    """
    world = only_world(index.worlds, world)
    tiles = [tile for tile in index.tiles if tile.world == world]
    voxels = sum(tile.occupied for tile in tiles)
    with appearing(path) as partial, partial.open("wb") as file:
        rows = ballot(index.taxonomy)
        parts = (static_voxels(load_tile(out, tile), rows) for tile in tiles)
        comment = f"occlabel city map, world {world}, voxels of {index.voxel_size} m"
        write_ply(file, parts, voxels, index.voxel_size, index.taxonomy, comment)
    return voxels


def draw_map(out: MapStore, index: MapIndex, world: str | None, path: Path) -> None:
    """Draws a world, the only one by default, from above. Raises like ``export_ply``."""
    world = only_world(index.worlds, world)
    tiles = [tile for tile in index.tiles if tile.world == world]
    logs = sum(contribution.world == world for contribution in index.contributions)
    title = f"{world}: {counted(logs, 'log')}, {sum(tile.occupied for tile in tiles):,} static voxels"
    blocks = (((tile.x, tile.y), load_tile(out, tile)) for tile in tiles)
    places = [(tile.x, tile.y) for tile in tiles]
    write_picture(city_picture(blocks, places, index.voxel_size, index.taxonomy, title), path)


def only_world(worlds: Sequence[str], world: str | None) -> str:
    """The one of the ``worlds`` of a map that its files show. Raises OcclabelError when there are several and none is
    named, or not that one."""
    if world in worlds:
        return str(world)
    if world is not None:
        raise OcclabelError(f"the map has no world {world!r}; it has {', '.join(worlds[:20])}")
    if not worlds:
        raise OcclabelError("the map is empty: no labelled voxel of its logs is known")
    if len(worlds) > 1:
        raise OcclabelError(
            f"the map has {len(worlds)} worlds, and a file shows one: name it with --world ({', '.join(worlds[:20])})"
        )
    return worlds[0]
