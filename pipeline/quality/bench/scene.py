"""The input of the voting benchmark: source frames, their weights and poses, and the truth of the target frame."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.geometry import inverse, rigid
from occlabel.schemas.taxonomy import UNKNOWN

FREE = 0
"""The class of empty space in a scene."""

_ARRAYS = ("labels", "clean", "weights", "poses", "target", "origin", "voxel_size", "n_classes")
_MOST_CLASSES = 64
_POSE_TOLERANCE = 1e-3  # metres, and of a rotation's entries


@dataclass(frozen=True, slots=True)
class Scene:
    """n source frames of one log, on one grid, of which one is the target. All frames vote, the target's own too."""

    labels: NDArray[np.uint8]
    """[n, X, Y, Z] class ids; UNKNOWN does not vote."""
    weights: NDArray[np.uint16]
    """[1, X, Y, Z], the same for all frames, or [n, X, Y, Z]."""
    truth: NDArray[np.uint8]
    """[X, Y, Z] class ids of the target frame without noise; UNKNOWN is not scored."""
    poses: NDArray[np.float64]
    """[n, 4, 4] world_from_grid."""
    target_from_source: NDArray[np.float64]
    """[n, 4, 4]."""
    target: int
    """The target's row."""
    origin: NDArray[np.float64]
    """[3], lower corner of the grid [m]."""
    voxel_size: float
    """Edge of a voxel [m]."""
    classes: int

    @property
    def frames(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        x, y, z = self.labels.shape[1:]
        return (x, y, z)

    @property
    def rigs(self) -> NDArray[np.int64]:
        """[n], the row of each frame in ``weights``."""
        return np.arange(self.frames) if len(self.weights) > 1 else np.zeros(self.frames, np.int64)

    def within(self, radius: int) -> Scene:
        """The frames at most ``radius`` before or after the target. Raises BadRecipe when none can be."""
        if radius < 0:
            raise BadRecipe(f"a radius of {radius} leaves no source frame; give 0, the target alone, or more")
        first = max(0, self.target - radius)
        rows = slice(first, self.target + radius + 1)
        return replace(
            self,
            labels=self.labels[rows],
            weights=self.weights[rows] if len(self.weights) > 1 else self.weights,
            poses=self.poses[rows],
            target_from_source=self.target_from_source[rows],
            target=self.target - first,
        )

    def save(self, path: Path) -> None:
        """Writes the scene as ``read_scene`` reads it, not compressed; of the truth, the target's alone."""
        np.savez(
            path,
            labels=self.labels,
            clean=self.truth,
            weights=self.weights,
            poses=self.poses,
            target_from_source=self.target_from_source,
            target=np.array(self.target),
            origin=self.origin,
            voxel_size=np.array(self.voxel_size),
            n_classes=np.array(self.classes),
        )


def read_scene(path: Path) -> Scene:
    """The scene in an .npz file of these arrays:

    labels uint8 [n, X, Y, Z]; clean uint8, shaped like labels, or [X, Y, Z] of the target alone; weights, integers of
    0..65535, [X, Y, Z] or [n, X, Y, Z]; poses [n, 4, 4], world_from_grid; target_from_source [n, 4, 4], which may be
    left out; target, a row; origin [3] and voxel_size [m]; n_classes, at most 64, of which 0 is empty space.

    Raises BadLog when the file is missing, is no scene, or contradicts itself.
    """
    arrays = _arrays(path)
    labels = arrays["labels"]
    _require(labels.dtype == np.uint8 and labels.ndim == 4, path, "labels", labels, "must be uint8 [n, X, Y, Z]")
    _require(labels.size > 0, path, "labels", labels, "holds no voxel of a source frame")
    frames = len(labels)
    classes = int(_number(arrays, "n_classes", path))
    if not 1 <= classes <= _MOST_CLASSES:
        raise BadLog(f"{path}: n_classes is {classes}; voting takes 1 to {_MOST_CLASSES} classes, so merge some")
    target = int(_number(arrays, "target", path))
    if not 0 <= target < frames:
        raise BadLog(f"{path}: target is {target}, but the rows of labels are 0 to {frames - 1}")
    moved = _moves(arrays, frames, target, path)
    origin, voxel_size = arrays["origin"], _number(arrays, "voxel_size", path)
    _require(origin.shape == (3,) and _finite(origin), path, "origin", origin, "must be three finite numbers [m]")
    if not 0 < voxel_size < np.inf:
        raise BadLog(f"{path}: voxel_size is {voxel_size}; it must be a length in metres above 0")
    return Scene(
        labels=_ids(labels, classes, path, "labels"),
        weights=_weights(arrays["weights"], labels.shape, path),
        truth=_ids(_truth(arrays["clean"], labels.shape, target, path), classes, path, "clean"),
        poses=arrays["poses"].astype(np.float64),
        target_from_source=moved,
        target=target,
        origin=origin.astype(np.float64),
        voxel_size=voxel_size,
        classes=classes,
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise BadLog(f"there is no scene file {path}; name an .npz file, or leave --scene out and one is made up")
    not_a_scene = f"{path} is not a scene: it is no .npz file that can be read, or a damaged one"
    try:
        opened = np.load(path, allow_pickle=False)
        if not isinstance(opened, np.lib.npyio.NpzFile):
            raise BadLog(f"{path} is not a scene but a single array; a scene is an .npz file of {', '.join(_ARRAYS)}")
        with opened as file:
            missing = [name for name in _ARRAYS if name not in file]
            if missing:
                raise BadLog(f"{path} is not a scene: it has no {', '.join(missing)}; it needs {', '.join(_ARRAYS)}")
            return {name: file[name] for name in (*_ARRAYS, "target_from_source") if name in file}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BadLog(f"{not_a_scene} ({error})") from error


def _require(holds: bool | np.bool_, path: Path, name: str, array: NDArray[Any], wanted: str) -> None:
    if not holds:
        raise BadLog(f"{path}: {name} {wanted}; it is {array.dtype} {list(array.shape)}")


def _finite(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "iuf" and bool(np.isfinite(array).all())


def _number(arrays: dict[str, NDArray[Any]], name: str, path: Path) -> float:
    array = arrays[name]
    _require(array.size == 1 and _finite(array), path, name, array, "must be one finite number")
    return float(array.item())


def _ids(volume: NDArray[np.uint8], classes: int, path: Path, name: str) -> NDArray[np.uint8]:
    if volume.max() >= classes:  # most scenes end here, without a mask as large as the labels
        others = np.unique(volume[(volume >= classes) & (volume != UNKNOWN)])
        if others.size:
            raise BadLog(
                f"{path}: {name} holds the id {others[0]}, but n_classes is {classes}; ids are 0 to {classes - 1}, "
                f"or {UNKNOWN} for unknown"
            )
    return np.ascontiguousarray(volume)


def _weights(weights: NDArray[Any], shape: tuple[int, ...], path: Path) -> NDArray[np.uint16]:
    _require(weights.dtype.kind in "iu", path, "weights", weights, "must be integers")
    # One frame's volume may also come with its axis of length 1, as it does in any scene of one frame.
    fits = weights.shape in (shape, shape[1:], (1, *shape[1:]))
    _require(fits, path, "weights", weights, f"must have the shape of labels {list(shape)}, or of one frame of them")
    if weights.min() < 0 or weights.max() > np.iinfo(np.uint16).max:
        raise BadLog(f"{path}: weights go from {weights.min()} to {weights.max()}; scale them to 0..65535")
    return np.ascontiguousarray(weights.reshape(-1, *shape[1:]), np.uint16)


def _truth(clean: NDArray[Any], shape: tuple[int, ...], target: int, path: Path) -> NDArray[np.uint8]:
    fits = clean.dtype == np.uint8 and clean.shape in (shape, shape[1:])
    _require(fits, path, "clean", clean, f"must be uint8, shaped like labels {list(shape)} or like one frame of them")
    return clean[target].copy() if clean.ndim == 4 else clean


def _moves(arrays: dict[str, NDArray[Any]], frames: int, target: int, path: Path) -> NDArray[np.float64]:
    """target_from_source, which must be what the poses say."""
    poses = _rigid_stack(arrays["poses"], frames, path, "poses")
    expected = np.stack([inverse(poses[target]) @ pose for pose in poses])
    if "target_from_source" not in arrays:
        return expected
    moved = _rigid_stack(arrays["target_from_source"], frames, path, "target_from_source")
    off = np.abs(moved - expected).max(axis=(1, 2))
    if off.max() > _POSE_TOLERANCE:
        raise BadLog(
            f"{path}: target_from_source[{off.argmax()}] is not what poses and target {target} say, off by up to "
            f"{off.max():.3g}; leave target_from_source out, or correct one of them"
        )
    return moved


def _rigid_stack(matrices: NDArray[Any], frames: int, path: Path, name: str) -> NDArray[np.float64]:
    numbers = matrices.dtype.kind in "iuf" and matrices.shape == (frames, 4, 4)
    _require(numbers, path, name, matrices, f"must be numbers [{frames}, 4, 4], one matrix a frame of labels")
    return np.stack([rigid(matrix, f"{path}: {name}[{row}]") for row, matrix in enumerate(matrices)])
