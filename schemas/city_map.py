"""What a city map says about itself: its space, the contributions of logs, and the tiles they add up to."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import Taxonomy


class Contribution(BaseModel):
    """What one log has to say."""

    model_config = ConfigDict(frozen=True)

    log: str
    world: str
    """Name of the world frame that the log's poses are in."""
    fingerprint: str
    """Of everything that decides the votes: labels, poses, grid, classes, method."""
    frames: int
    """Frames that voted."""
    poseless: int
    """Frames that did not, for want of a pose."""
    tiles: tuple[tuple[int, int], ...]
    """Sorted; those in which the log has a vote."""


class TileSum(BaseModel):
    """What a tile of the map is: the sum of some contributions, in the order of their logs."""

    model_config = ConfigDict(frozen=True)

    world: str
    x: int
    y: int
    contributions: tuple[tuple[str, str], ...]
    """Log and fingerprint, sorted."""

    @property
    def path(self) -> str:
        """Where its arrays lie; other contributions, another path: a tile is never changed in place."""
        names = "\n".join(" ".join(part) for part in self.contributions)
        digest = hashlib.blake2b(names.encode(), digest_size=12).hexdigest()
        return f"tiles/{self.world}/{self.x}_{self.y}/{digest}"


class MapTile(TileSum):
    """A tile that is there, and what it holds."""

    blocks: int
    occupied: int
    """Voxels of a static class."""
    height: tuple[int, int]
    """Cells [low, high) of the world along z that its blocks span."""
    digests: dict[str, str]
    """Of the values of each of its arrays."""


class MapIndex(BaseModel):
    """A city map: all that it holds. Written last and at once, so that a reader never sees half a change."""

    model_config = ConfigDict(frozen=True)

    format: Literal["occlabel city map, layout 2"] = "occlabel city map, layout 2"
    voxel_size: float
    """Edge of a voxel [m]; voxel (i, j, k) of a world covers ``(i, j, k) * voxel_size`` up to the next."""
    taxonomy: Taxonomy
    contributions: tuple[Contribution, ...] = ()
    """Sorted by log."""
    tiles: tuple[MapTile, ...] = ()
    """Sorted by world, x, y."""

    @property
    def worlds(self) -> tuple[str, ...]:
        return tuple(sorted({tile.world for tile in self.tiles}))

    def refuse(self, space: LabelSpace) -> str | None:
        """Why labels or truth of ``space`` do not fit this map, as a part of a sentence, or None."""
        if space.grid.voxel_size != self.voxel_size:
            return f"its voxels have {self.voxel_size} m, not {space.grid.voxel_size} m"
        if _classes(space.taxonomy) != _classes(self.taxonomy):
            return f"it has the classes of {self.taxonomy.name!r}, not those of {space.taxonomy.name!r}"
        return None


def _classes(taxonomy: Taxonomy) -> tuple[object, ...]:
    return taxonomy.free_id, *((c.name, c.movable) for c in taxonomy.classes)
