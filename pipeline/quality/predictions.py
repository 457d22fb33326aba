"""Labels to be scored: those of a published version, or files in the layout of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.versions import PublishedFrame, PublishedVersion, open_version
from occlabel.pipeline.quality.benchmark import Benchmark
from occlabel.schemas.errors import BadPredictions, StoreError
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN


class Predictions(Protocol):
    """Label volumes by log and frame name."""

    @property
    def grid(self) -> Grid:
        """Where the volumes lie."""

    def has(self, log: str, name: str) -> bool: ...

    def load(self, log: str, name: str) -> NDArray[np.uint8]:
        """Class ids [x, y, z]; an id that is no class stays one. Raises DamagedFile or StoreError."""

    def confidence(self, log: str, name: str) -> NDArray[np.uint8] | None:
        """How sure each label is, 0..255 [x, y, z]; None where nobody says."""

    def has_instance(self, log: str, name: str) -> bool: ...

    def instance(self, log: str, name: str) -> NDArray[np.uint16]:
        """Ids of objects [x, y, z], 0 for none. Raises StoreError when there are none; see ``has_instance``."""

    def where(self, log: str, name: str) -> str:
        """What a sentence about this volume calls it."""


def open_predictions(spec: str, benchmark: Benchmark) -> Predictions:
    """The folder ``spec``, or the version STORE@VERSION.

    Raises BadPredictions for a folder that holds no predictions of the format or a version in another grid or
    taxonomy, StoreError for a version that is not there.
    """
    folder = Path(spec)
    if folder.is_dir() and not (folder / "versions").is_dir():
        return Folder(folder, benchmark)
    if "@" not in spec and not folder.is_dir():
        raise BadPredictions(f"{spec} is neither a folder of predictions nor a version STORE@VERSION")
    return Version(open_version(spec), benchmark)


@dataclass(frozen=True)
class Folder:
    """SemanticKITTI: ``sequences/XX/predictions/NNNNNN.label``; Occ3D: ``<token>.npz`` or
    ``<scene>/<token>/labels.npz``."""

    root: Path
    benchmark: Benchmark

    def __post_init__(self) -> None:
        patterns = {"semantickitti": ["sequences/*/predictions/*.label"], "occ3d": ["*.npz", "*/*/labels.npz"]}
        wanted = patterns[self.benchmark.format]
        if not any(path for pattern in wanted for path in self.root.glob(pattern)):
            raise BadPredictions(
                f"{self.root} holds no {self.benchmark.format} predictions: there is no {' or '.join(wanted)} in it"
            )

    @property
    def grid(self) -> Grid:
        return self.benchmark.grid

    def _path(self, log: str, name: str) -> Path:
        if self.benchmark.format == "semantickitti":
            return self.root / "sequences" / log / "predictions" / f"{name}.label"
        flat = self.root / f"{name}.npz"
        return flat if flat.is_file() else self.root / log / name / "labels.npz"

    def has(self, log: str, name: str) -> bool:
        return self._path(log, name).is_file()

    def where(self, log: str, name: str) -> str:
        return str(self._path(log, name))

    def load(self, log: str, name: str) -> NDArray[np.uint8]:
        path = self._path(log, name)
        if self.benchmark.format == "semantickitti":
            return self.benchmark.taxonomy.from_raw[semantickitti.read_volume(path)]
        return occ3d.read_labels(path)["semantics"]

    def confidence(self, log: str, name: str) -> None:
        return None

    def has_instance(self, log: str, name: str) -> bool:
        return False

    def instance(self, log: str, name: str) -> NDArray[np.uint16]:
        raise StoreError(f"{self.where(log, name)} has no instances: files of predictions hold classes only")


@dataclass(frozen=True)
class Version:
    """The labels of a version. A voxel of which nothing is known counts as free, as it is exported."""

    version: PublishedVersion
    benchmark: Benchmark
    _frames: dict[tuple[str, str], PublishedFrame] = field(init=False)

    def __post_init__(self) -> None:
        refuse_other_space(self.version, self.benchmark)
        object.__setattr__(self, "_frames", {(frame.log, frame.name): frame for frame in self.version.frames()})

    @property
    def grid(self) -> Grid:
        return self.version.space.grid

    def has(self, log: str, name: str) -> bool:
        return (log, name) in self._frames

    def where(self, log: str, name: str) -> str:
        return f"version {self.version.name}, log {log}, frame {name}"

    def load(self, log: str, name: str) -> NDArray[np.uint8]:
        semantics = self._frames[log, name].load("semantics").astype(np.uint8, copy=False)
        return np.where(semantics == UNKNOWN, np.uint8(self.benchmark.taxonomy.free_id), semantics)

    def confidence(self, log: str, name: str) -> NDArray[np.uint8]:
        return self._frames[log, name].load("confidence").astype(np.uint8, copy=False)

    def has_instance(self, log: str, name: str) -> bool:
        return self._frames[log, name].holds("instance")

    def instance(self, log: str, name: str) -> NDArray[np.uint16]:
        return self._frames[log, name].load("instance").astype(np.uint16, copy=False)


def refuse_other_space(version: PublishedVersion, benchmark: Benchmark) -> None:
    """Raises BadPredictions unless the version's labels are those of the benchmark: same voxels, same classes. The
    origin may differ (some releases of SemanticKITTI lie 0.2 m lower)."""
    grid, expected = version.space.grid, benchmark.grid
    found = (grid.shape, grid.voxel_size, grid.frame)
    if found != (expected.shape, expected.voxel_size, expected.frame):
        raise BadPredictions(
            f"version {version.name} has {list(grid.shape)} voxels of {grid.voxel_size} m in the {grid.frame} frame, "
            f"{benchmark.format} has {list(expected.shape)} of {expected.voxel_size} m in the {expected.frame} frame"
        )
    refuse_other_classes(version, benchmark)


def refuse_other_classes(version: PublishedVersion, benchmark: Benchmark) -> None:
    """Raises BadPredictions unless the version's classes are those of the benchmark."""
    taxonomy = version.space.taxonomy
    if (taxonomy.names, taxonomy.free_id) != (benchmark.taxonomy.names, benchmark.taxonomy.free_id):
        raise BadPredictions(
            f"version {version.name} has the classes of {taxonomy.name!r}, not those of {benchmark.format}"
        )
