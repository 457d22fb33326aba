"""What one log has to say in a map, as one file: a zip of ``.npy`` arrays, by tile, and what the contribution is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
import obstore
from numpy.typing import NDArray

from occlabel.schemas.city_map import Contribution
from occlabel.stages.mapping.ballot import Ballot
from occlabel.stages.mapping.blocks import Tile, blocks_of, keys_of
from occlabel.stages.mapping.votes import Votes
from occlabel.workers.store import Store

_ABOUT = "contribution.json"
_THEN = (1980, 1, 1, 0, 0, 0)  # equal votes are equal bytes, whenever they were cast


class VotesFile:
    """A file that is being written, tile by tile; only the compressed bytes are held."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._zip = zipfile.ZipFile(self._bytes, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    def add(self, tile: Tile, votes: Votes, rows: Ballot) -> None:
        """The votes in one tile. Planes are named by class, so that their order on a ballot is free."""
        planes = np.stack([votes.plane_block, rows.label_of[votes.plane_row]], axis=1).astype(np.int32)
        seen = np.column_stack([blocks_of(votes.seen_keys), votes.seen])
        blocks = blocks_of(votes.keys).astype(np.int32)
        for name, array in {"blocks": blocks, "planes": planes, "votes": votes.counts, "seen": seen}.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            self._write(_member(tile, name), content.getvalue())

    def finish(self, contribution: Contribution) -> bytes:
        self._write(_ABOUT, contribution.model_dump_json().encode())
        self._zip.close()
        return self._bytes.getvalue()

    def _write(self, name: str, content: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(name, _THEN), content, zipfile.ZIP_DEFLATED)


def open_votes(store: Store, path: str) -> BinaryIO:
    """The votes file at ``path`` of a store, of which only what is asked for is fetched."""
    return io.BufferedReader(_Object(obstore.open_reader(store.objects, path)))


class _Object(io.RawIOBase):
    """An object of a store as Python's own files are: obstore's do not give ``bytes``, which ``zipfile`` asks for."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = memoryview(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))


def contribution_of(file: BinaryIO) -> Contribution:
    """What an opened votes file says about itself."""
    with zipfile.ZipFile(file) as archive:
        return Contribution.model_validate_json(archive.read(_ABOUT))


def read_votes(files: Iterable[BinaryIO], tile: Tile, rows: Ballot) -> list[Votes]:
    """The votes of each file in one tile; nothing else of them is read."""
    result = []
    for file in files:
        with zipfile.ZipFile(file) as archive:
            blocks, planes, counts, seen = (_array(archive, tile, n) for n in ("blocks", "planes", "votes", "seen"))
        result.append(
            Votes(
                keys_of(blocks),
                planes[:, 0].astype(np.int64),
                rows.row_of[planes[:, 1]],
                counts.astype(np.uint16, copy=False),
                keys_of(seen[:, :3]),
                seen[:, 3].astype(np.int64),
            )
        )
    return result


def _member(tile: Tile, name: str) -> str:
    return f"{tile[0]}_{tile[1]}/{name}.npy"


def _array(archive: zipfile.ZipFile, tile: Tile, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(io.BytesIO(archive.read(_member(tile, name))), allow_pickle=False)
    return array
