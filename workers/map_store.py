"""A city map on disk: a folder or an object-store URL.

    index.json                                what the map holds: contributions and tiles
    tiles/<world>/<x>_<y>/<contributions>/    zarr v3 group: the map itself

Nothing is changed in place: what is new lies beside what is old until the index names it.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.errors import ContainsGroupError

from occlabel.schemas.city_map import MapIndex
from occlabel.schemas.errors import AlteredArtifact, StoreError
from occlabel.schemas.seal import sealed, unsealed
from occlabel.schemas.stage import Arrays
from occlabel.workers.artifact import open_array, readable
from occlabel.workers.store import Store

_CHUNK = 16 << 20  # bytes, uncompressed

DIMENSIONS = {
    "blocks": ("block", "axis"),
    "semantics": ("block", "x", "y", "z"),
    "confidence": ("block", "x", "y", "z"),
    "support": ("block", "x", "y", "z"),
}
"""Array name -> what its axes are."""

MEANINGS = {
    "blocks": "index (x, y, z) of each block of 8 x 8 x 8 voxels, counted from the origin of the world",
    "semantics": "class id; the free id where free space won, 255 where nothing voted",
    "confidence": "vote margin, 0..255 for 0..1",
    "support": "votes, those for free space included",
}


class MapStore:
    """One map, by path or URL."""

    def __init__(self, location: str) -> None:
        self._store = Store(location)

    @property
    def location(self) -> str:
        return self._store.location

    def index(self) -> MapIndex | None:
        """What the map holds; None where nothing is. Raises StoreError when something else lies there."""
        if not self._store.exists():
            return None
        content = self._store.get("index.json")
        if content is None:
            if self._store.tags(""):
                raise StoreError(f"{self.location} holds something that is no city map; choose another folder")
            return None
        index = unsealed(MapIndex, content)
        if index is None:
            raise AlteredArtifact(
                f"{self.location}/index.json is not what occlabel wrote, or written by another version of it; remove "
                "the map and make it again"
            )
        return index

    def put_index(self, index: MapIndex) -> None:
        """Makes ``index`` the map. Raises StoreAway when nothing can be written here."""
        self._store.put("index.json", sealed(index))

    def write(self, path: str, arrays: Arrays) -> None:
        """Writes the arrays as one group; a group of an interrupted command is replaced."""
        with suppress(ContainsGroupError):
            zarr.create_group(self._store.zarr, path=path)
        for name, array in arrays.items():
            rows = max(1, _CHUNK // max(1, array[:1].nbytes))
            zarr.create_array(
                self._store.zarr,
                name=f"{path}/{name}",
                shape=array.shape,
                chunks=(max(1, min(rows, len(array))), *array.shape[1:]),
                dtype=array.dtype,
                compressors=ZstdCodec(level=1, checksum=True),
                dimension_names=DIMENSIONS[name],
                attributes={"meaning": MEANINGS[name]},
                overwrite=True,
            )[:] = array

    def read(self, path: str, name: str) -> NDArray[np.generic]:
        """One array of a group. Raises AlteredArtifact when it is not there, or not what was written."""
        try:
            with readable(f"{self.location}/{path}/{name}"):
                return np.asarray(open_array(self._store, f"{path}/{name}")[:])
        except AlteredArtifact as error:
            raise AlteredArtifact(f"{error}; remove the map and make it again") from error

    def keep(self, tiles: set[str]) -> None:
        """Removes tiles other than these paths: those of other labels, logs or interrupted commands."""
        for path in self._store.tags("tiles"):
            if "/".join(["tiles", *path.split("/")[:3]]) not in tiles:
                self._store.delete(f"tiles/{path}")
