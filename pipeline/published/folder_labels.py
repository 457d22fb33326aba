"""Labels that lie in files, in the layout of a benchmark."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.point_folders import refuse_points
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.space import LabelSpace
from occlabel.stages.ingest.voxel_truth import truth_space


@dataclass(frozen=True)
class FolderLabels:
    """SemanticKITTI: ``sequences/XX/predictions/NNNNNN.label``; Occ3D: ``<token>.npz`` or
    ``<scene>/<token>/labels.npz``."""

    root: Path
    format: Format

    def __post_init__(self) -> None:
        wanted = [self._by_log] if self.format == "semantickitti" else ["*.npz", self._by_log]
        first = next((path for pattern in wanted for path in self.root.glob(pattern)), None)
        refuse_points(self.root, first)
        if first is None:
            raise BadPredictions(
                f"{self.root} holds no {self.format} predictions: there is no {' or '.join(wanted)} in it"
            )

    @property
    def title(self) -> str:
        return f"the predictions in {self.root}"

    @property
    def place(self) -> dict[str, str]:
        return {"folder": str(self.root)}

    @property
    def says_how_sure(self) -> bool:
        return False

    @property
    def confidence_is(self) -> None:
        return None

    @property
    def space(self) -> LabelSpace:
        return truth_space(self.format)

    @property
    def may_be_unknown(self) -> bool:
        return False

    def logs(self) -> list[str]:
        return sorted({self._log(path) for path in self.root.glob(self._by_log)})

    def names(self, log: str) -> list[str]:
        if self.format == "semantickitti":
            return sorted(path.stem for path in (self.root / "sequences" / log / "predictions").glob("*.label"))
        return sorted(path.parent.name for path in (self.root / log).glob("*/labels.npz"))

    @property
    def tracked(self) -> bool:
        return False

    def has(self, log: str, name: str) -> bool:
        return self._path(log, name).is_file()

    def where(self, log: str, name: str) -> str:
        return str(self._path(log, name))

    def semantics(self, log: str, name: str) -> NDArray[np.uint8]:
        path = self._path(log, name)
        if self.format == "semantickitti":
            return self.space.taxonomy.from_raw[semantickitti.read_volume(path)]
        return occ3d.read_labels(path)["semantics"]

    def confidence(self, log: str, name: str) -> None:
        return None

    def instance(self, log: str, name: str) -> None:
        return None

    def has_instance(self, log: str, name: str) -> bool:
        return False

    def flow(self, log: str, name: str) -> None:
        return None

    def observed(self, log: str, name: str) -> None:
        return None

    def world_from_grid(self, log: str, name: str) -> None:
        return None

    def scan_bytes(self, log: str) -> Mapping[str, int]:
        return {}

    def stamp(self, log: str) -> str:
        if self.format == "semantickitti":
            files = sorted((self.root / "sequences" / log / "predictions").glob("*.label"))
        else:
            files = sorted([*self.root.glob("*.npz"), *(self.root / log).glob("*/labels.npz")])
        return " ".join(f"{file.name} {_size_and_time(file)}" for file in files)

    @property
    def _by_log(self) -> str:
        """The files that lie in a folder of their log."""
        return "sequences/*/predictions/*.label" if self.format == "semantickitti" else "*/*/labels.npz"

    def _log(self, path: Path) -> str:
        return path.relative_to(self.root).parts[1 if self.format == "semantickitti" else 0]

    def _path(self, log: str, name: str) -> Path:
        if self.format == "semantickitti":
            return self.root / "sequences" / log / "predictions" / f"{name}.label"
        flat = self.root / f"{name}.npz"
        return flat if flat.is_file() else self.root / log / name / "labels.npz"


def _size_and_time(file: Path) -> str:
    stat: os.stat_result = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
