"""Sizes of the network, and what the segmenter that it learned from calls things; for this nobody needs torch."""

from __future__ import annotations

from dataclasses import dataclass

FAR = 50.0
"""[m] along the optical axis, from which on nothing is learned or believed (z_far of the paper)."""
NEAR = 0.5
"""[m]; nearer than this nothing is."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the network."""

    rows: int = 64
    """Of a view that is asked for, a multiple of 8."""
    columns: int = 112
    """Likewise."""
    width: int = 24
    """Channels of the finest features."""
    features: int = 64
    """Channels of the segmenter's feature maps, which the network learns to reproduce; 0: it does not."""

    @property
    def forced(self) -> bool:
        return self.features > 0


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the labels of the segmenter are."""

    classes: tuple[int, ...]
    """Class id of each; UNKNOWN for what the taxonomy does not know."""
    sky: int
    """The label of what has no depth."""
