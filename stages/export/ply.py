"""A point cloud file of the map: the centre of each static occupied voxel, in its class colour."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy

# Positions have 64 bits: in 32 a world that counts from far away (UTM) would lose its voxels.
VERTEX = np.dtype(
    [(axis, "<f8") for axis in "xyz"] + [(name, "u1") for name in ("red", "green", "blue", "label", "confidence")]
)
Voxels = tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]
"""Cells of the world [n, 3], class ids [n] and confidence [n]."""
_TYPES = {"<f8": "double", "|u1": "uchar"}


def write_ply(
    file: BinaryIO, parts: Iterable[Voxels], voxels: int, voxel_size: float, taxonomy: Taxonomy, comment: str
) -> None:
    """Writes binary little-endian PLY 1.0 (Turk, "The PLY polygon file format") of ``voxels`` vertices, part by part.

    Positions are metres in the world; ``label`` is the class id, ``confidence`` the vote margin.
    """
    properties = [f"property {_TYPES[VERTEX[name].str]} {name}" for name in VERTEX.names or ()]
    header = ["ply", "format binary_little_endian 1.0", f"comment {comment}", f"element vertex {voxels}", *properties]
    file.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii", "replace"))
    for cells, labels, confidence in parts:
        vertices = np.empty(len(cells), VERTEX)
        for axis, name in enumerate("xyz"):
            vertices[name] = (cells[:, axis] + 0.5) * voxel_size
        for channel, name in enumerate(("red", "green", "blue")):
            vertices[name] = taxonomy.colours[labels, channel]
        vertices["label"], vertices["confidence"] = labels, confidence
        file.write(vertices.tobytes())
