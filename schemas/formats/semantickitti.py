"""SemanticKITTI label files (layout: PRBonn/semantic-kitti-api, ``auxiliary/SSCDataset.py`` and ``laserscan.py``).

Volumes are [x, y, z] in C order, index ``(x * Y + y) * Z + z``. Flags are packed eight voxels a byte, the most
significant bit first; labels are little-endian uint16 raw ids. Point labels are uint32: the semantic raw id in the
low 16 bits, the instance in the high 16.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile

SHAPE = (256, 256, 32)

RAW_IDS = frozenset(
    (
        0,
        1,
        10,
        11,
        13,
        15,
        16,
        18,
        20,
        30,
        31,
        32,
        40,
        44,
        48,
        49,
        50,
        51,
        52,
        60,
        70,
        71,
        72,
        80,
        81,
        99,
        *range(252, 260),
    )
)
"""All that the data set writes (``labels`` of its ``config/semantic-kitti.yaml``)."""
_MANY = 0.05
"""Share of a file's labels with other ids from which it is none of the data set's."""


def _bytes(path: Path, expected: int) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size == expected else b""
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror}") from error
    if size != expected:
        raise DamagedFile(f"{path} has {size} bytes, expected {expected}; it is truncated or of another grid")
    return content


def read_flags(path: Path, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.bool_]:
    """A ``.bin``, ``.invalid`` or ``.occluded`` file as bool ``shape``. Raises DamagedFile."""
    packed = np.frombuffer(_bytes(path, int(np.prod(shape)) // 8), np.uint8)
    return np.unpackbits(packed).reshape(shape).astype(bool)


def write_flags(path: Path, flags: NDArray[np.bool_]) -> None:
    """Writes bool [x, y, z] as a ``.bin``, ``.invalid`` or ``.occluded`` file."""
    path.write_bytes(np.packbits(flags).tobytes())


def read_volume(path: Path, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint16]:
    """A voxel ``.label`` file as raw ids, uint16 ``shape``. Raises DamagedFile."""
    return np.frombuffer(_bytes(path, int(np.prod(shape)) * 2), "<u2").reshape(shape)


def write_volume(path: Path, raw: NDArray[np.uint16]) -> None:
    """Writes raw ids [x, y, z] as a voxel ``.label`` file."""
    path.write_bytes(np.ascontiguousarray(raw, dtype="<u2").tobytes())


def read_point_labels(path: Path, points: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Raw semantic ids and instance ids, uint16 [points] each. Raises DamagedFile."""
    label = np.frombuffer(_bytes(path, points * 4), "<u4")
    return (label & 0xFFFF).astype(np.uint16), (label >> 16).astype(np.uint16)


def write_point_labels(path: Path, semantics: NDArray[np.uint16], instance: NDArray[np.uint16]) -> None:
    """Writes raw semantic ids and instance ids [n] as a point ``.label`` file."""
    path.write_bytes((semantics.astype("<u4") | (instance.astype("<u4") << 16)).tobytes())


def other_ids(raw: NDArray[np.uint16], path: Path) -> str | None:
    """What is to be said of truth that holds raw ids which the data set does not have. They are not scored, as in the
    official evaluators, whatever they were meant to be. Raises DamagedFile when they are many."""
    counts = np.bincount(raw.ravel(), minlength=1)
    other = [int(id_) for id_ in np.flatnonzero(counts) if int(id_) not in RAW_IDS]
    if not other:
        return None
    found, labelled = int(counts[other].sum()), int(counts[1:].sum())
    said = f"{path} holds ids that SemanticKITTI does not have ({other[0]} the first) {found} times"
    if found > _MANY * labelled:
        raise DamagedFile(f"{said}, of {labelled} labels; it is damaged, or of another data set")
    return f"{said}; they are not scored"
