"""Scores of a city map against the voxel truth of its logs, placed in the same world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.city_map.tiles import load_tile
from occlabel.pipeline.published.labelled_log import drive_log
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.spec import LATEST, split
from occlabel.pipeline.quality.benchmark import BENCHMARKS
from occlabel.schemas.city_map import MapIndex, MapTile
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadPredictions, DamagedFile
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
    """Frames of truth that were scored."""
    without_truth: tuple[str, ...] = ()
    """Logs of the map of which no frame was scored."""
    without_pose: int = 0
    """Frames of truth that nobody can place."""
    unreadable: tuple[str, ...] = ()
    """A sentence for each frame of truth that cannot be read."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        left_out = {"without_truth": list(self.without_truth), "frames_without_pose": self.without_pose}
        left_out |= {"unreadable": list(self.unreadable)}
        return {"scores": {"map": self.scores.facts()}, "frames": self.frames, **left_out}

    def notes(self) -> Iterator[str]:
        """What was left out, in sentences."""
        if self.without_truth:
            yield f"logs of the map that are not scored, as they have no truth: {', '.join(self.without_truth)}"
        if self.without_pose:
            yield f"frames of truth without a pose, and not scored: {self.without_pose}"
        for sentence in self.unreadable:
            yield f"not scored: {sentence}"


def is_map(location: str) -> bool:
    """Whether a city map lies at ``location``, a path or URL."""
    if split(location)[1] != LATEST or (not (Path(location) / "index.json").is_file() and "://" not in location):
        return False
    return MapStore(location).index() is not None


def score_map(out: MapStore, index: MapIndex, truth: TruthSource, format: Format) -> MapEvaluation:
    """Scores the map against the truth of all frames of its logs that have voxel truth and a pose, by the rules of
    ``format``.

    The truth is fused like labels are: in the voxels that the benchmark scores, static classes and free space vote. A
    voxel is scored where a truth has a vote; there the map is occupied, or free (also where it holds nothing). Truth
    that cannot be read costs its frame. Raises BadPredictions without truth of the map's voxels and classes.
    """
    if truth.reader is None:
        raise BadPredictions(
            "a map is scored in the world of its logs, and this truth stands alone, without their poses; give the root "
            "of the logs as truth"
        )
    if (reason := index.refuse(truth.space)) is not None:
        raise BadPredictions(f"{out.location} cannot be scored with the truth in {truth.reader.root}: {reason}")
    counts = np.zeros((len(index.taxonomy.classes),) * 2, np.int64)
    found: dict[str, _Truth] = {}
    for world in index.worlds:
        logs = [c.log for c in index.contributions if c.world == world]
        found |= {log: _found(truth, drive_log(truth.reader, log)) for log in logs}
        placed = [frame for log in logs for frame in found[log].placed]
        if placed:
            tiles = {(tile.x, tile.y): tile for tile in index.tiles if tile.world == world}
            counts += _compare(out, tiles, placed, truth.space)
    unreadable = tuple(sentence for log in found.values() for sentence in log.unreadable)
    scored = sum(len(log.placed) for log in found.values())
    if not scored:
        why = f"; {'; '.join(unreadable[:3])}" if unreadable else ""
        raise BadPredictions(
            f"{truth.reader.root} has no voxel truth of the map's logs: {', '.join(_logs(index))}, or no pose with "
            f"it{why}"
        )
    return MapEvaluation(
        score(counts, index.taxonomy, BENCHMARKS[format].score),
        scored,
        tuple(name for name, log in found.items() if not log.placed),
        sum(log.without_pose for log in found.values()),
        unreadable,
    )


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


@dataclass
class _Truth:
    """The truth of one log."""

    placed: list[PlacedFrame] = field(default_factory=list)
    without_pose: int = 0
    unreadable: list[str] = field(default_factory=list)


def _found(truth: TruthSource, log: DriveLog | None) -> _Truth:
    """The truth of the frames of ``log`` that have a pose. Each is read once here, before any is fused."""
    found = _Truth()
    if log is None:
        return found
    known = set(truth.frames(log.id))
    for frame in log.frames:
        if frame.name not in known:
            continue
        pose, read = frame.world_from_grid(truth.space.grid), _Scored(truth, log.id, frame.name)
        if pose is None:
            found.without_pose += 1
            continue
        try:
            read()
        except DamagedFile as error:
            found.unreadable.append(f"log {log.id}, frame {frame.name}: {error}")
            continue
        found.placed.append(PlacedFrame(read, pose))
    return found


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
