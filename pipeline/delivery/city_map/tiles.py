"""The tiles of a map: what the contributions of its logs add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np

from occlabel.pipeline.delivery.city_map.votes_file import read_votes
from occlabel.schemas.city_map import Contribution, MapTile, TileSum
from occlabel.stages.mapping.ballot import Ballot
from occlabel.stages.mapping.blocks import BLOCK
from occlabel.stages.mapping.decide import MapBlocks, decide
from occlabel.stages.mapping.votes import total
from occlabel.workers.map_store import MapStore

OpenVotes = Callable[[str, str], BinaryIO]
"""Log and fingerprint -> its votes file, opened."""


def tile_sums(contributions: Iterable[Contribution]) -> list[TileSum]:
    """The tiles of the map, in order."""
    logs: dict[tuple[str, int, int], list[tuple[str, str]]] = {}
    for contribution in contributions:
        for x, y in contribution.tiles:
            logs.setdefault((contribution.world, x, y), []).append((contribution.log, contribution.fingerprint))
    return [TileSum(world=w, x=x, y=y, contributions=tuple(logs[w, x, y])) for w, x, y in sorted(logs)]


def add_up(out: MapStore, tile: TileSum, rows: Ballot, votes_of: OpenVotes) -> MapTile:
    """Computes and writes a tile of the map from the contributions that it names."""
    files = (votes_of(*name) for name in tile.contributions)
    found = decide(total(read_votes(files, (tile.x, tile.y), rows)), rows)
    out.write(
        tile.path,
        {
            "blocks": found.blocks,
            "semantics": found.semantics,
            "confidence": found.confidence,
            "support": found.support,
        },
    )
    z = found.blocks[:, 2].astype(int) if len(found.blocks) else np.array([0, -1])
    return MapTile(
        **tile.model_dump(),
        blocks=len(found.blocks),
        occupied=int(np.isin(found.semantics, rows.label_of[1:]).sum()),
        height=(int(z.min()) * BLOCK, int(z.max() + 1) * BLOCK),
    )


def load_tile(out: MapStore, tile: TileSum) -> MapBlocks:
    """A tile of the map. Raises StoreError when it is not there."""
    names = ("blocks", "semantics", "confidence", "support")
    blocks, semantics, confidence, support = (out.read(tile.path, name) for name in names)
    return MapBlocks(
        blocks.astype(np.int32, copy=False),
        semantics.astype(np.uint8, copy=False),
        confidence.astype(np.uint8, copy=False),
        support.astype(np.uint32, copy=False),
    )
