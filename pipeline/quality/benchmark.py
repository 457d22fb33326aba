"""The benchmarks whose formats are evaluated and exported: their grid, their classes, how their truth lies on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats import occ3d as occ3d_files
from occlabel.schemas.formats import semantickitti as semantickitti_files
from occlabel.schemas.grid import Grid, grid_preset
from occlabel.schemas.taxonomy import Taxonomy, taxonomy_preset
from occlabel.stages.evaluation import occ3d, panoptic_rules, semantickitti
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.scores import Scores

Format = Literal["semantickitti", "occ3d"]


@dataclass(frozen=True)
class Benchmark:
    """One benchmark."""

    format: Format
    truth_files: Callable[[Path], dict[str, dict[str, Path]]]
    """Log -> frame -> truth file under a root. Raises BadLog when the root holds none."""
    read_truth: Callable[[Path], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
    """Class ids and where the benchmark scores, both [x, y, z]. Raises DamagedFile."""
    score: Callable[[NDArray[np.int64], Taxonomy], Scores]
    point_rules: Rules
    """Of panoptic quality at LiDAR points; its classes have the ids of the taxonomy, and 0 is what it ignores."""

    @property
    def grid(self) -> Grid:
        return grid_preset(self.format)

    @property
    def taxonomy(self) -> Taxonomy:
        return taxonomy_preset(self.format)


def _semantickitti_files(root: Path) -> dict[str, dict[str, Path]]:
    return _by_log(
        root.glob("sequences/*/voxels/*.label"),
        lambda path: (path.parent.parent.name, path.stem),
        f"{root} has no voxel truth: there is no sequences/XX/voxels/NNNNNN.label in it",
    )


def _read_semantickitti(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    truth = taxonomy_preset("semantickitti").from_raw[semantickitti_files.read_volume(path)]
    return truth, ~semantickitti_files.read_flags(path.with_suffix(".invalid"))


def _occ3d_files(root: Path) -> dict[str, dict[str, Path]]:
    folder = root / "gts" if (root / "gts").is_dir() else root
    return _by_log(
        folder.glob("*/*/labels.npz"),
        lambda path: (path.parent.parent.name, path.parent.name),
        f"{root} has no voxel truth: there is no SCENE/SAMPLE_TOKEN/labels.npz in it (give the folder gts)",
    )


def _read_occ3d(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    arrays = occ3d_files.read_labels(path)
    if "mask_camera" not in arrays:
        raise BadLog(f"{path} has no mask_camera, without which the benchmark scores nothing")
    return arrays["semantics"], arrays["mask_camera"].astype(bool)


def _by_log(
    paths: Iterable[Path], place: Callable[[Path], tuple[str, str]], complaint: str
) -> dict[str, dict[str, Path]]:
    result: dict[str, dict[str, Path]] = {}
    for path in sorted(paths):
        log, name = place(path)
        result.setdefault(log, {})[name] = path
    if not result:
        raise BadLog(complaint)
    return result


BENCHMARKS: dict[Format, Benchmark] = {
    "semantickitti": Benchmark(
        "semantickitti", _semantickitti_files, _read_semantickitti, semantickitti.score, panoptic_rules.semantickitti()
    ),
    "occ3d": Benchmark("occ3d", _occ3d_files, _read_occ3d, occ3d.score, panoptic_rules.nuscenes()),
}
