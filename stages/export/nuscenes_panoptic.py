"""Panoptic predictions for the LiDAR points of nuScenes: ``panoptic/<set>/<LiDAR sample_data token>_panoptic.npz``.

The array ``data`` holds one uint16 a point: challenge class x 1000 + instance (facts of the format:
nuscenes-devkit, ``eval/panoptic``). Classes 1 to 16 of the challenge are those of Occ3D; "others", free and UNKNOWN
become 0, which the challenge ignores. Classes 1 to 10 are its things, barriers and cones among them; all else has the
instance 0, and so have things that belong to no object, which the challenge takes for one more. Ids of a log are
numbered anew from 1, class by class and for the whole scene, and a scene with more than 999 objects of one class is
refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.taxonomy import taxonomy_preset
from occlabel.schemas.words import meant
from occlabel.stages.export.points import Numbering, refuse_lengths

MOST = 999
THINGS = tuple(range(1, 11))
"""Challenge classes with instances: barrier, bicycle, bus, ..., truck."""
CLASSES = 16
SPLITS = ("train", "val", "test", "mini_train", "mini_val", "train_detect", "train_track")
"""Those of the devkit (``nuscenes.utils.splits``), which reads the folder of the one that it evaluates."""

_NUMBERS = dict[int, Numbering]


def numbering(log: str) -> _NUMBERS:
    """For all frames of one scene: a Numbering per class."""
    names = taxonomy_preset("occ3d").names
    return {class_: Numbering(log, MOST, f"objects of class {names[class_]}") for class_ in THINGS}


def refuse_split(split: str) -> None:
    """Raises BadPredictions for a set that the devkit does not know, and so would never read."""
    if split not in SPLITS:
        raise BadPredictions(
            f"the devkit of nuScenes has no split {split!r}{meant(split, SPLITS)}; it has {', '.join(SPLITS)}"
        )


def refuse_name(log: str, token: str) -> None:
    """Raises BadPredictions unless ``token`` can be part of a path."""
    if not re.fullmatch(r"\w[\w.-]*", token):
        raise BadPredictions(f"log {log}, sweep {token} cannot be exported: {token!r} cannot be part of a path")


def panoptic_codes(
    semantics: NDArray[np.uint8], instance: NDArray[np.integer[Any]], numbers: _NUMBERS
) -> NDArray[np.uint16]:
    """Class x 1000 + instance, [n], of Occ3D class ids [n] and instance ids [n]. Raises BadPredictions."""
    scored = (semantics >= 1) & (semantics <= CLASSES)
    codes = np.where(scored, semantics.astype(np.uint16) * 1000, 0).astype(np.uint16)
    for class_ in THINGS:
        mine = semantics == class_
        codes[mine] += numbers[class_].numbers(instance[mine])
    return codes


def write_points(
    root: Path,
    split: str,
    log: str,
    token: str,
    semantics: NDArray[np.uint8],
    instance: NDArray[np.integer[Any]],
    numbers: _NUMBERS,
) -> Path:
    """Writes Occ3D class ids [n] and instance ids [n] of one sweep's points and returns the file.

    split: the devkit's ``eval_set``, one of SPLITS. token: of the sweep's sample_data. Raises BadPredictions.
    """
    refuse_split(split)
    refuse_name(log, token)
    refuse_lengths(log, token, semantics, instance)
    path = root / "panoptic" / split / f"{token}_panoptic.npz"
    codes = panoptic_codes(semantics, instance, numbers)
    with appearing(path) as partial:
        np.savez_compressed(partial, data=codes)
    return path
