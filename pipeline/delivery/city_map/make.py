"""Makes and extends a city map: the contribution of each log, and the tiles that they add up to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from occlabel.pipeline.delivery.city_map.placed_logs import PlacedLog, placed_logs
from occlabel.pipeline.delivery.city_map.tiles import add_up, write_votes
from occlabel.pipeline.published.versions import PublishedVersion
from occlabel.schemas.city_map import Contribution, MapIndex, TileSum
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import StoreError
from occlabel.schemas.stage import LabelSpace
from occlabel.stages.mapping.ballot import Ballot, ballot
from occlabel.stages.mapping.fuse import cast_frames, survey_frames
from occlabel.workers.map_store import MapStore


@dataclass(frozen=True)
class MapReport:
    """What was done."""

    index: MapIndex
    computed: tuple[str, ...]
    """Logs whose contribution was computed."""
    tiles: int
    """Tiles that were computed."""
    poseless: tuple[str, ...]
    """Logs that are not in the map, as none of their frames has a pose."""


def make_map(
    version: PublishedVersion,
    reader: LogReader,
    out: MapStore,
    logs: list[str] | None = None,
    jobs: int = 1,
    log_done: Callable[[Contribution], None] = lambda _: None,
) -> MapReport:
    """Makes ``out`` the map of a version's ``logs``, all by default. Its bytes depend on labels and poses alone.

    Contributions and tiles that are there already are kept, those of other logs or labels are removed. ``jobs`` logs
    are worked on at a time, each in about 2 GB. Raises StoreError when ``out`` is no map, a map with other voxels or
    classes, or cannot be written; BadLog when ``reader`` has not the version's logs, or no pose for any of them.
    """
    space = version.space
    before = out.index() or MapIndex(voxel_size=space.grid.voxel_size, taxonomy=space.taxonomy)
    reason = before.refuse(space)
    if reason is not None:
        raise StoreError(f"the labels cannot be added to the map in {out.location}: {reason}; choose another --out")
    wanted, poseless = placed_logs(version, reader, logs)
    out.put_index(before)  # also an empty one: what a killed command leaves behind is recognised
    rows = ballot(space.taxonomy)
    computed: list[str] = []

    def committed(log: PlacedLog) -> Contribution:
        done = out.contribution(log.id, log.fingerprint)
        if done is None:
            done = contribute(log, space, rows, out)
            computed.append(log.id)
            log_done(done)
        return done

    contributions = _each(committed, wanted, jobs)
    there = {tile.path: tile for tile in before.tiles}
    sums = tile_sums(contributions)
    added = {tile.path: add_up(out, tile, rows) for tile in sums if tile.path not in there}
    after = MapIndex(
        voxel_size=before.voxel_size,
        taxonomy=before.taxonomy,
        contributions=tuple(contributions),
        tiles=tuple((there | added)[tile.path] for tile in sums),
    )
    if after != before:
        out.put_index(after)
    out.sweep(after)
    return MapReport(after, tuple(sorted(computed)), len(added), poseless)


def _each(work: Callable[[PlacedLog], Contribution], logs: list[PlacedLog], threads: int) -> list[Contribution]:
    """``work`` on all logs. After an error no other log is begun."""
    if threads == 1:  # in this thread, so that Ctrl-C need not wait for the end of a log
        return [work(log) for log in logs]
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(work, logs))
    finally:
        pool.shutdown(cancel_futures=True)


def contribute(log: PlacedLog, space: LabelSpace, rows: Ballot, out: MapStore) -> Contribution:
    """Computes and commits what one log has to say."""
    surveyed = survey_frames(log.frames, space.grid, rows)
    written = []
    for tiles, votes in cast_frames(log.frames, space.grid, rows, surveyed):
        for tile in tiles:
            write_votes(out, log.id, log.fingerprint, tile, votes.part(tile), rows)
        written += tiles
        del votes  # or it would lie beside the next ones
    contribution = Contribution(
        log=log.id,
        world=log.world,
        fingerprint=log.fingerprint,
        frames=len(log.frames),
        poseless=log.poseless,
        tiles=tuple(sorted(written)),
    )
    out.commit(contribution)
    return contribution


def tile_sums(contributions: list[Contribution]) -> list[TileSum]:
    """The tiles of the map, in order."""
    logs: dict[tuple[str, int, int], list[tuple[str, str]]] = {}
    for contribution in contributions:
        for x, y in contribution.tiles:
            logs.setdefault((contribution.world, x, y), []).append((contribution.log, contribution.fingerprint))
    return [TileSum(world=w, x=x, y=y, contributions=tuple(logs[w, x, y])) for w, x, y in sorted(logs)]
