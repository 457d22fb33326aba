"""Scores of a city map against the voxel truth of its logs, placed in the same world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.pipeline.published.labelled_log import drive_log
from occlabel.pipeline.published.spec import LATEST, split
from occlabel.schemas.city_map import MapIndex, MapTile
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.city_map import score
from occlabel.stages.evaluation.confusion import confusion
from occlabel.stages.evaluation.scores import Scores
from occlabel.stages.ingest.truth import TruthSource
from occlabel.stages.mapping.ballot import ballot
from occlabel.stages.mapping.blocks import Tile, find, keys_of
from occlabel.stages.mapping.decide import decide
from occlabel.stages.mapping.fuse import PlacedFrame, Surveyed, cast_frames, survey_frames
from occlabel.stages.mapping.survey import merge, wish
from occlabel.workers.map_store import MapStore


@dataclass(frozen=True)
class MapEvaluation:
    """What was found."""

    scores: Scores
    frames: int
    """Frames of truth."""


def is_map(location: str) -> bool:
    """Whether a city map lies at ``location``, a path or URL."""
    if split(location)[1] != LATEST or (not (Path(location) / "index.json").is_file() and "://" not in location):
        return False
    return MapStore(location).index() is not None


def score_map(out: MapStore, index: MapIndex, truth: TruthSource) -> MapEvaluation:
    """Scores the map against the truth of all frames of its logs that have voxel truth and a pose.

    The truth is fused like labels are: in the voxels that the benchmark scores, static classes and free space vote. A
    voxel is scored where a truth has a vote; there the map is occupied, or free (also where it holds nothing).
    Raises BadPredictions without truth of the map's voxels and classes, DamagedFile for truth that cannot be read.
    """
    if truth.reader is None:
        raise BadPredictions(
            "a map is scored in the world of its logs, and this truth stands alone, without their poses; give the root "
            "of the logs as truth"
        )
    if (reason := index.refuse(truth.space)) is not None:
        raise BadPredictions(f"{out.location} cannot be scored with the truth in {truth.reader.root}: {reason}")
    counts = np.zeros((len(index.taxonomy.classes),) * 2, np.int64)
    scored = 0
    for world in index.worlds:
        logs = [c.log for c in index.contributions if c.world == world]
        placed = [frame for log in logs for frame in _placed(truth, drive_log(truth.reader, log))]
        if placed:
            scored += len(placed)
            tiles = {(tile.x, tile.y): tile for tile in index.tiles if tile.world == world}
            counts += _compare(out, tiles, placed, truth.space)
    if not scored:
        raise BadPredictions(f"{truth.reader.root} has no voxel truth of the map's logs: {', '.join(_logs(index))}")
    return MapEvaluation(score(counts, index.taxonomy), scored)


def _compare(
    out: MapStore, tiles: dict[Tile, MapTile], truth: list[PlacedFrame], space: LabelSpace
) -> NDArray[np.int64]:
    """Counts [map, truth] of one world."""
    classes, rows = len(space.taxonomy.classes), ballot(space.taxonomy)
    counts = np.zeros((classes, classes), np.int64)
    own = [keys_of(out.read(tile.path, "blocks")) for tile in tiles.values()]
    surveyed = survey_frames(truth, space.grid, rows)
    # Where the map holds a block, the truth must say voxel by voxel what is free.
    surveyed = Surveyed(merge([surveyed.survey, *map(wish, own)]), surveyed.tiles)
    for places, votes in cast_frames(truth, space.grid, rows, surveyed):
        true = decide(votes, rows).semantics
        labels = np.full_like(true, UNKNOWN)
        for found in (load_tile(out, tiles[place]) for place in places if place in tiles):
            labels[find(votes.keys, keys_of(found.blocks))] = found.semantics
        labels[labels == UNKNOWN] = rows.label_of[0]
        counts += confusion(labels, true, np.ones(true.shape, np.bool_), classes, "the map")
        del votes  # or it would lie beside the next ones
    return counts


def _logs(index: MapIndex) -> list[str]:
    return [contribution.log for contribution in index.contributions][:20]


def _placed(truth: TruthSource, log: DriveLog | None) -> list[PlacedFrame]:
    """The truth of the frames of ``log`` that have a pose."""
    if log is None:
        return []
    grid, known = truth.space.grid, set(truth.frames(log.id))
    poses = {frame.name: frame.world_from_grid(grid) for frame in log.frames if frame.name in known}
    return [PlacedFrame(_Scored(truth, log.id, name), pose) for name, pose in poses.items() if pose is not None]


@dataclass(frozen=True)
class _Scored:
    """Reads the truth of a frame when it is called; what is not scored is UNKNOWN."""

    truth: TruthSource
    log: str
    frame: str

    def __call__(self) -> NDArray[np.uint8]:
        found = self.truth.voxels(self.log, self.frame)
        if found.semantics.shape != self.truth.space.grid.shape:
            raise BadPredictions(f"the truth of log {self.log}, frame {self.frame} is not over the grid of the others")
        return np.where(found.scored, found.semantics, np.uint8(UNKNOWN))
