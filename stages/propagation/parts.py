"""Which parts of DualFlow4D a network has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parts:
    """The network's parts that can be left out: the rows of the paper's Table VII."""

    transformer: bool = True
    spatial_embedding: bool = True
    temporal_embedding: bool = False
