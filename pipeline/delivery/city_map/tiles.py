"""What a map keeps of a tile: the votes of each log, and the outcome of all of them."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.city_map import MapTile, TileSum
from occlabel.stages.mapping.ballot import Ballot
from occlabel.stages.mapping.blocks import BLOCK, Tile, blocks_of, keys_of
from occlabel.stages.mapping.decide import MapBlocks, decide
from occlabel.stages.mapping.votes import Votes, total
from occlabel.workers.map_store import MapStore


def write_votes(out: MapStore, log: str, fingerprint: str, tile: Tile, votes: Votes, rows: Ballot) -> None:
    """Writes what a log has to say in one tile. Planes are named by class, so that their order on a ballot is free."""
    planes = np.stack([votes.plane_block, rows.label_of[votes.plane_row]], axis=1).astype(np.int32)
    seen = np.column_stack([blocks_of(votes.seen_keys), votes.seen])
    blocks = blocks_of(votes.keys).astype(np.int32)
    out.write(_path(log, fingerprint, tile), {"blocks": blocks, "planes": planes, "votes": votes.counts, "seen": seen})


def _read_votes(out: MapStore, log: str, fingerprint: str, tile: Tile, rows: Ballot) -> Votes:
    path = _path(log, fingerprint, tile)
    blocks, planes, counts, seen = (out.read(path, name) for name in ("blocks", "planes", "votes", "seen"))
    return Votes(
        keys_of(blocks),
        planes[:, 0].astype(np.int64),
        rows.row_of[planes[:, 1]],
        counts.astype(np.uint16, copy=False),
        keys_of(seen[:, :3]),
        seen[:, 3].astype(np.int64),
    )


def _path(log: str, fingerprint: str, tile: Tile) -> str:
    return f"contributions/{log}/{fingerprint}/{tile[0]}_{tile[1]}"


def add_up(out: MapStore, tile: TileSum, rows: Ballot) -> MapTile:
    """Computes and writes a tile of the map from the contributions that it names."""
    place = (tile.x, tile.y)
    found = decide(total([_read_votes(out, *name, place, rows) for name in tile.contributions]), rows)
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
