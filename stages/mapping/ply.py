"""A point cloud file of the map: the centre of each static occupied voxel, in its class colour."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from schemas.taxonomy import Taxonomy
from stages.mapping.ballot import ballot
from stages.mapping.blocks import BLOCK
from stages.mapping.decide import MapBlocks

# Positions have 64 bits: in 32 a world that counts from far away (UTM) would lose its voxels.
VERTEX = np.dtype(
    [(axis, "<f8") for axis in "xyz"] + [(name, "u1") for name in ("red", "green", "blue", "label", "confidence")]
)
_TYPES = {"<f8": "double", "|u1": "uchar"}


def write_ply(
    file: BinaryIO, blocks: Iterable[MapBlocks], voxels: int, voxel_size: float, taxonomy: Taxonomy, comment: str
) -> None:
    """Writes binary little-endian PLY 1.0 (Turk, "The PLY polygon file format") of ``voxels`` vertices, tile by tile.

    Positions are metres in the world; ``label`` is the class id, ``confidence`` the vote margin.
    """
    properties = [f"property {_TYPES[VERTEX[name].str]} {name}" for name in VERTEX.names or ()]
    header = ["ply", "format binary_little_endian 1.0", f"comment {comment}", f"element vertex {voxels}", *properties]
    file.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii", "replace"))
    static = ballot(taxonomy).label_of[1:]
    for part in blocks:
        block, *cell = np.nonzero(np.isin(part.semantics, static))
        vertices = np.empty(len(block), VERTEX)
        for axis, name in enumerate("xyz"):
            vertices[name] = (part.blocks[block, axis].astype(np.int64) * BLOCK + cell[axis] + 0.5) * voxel_size
        labels = part.semantics[(block, *cell)]
        for channel, name in enumerate(("red", "green", "blue")):
            vertices[name] = taxonomy.colours[labels, channel]
        vertices["label"], vertices["confidence"] = labels, part.confidence[(block, *cell)]
        file.write(vertices.tobytes())
