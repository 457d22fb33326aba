"""All frames of a log, or of several, into sparse votes, within bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.stages.mapping.ballot import Ballot
from occlabel.stages.mapping.blocks import CELLS, Tile, tiles_of
from occlabel.stages.mapping.cast import Caster
from occlabel.stages.mapping.survey import Survey, merge, survey
from occlabel.stages.mapping.votes import Votes, ballot_box
from occlabel.stages.mapping.window import window

BUDGET = 1 << 30
"""Bytes of vote counts that are held at a time."""
_PILE = 2_000_000  # blocks of surveys that are not merged yet: 48 MB


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A labelled frame in the world."""

    labels: Callable[[], NDArray[np.uint8]]
    """Reads its class ids [x, y, z] over the grid; called in each pass."""
    world_from_grid: Matrix


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What the first pass knows: where the frames have votes."""

    survey: Survey
    tiles: tuple[frozenset[Tile], ...]
    """Of each frame, the tiles that it has votes in."""


def survey_frames(frames: Sequence[PlacedFrame], grid: Grid, ballot: Ballot) -> Surveyed:
    """The first pass over the frames. Raises what reading a frame raises, and BadLog for a pose beyond the world."""
    done, pile, tiles = merge([]), [], []
    for frame in frames:
        found = survey(frame.labels(), window(grid, frame.world_from_grid), ballot)
        tiles.append(frozenset(_tiles(found.keys)))
        pile.append(found)
        if sum(len(s.keys) for s in pile) > _PILE:
            done, pile = merge([done, *pile]), []
    return Surveyed(merge([done, *pile]), tuple(tiles))


def cast_frames(
    frames: Sequence[PlacedFrame], grid: Grid, ballot: Ballot, surveyed: Surveyed, budget: int = BUDGET
) -> Iterator[tuple[list[Tile], Votes]]:
    """The second pass: the votes on some tiles at a time, so many that their counts take up to ``budget`` bytes.

    A frame is read once for each such part that it has votes in. Each tile comes once; neither the order of the
    frames nor the budget changes its votes.
    """
    for tiles, part in _parts(surveyed.survey, budget):
        votes = ballot_box(part)
        caster = Caster(votes, ballot)
        for frame, touched in zip(frames, surveyed.tiles, strict=True):
            if len(votes.keys) and not touched.isdisjoint(tiles):
                caster.cast(frame.labels(), window(grid, frame.world_from_grid))
        del caster
        yield tiles, votes
        del votes  # or it would lie beside the next ones


def _tiles(keys: NDArray[np.int64]) -> list[Tile]:
    """The tiles of the blocks, sorted."""
    return [(x, y) for x, y in np.unique(tiles_of(keys), axis=0).tolist()]


def _parts(survey: Survey, budget: int) -> Iterator[tuple[list[Tile], Survey]]:
    """The survey cut into runs of neighbouring tiles."""
    names, of_block = np.unique(tiles_of(survey.keys), axis=0, return_inverse=True)
    planes = survey.has_row().sum(axis=1) * survey.wanted
    sizes = np.bincount(of_block.ravel(), planes, len(names)) * 2 * CELLS
    part = np.zeros(len(names), np.int64)
    filled = 0.0
    for tile, size in enumerate(sizes.tolist()):
        begin = tile > 0 and filled + size > budget
        part[tile] = part[tile - 1] + begin if tile else 0
        filled = size if begin else filled + size
    for number in range(part[-1] + 1 if len(part) else 0):
        chosen = part[of_block.ravel()] == number
        tiles = [(x, y) for x, y in names[part == number].tolist()]
        yield tiles, Survey(survey.keys[chosen], survey.rows[chosen], survey.free[chosen], survey.wanted[chosen])
