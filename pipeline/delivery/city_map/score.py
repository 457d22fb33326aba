"""Scores of a city map against the voxel truth of its logs, placed in the same world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.schemas.city_map import MapIndex, MapTile
from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.city_map import score
from occlabel.stages.evaluation.confusion import confusion
from occlabel.stages.evaluation.scores import Scores
from occlabel.stages.mapping.ballot import Ballot, ballot
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
    if "@" in location or (not (Path(location) / "index.json").is_file() and "://" not in location):
        return False
    return MapStore(location).index() is not None


def score_map(out: MapStore, index: MapIndex, reader: LogReader) -> MapEvaluation:
    """Scores the map against the truth of all frames of its logs that have voxel truth and a pose.

    The truth is fused like labels are: in the voxels that the benchmark scores, static classes and free space vote. A
    voxel is scored where a truth has a vote; there the map is occupied, or free (also where it holds nothing).
    Raises BadPredictions without truth of the map's voxels and classes, DamagedFile for truth that cannot be read.
    """
    grid = _truth_grid(index)
    rows = ballot(index.taxonomy)
    classes = len(index.taxonomy.classes)
    counts = np.zeros((classes, classes), np.int64)
    scored = 0
    for world in index.worlds:
        logs = [c.log for c in index.contributions if c.world == world]
        truth = [_placed(reader, frame, grid) for log in reader.logs(logs) for frame in log.frames if _usable(frame)]
        if truth:
            scored += len(truth)
            tiles = {(tile.x, tile.y): tile for tile in index.tiles if tile.world == world}
            counts += _compare(out, tiles, truth, grid, rows, classes)
    if not scored:
        raise BadPredictions(f"{reader.root} has no voxel truth of the map's logs: {', '.join(_logs(index))}")
    return MapEvaluation(score(counts, index.taxonomy), scored)


def _compare(
    out: MapStore, tiles: dict[Tile, MapTile], truth: list[PlacedFrame], grid: Grid, rows: Ballot, classes: int
) -> NDArray[np.int64]:
    """Counts [map, truth] of one world."""
    counts = np.zeros((classes, classes), np.int64)
    own = [keys_of(out.read(tile.path, "blocks")) for tile in tiles.values()]
    surveyed = survey_frames(truth, grid, rows)
    # Where the map holds a block, the truth must say voxel by voxel what is free.
    surveyed = Surveyed(merge([surveyed.survey, *map(wish, own)]), surveyed.tiles)
    for places, votes in cast_frames(truth, grid, rows, surveyed):
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


def _truth_grid(index: MapIndex) -> Grid:
    """The grid of the data set whose classes the map has: that is where its truth lies."""
    grid = GRIDS.get(index.taxonomy.name)
    if grid is None or grid.voxel_size != index.voxel_size:
        raise BadPredictions(
            f"the map has voxels of {index.voxel_size} m and the classes of {index.taxonomy.name!r}, of which there is "
            "no truth; it can be scored with those of "
            + " or ".join(f"{name} ({grid.voxel_size} m)" for name, grid in GRIDS.items())
        )
    return grid


def _usable(frame: Frame) -> bool:
    return frame.truth.voxels is not None and frame.world_from_ego is not None


def _placed(reader: LogReader, frame: Frame, grid: Grid) -> PlacedFrame:
    def labels() -> NDArray[np.uint8]:
        truth = reader.voxel_truth(frame)
        assert truth is not None  # the frame refers to it
        if truth.semantics.shape != grid.shape:
            raise BadPredictions(f"the truth of frame {frame.name} is not over the grid of the map's classes")
        return np.where(truth.scored, truth.semantics, np.uint8(UNKNOWN))

    pose = frame.world_from_grid(grid)
    assert pose is not None  # see _usable
    return PlacedFrame(labels, pose)
