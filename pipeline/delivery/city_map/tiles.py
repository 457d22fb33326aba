"""The tiles of a map: what the contributions of its logs add up to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.delivery.city_map.votes_file import read_votes
from occlabel.schemas.city_map import Contribution, MapTile, TileSum
from occlabel.schemas.errors import AlteredArtifact
from occlabel.schemas.stage import Arrays
from occlabel.stages.mapping.ballot import Ballot
from occlabel.stages.mapping.blocks import BLOCK
from occlabel.stages.mapping.decide import MapBlocks, decide
from occlabel.stages.mapping.votes import total
from occlabel.workers.map_store import MapStore

_ARRAYS = ("blocks", "semantics", "confidence", "support")

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
    arrays: Arrays = {name: getattr(found, name) for name in _ARRAYS}
    out.write(tile.path, arrays)
    z = found.blocks[:, 2].astype(int) if len(found.blocks) else np.array([0, -1])
    return MapTile(
        **tile.model_dump(),
        blocks=len(found.blocks),
        occupied=int(np.isin(found.semantics, rows.label_of[1:]).sum()),
        height=(int(z.min()) * BLOCK, int(z.max() + 1) * BLOCK),
        digests={name: _digest(array) for name, array in arrays.items()},
    )


def is_whole(out: MapStore, tile: MapTile) -> bool:
    """Whether the tile is there as it was written."""
    try:
        load_tile(out, tile)
    except AlteredArtifact:
        return False
    return True


def load_tile(out: MapStore, tile: MapTile) -> MapBlocks:
    """A tile of the map. Raises AlteredArtifact when it is not there, or not as it was written."""
    arrays = {name: out.read(tile.path, name) for name in _ARRAYS}
    for name, array in arrays.items():
        if _digest(array) != tile.digests.get(name):
            raise AlteredArtifact(f"{out.location}/{tile.path}/{name} is not what was written; make the map again")
    blocks, semantics, confidence, support = arrays.values()
    return MapBlocks(
        blocks.astype(np.int32, copy=False),
        semantics.astype(np.uint8, copy=False),
        confidence.astype(np.uint8, copy=False),
        support.astype(np.uint32, copy=False),
    )


def _digest(array: NDArray[np.generic]) -> str:
    head = f"{array.dtype} {array.shape}\n".encode()
    return hashlib.blake2b(head + np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()
