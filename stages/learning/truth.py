"""Voxel truth as networks learn it: in the recipe's classes, where something is to be learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Frame, LogReader, VoxelTruth
from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.formats import occ3d
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.schemas.taxonomy_map import STRAY, map_between
from occlabel.stages.learning.coarser import coarser


def learnable_truth(reader: LogReader, frame: Frame, space: LabelSpace) -> NDArray[np.uint8]:
    """Class ids [X, Y, Z] of ``space``; UNKNOWN where nothing is to be learned, because the place was never seen.

    Raises as ``truth_in`` does.
    """
    truth = _truth(reader, frame)
    learned = replace(truth, scored=truth.scored | _seen_by_lidar(frame.truth.voxels))
    found = in_classes(learned, frame, space)
    return np.where(found.scored, found.semantics, np.uint8(UNKNOWN))


def truth_in(reader: LogReader, frame: Frame, space: LabelSpace) -> VoxelTruth:
    """The truth of a frame that has some, see ``in_classes``."""
    return in_classes(_truth(reader, frame), frame, space)


def _truth(reader: LogReader, frame: Frame) -> VoxelTruth:
    truth = reader.voxel_truth(frame)
    assert truth is not None  # only frames that have some are learned from
    return truth


def in_classes(truth: VoxelTruth, frame: Frame, space: LabelSpace) -> VoxelTruth:
    """The ``truth`` of ``frame`` in the classes and on the grid of ``space``, which may be a coarser one; where those
    leave a class out it is not scored.

    Raises BadLog when it lies on another grid, BadRecipe when nobody says what its classes are in ``space``,
    DamagedFile when it holds ids that are no classes.
    """
    semantics = classes_in(truth.space.taxonomy, space.taxonomy)[truth.semantics]
    if (semantics == STRAY).any():
        stray = truth.semantics[semantics == STRAY][0]
        raise DamagedFile(f"the truth of frame {frame.name} ({frame.truth.voxels}) holds the id {stray}, no class")
    own = LabelSpace(truth.space.grid, space.taxonomy)
    found = VoxelTruth(semantics, truth.scored & (semantics != UNKNOWN), own, truth.remark)
    if (on_grid := coarser(found, space.grid)) is not None:
        return on_grid
    _refuse_other_grid(frame, truth, space.grid)
    return replace(found, space=space)


def check_truth(reader: LogReader, frames: Iterable[Frame], space: LabelSpace) -> None:
    """Raises as ``truth_in`` does for the first of ``frames`` that has truth: before hours of work."""
    for frame in frames:
        if frame.truth.voxels is not None:
            truth_in(reader, frame, space)
            return


def classes_in(source: Taxonomy, target: Taxonomy) -> NDArray[np.uint8]:
    """Class id of ``target`` by class id of ``source``, the taxonomy of the truth, [256]; UNKNOWN for UNKNOWN, and
    STRAY for ids that are no classes.

    What the target's ``learning_map`` says of the raw ids of the truth counts, if it speaks of all of them and of free
    space as such; otherwise classes are those of the same name. Raises BadRecipe for classes of which neither tells.
    """
    table = np.full(256, STRAY, np.uint8)
    table[UNKNOWN] = UNKNOWN
    raw_ids = _raw_ids(source)
    known = target.learning_map
    if all(raw in known for ids in raw_ids.values() for raw in ids) and _is_free(source, target, raw_ids):
        for class_id, ids in raw_ids.items():
            found = {known[raw] for raw in ids}
            if len(found) > 1:
                raise BadRecipe(
                    f"the taxonomy {target.name} tells apart the raw ids {', '.join(map(str, ids))}, which are one "
                    f"class of the truth ({source.names[class_id]}); let its learning_map give them one class to train"
                )
            table[class_id] = found.pop()
        return table
    lacking = [name for name in source.names if name not in target.names and name != source.names[source.free_id]]
    if lacking:
        absent = sorted(raw for ids in raw_ids.values() for raw in ids if raw not in known)
        lacks = f"its learning_map lacks the raw ids {', '.join(map(str, absent))}; " if known and absent else ""
        raise BadRecipe(
            f"the truth has classes that the taxonomy {target.name} has not: {', '.join(lacking)}; {lacks}give it a "
            f"learning_map from the {sum(map(len, raw_ids.values()))} raw ids of the truth to its classes, as in "
            f"learning_map: {{{raw_ids[source.names.index(lacking[0])][0]}: {target.occupied_ids[0]}, ...}}, where "
            f"{UNKNOWN} leaves a class out"
        )
    return map_between(source, target).table


def _raw_ids(taxonomy: Taxonomy) -> dict[int, tuple[int, ...]]:
    """Raw ids on disk by class id."""
    pairs = taxonomy.learning_map.items() or ((entry.id, entry.id) for entry in taxonomy.classes)
    result: dict[int, tuple[int, ...]] = {}
    for raw, class_id in pairs:
        if class_id != UNKNOWN:
            result[class_id] = (*result.get(class_id, ()), raw)
    return result


def _is_free(source: Taxonomy, target: Taxonomy, raw_ids: dict[int, tuple[int, ...]]) -> bool:
    """Whether the learning map of ``target`` is of such raw ids: what is free in the truth is free to it."""
    return all(target.learning_map[raw] == target.free_id for raw in raw_ids.get(source.free_id, ()))


def _refuse_other_grid(frame: Frame, truth: VoxelTruth, grid: Grid) -> None:
    if truth.semantics.shape != grid.shape:
        raise BadLog(
            f"the truth of frame {frame.name} is {list(truth.semantics.shape)} voxels, the recipe's grid is "
            f"{list(grid.shape)}; train on logs of the recipe's own data set"
        )
    lies = truth.space.grid
    # Some releases of SemanticKITTI lie a voxel lower than they say.
    near = np.abs(np.subtract(lies.origin, grid.origin)).max() < 1.01 * grid.voxel_size
    if (lies.voxel_size, lies.frame) != (grid.voxel_size, grid.frame) or not near:
        raise BadLog(
            f"the truth of frame {frame.name} has voxels of {lies.voxel_size:g} m from {list(lies.origin)} in the "
            f"{lies.frame} frame, the recipe's grid of {grid.voxel_size:g} m from {list(grid.origin)} in the "
            f"{grid.frame} frame; train on logs of the recipe's own data set"
        )


def _seen_by_lidar(voxels: Path | None) -> NDArray[np.bool_] | np.bool_:
    """Where Occ3D truth is sound although the cameras, by which it is scored, do not see it; False in other layouts."""
    if voxels is None or voxels.suffix != ".npz":
        return np.False_
    arrays = occ3d.read_labels(voxels)
    return arrays["mask_lidar"].astype(bool) if "mask_lidar" in arrays else np.False_
