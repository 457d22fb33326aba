"""Numbers in npz files of other programs: what a file claims is checked before anything is allocated for it, and
integers before they are narrowed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile

_HEADER = 1 << 16
"""Bytes in which the header of an array must lie; numpy writes 128."""


def array_names(path: Path) -> list[str]:
    """The names of the arrays in ``path``, sorted. Raises DamagedFile."""
    with _opened(path) as archive:
        return sorted(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))


def read_integers(path: Path, name: str, shape: tuple[int, ...], most: int) -> NDArray[np.integer[Any]]:
    """The array ``name``, integers 0..``most`` of any width; where ``most`` is 1, bool too.

    Raises DamagedFile, which names the first value that is none of those and its place.
    """
    array: NDArray[np.integer[Any]] = _read(path, name, shape, ("iub" if most == 1 else "iu", f"integers 0..{most}"))
    outside = (array < 0) | (array > most)
    if outside.any():
        place = np.unravel_index(int(outside.argmax()), shape)
        where = [int(index) for index in place]
        raise DamagedFile(f"{path}: {name} is {array[place]} at {where}, expected 0..{most}")
    return array


def read_floats(path: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    """The array ``name``, floating point numbers of any width. Raises DamagedFile."""
    return _read(path, name, shape, ("f", "floating point numbers"))


def _read(path: Path, name: str, shape: tuple[int, ...], kinds: tuple[str, str]) -> NDArray[Any]:
    """The array ``name`` of one of these ``kinds``: letters of dtypes, and what sentences call them."""
    with _opened(path) as archive:
        with archive.open(f"{name}.npy") as file:
            found, dtype = _header(file.read(_HEADER))
        if found != shape:
            raise DamagedFile(f"{path}: {name} is {list(found)}, expected {list(shape)}")
        if dtype.kind not in kinds[0]:
            raise DamagedFile(f"{path}: {name} is {_word(dtype)}, expected {kinds[1]}")
        with archive.open(f"{name}.npy") as file:
            array: NDArray[Any] = npy.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
            if file.read(1):
                raise DamagedFile(f"{path}: there is more behind the last value of {name}; the file is damaged")
    return array


def _header(content: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that an array says it has."""
    file = io.BytesIO(content)
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)  # type: ignore[no-untyped-call]
    return shape, dtype


def _word(dtype: np.dtype[Any]) -> str:
    return "pickled Python objects" if dtype.hasobject else str(dtype)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DamagedFile:
        raise
    except Exception as error:  # what zipfile, zlib and numpy raise for a damaged file is of a dozen types
        raise DamagedFile(f"{path} is not a readable npz file: {error or type(error).__name__}") from error
