"""Makes and extends a city map: the contribution of each log, which is a job, and the tiles that they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from occlabel.pipeline.delivery.city_map.contribute import MapVotes, placed_frames
from occlabel.pipeline.delivery.city_map.tiles import add_up, is_whole, tile_sums
from occlabel.pipeline.delivery.city_map.votes_file import contribution_of, open_votes
from occlabel.pipeline.published.opened import opened_anew
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.running.jobs import result_path, run_job
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.city_map import MapIndex
from occlabel.schemas.errors import BadLog, BadPredictions, StoreError
from occlabel.schemas.words import counted
from occlabel.stages.mapping.ballot import ballot
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
    out: MapStore,
    logs: list[str] | None = None,
    workplace: Workplace = Workplace("local"),
    quiet: bool = True,
) -> MapReport:
    """Makes ``out`` the map of a version's ``logs``, all by default. Its bytes depend on labels and poses alone.

    What each log has to say is kept in the version's store and not computed again; tiles that are there already are
    kept, those of other logs or labels are removed. Raises StoreError when ``out`` is no map, a map with other voxels
    or classes, or cannot be written, or when a log could not be worked through; BadLog when the version has not these
    logs, or no pose for any of them; BadPredictions when it has no labels of voxels.
    """
    space = version.space
    before = out.index() or MapIndex(voxel_size=space.grid.voxel_size, taxonomy=space.taxonomy)
    reason = before.refuse(space)
    if reason is not None:
        raise StoreError(f"the labels cannot be added to the map in {out.location}: {reason}; choose another --out")
    wanted, poseless = placed_logs(version, logs)
    out.put_index(before)  # also an empty one: what a killed command leaves behind is recognised
    job = MapVotes(labels=opened_anew(spec_of(version.store, version.name)).spec)
    done = run_job(job, wanted, version.store, workplace, quiet=quiet)
    if done.failed:
        raise StoreError(
            f"{len(done.failed)} of {counted(len(wanted), 'log')} could not be worked through: "
            + "; ".join(f"{log}: {why}" for log, why in list(done.failed.items())[:3])
            + "; name the logs without these, each with --log"
        )
    rows = ballot(space.taxonomy)

    def votes_of(log: str, fingerprint: str) -> BinaryIO:
        return open_votes(version.store, result_path(job, fingerprint, log))

    contributions = [contribution_of(votes_of(log, job.fingerprint(log))) for log in wanted]
    sums = tile_sums(contributions)
    wanted_tiles = {tile.path for tile in sums}
    there = {tile.path: tile for tile in before.tiles if tile.path in wanted_tiles and is_whole(out, tile)}
    added = {tile.path: add_up(out, tile, rows, votes_of) for tile in sums if tile.path not in there}
    after = MapIndex(
        voxel_size=before.voxel_size,
        taxonomy=before.taxonomy,
        contributions=tuple(contributions),
        tiles=tuple((there | added)[tile.path] for tile in sums),
    )
    if after != before:
        out.put_index(after)
    out.keep({tile.path for tile in after.tiles})
    return MapReport(after, tuple(sorted(done.computed)), len(added), poseless)


def placed_logs(version: PublishedVersion, logs: list[str] | None) -> tuple[list[str], tuple[str, ...]]:
    """The logs that can be placed, sorted, and those that have no pose. Raises as ``make_map`` does."""
    if SEMANTICS.name not in version.info.arrays:
        raise BadPredictions(f"{version.spec} publishes no {SEMANTICS.name}, of which a map is made")
    known = set(version.logs)
    chosen = sorted(known if logs is None else set(logs))
    if unknown := [log for log in chosen if log not in known]:
        raise BadLog(f"version {version.name} has no log {', '.join(unknown)}; it has {', '.join(version.logs[:20])}")
    placed = {log: bool(placed_frames(version, log)) for log in chosen}
    if not any(placed.values()):
        raise BadLog(
            f"no labelled frame of version {version.name} has a pose, and without poses there is no map; "
            "`occlabel logs list` says what the logs lack"
        )
    return [log for log in chosen if placed[log]], tuple(log for log in chosen if not placed[log])
