"""Poses of another program: files of TUM's and KITTI's form, models of COLMAP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from box_street import AHEAD, drive
from contract import facts_of, inputs_of
from fuzzing.reading import Reading
from written_poses import colmap, kitti, tum

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES
from occlabel.schemas.stage import Clip, Hands
from occlabel.stages.geometry.stored.stage import StoredPoses

LOG = drive(8)
EGO = [frame.world_from_ego for frame in LOG.frames if frame.world_from_ego is not None]


def as_tum(root: Path) -> None:
    tum(root / "log.txt", [frame.time for frame in LOG.frames], EGO)


def as_kitti(root: Path) -> None:
    kitti(root / "log.txt", EGO)


def as_model(root: Path) -> None:
    colmap(root / "log", {f"{frame.name}.png": pose @ AHEAD for frame, pose in zip(LOG.frames, EGO, strict=True)})


def read(path: str) -> Callable[[Path], Reading]:
    """What is told of the files before a run, and what the run makes of them."""

    def reading(root: Path) -> Reading:
        result, stage = Reading(), StoredPoses(path=root / path)
        space, whole = load_recipe("nuscenes_camera").space, Clip(LOG.id, 0, len(LOG.frames))
        said = result.attempt(stage.doubts, space, facts_of(LOG))
        result.words += [] if said is None else said.split("; ")
        found = result.attempt(stage.setup(space, LOG.rig, Hands()), whole, inputs_of(stage, LOG, whole, {}))
        for spec in (POSES, EXTRINSICS, INTRINSICS):
            if found is not None and spec.name in found:
                for row, value in enumerate(found[spec.name]):
                    result.put(f"log/{row}/{spec.name}", value)
        return result

    return reading


def near(clean: np.ndarray, found: np.ndarray) -> bool:
    """Poses near to what they were, or none."""
    return bool(np.isnan(found).all()) or bool(np.abs(found - clean).max() < 100)
