"""Labels by log and frame name: those of a published version, or files in the layout of a benchmark."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.point_folders import refuse_points
from occlabel.pipeline.published.same_drive import labelled_bytes
from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion, open_version
from occlabel.schemas.arrays import CONFIDENCE, FLOW, INSTANCE, MEASURED, OBSERVED, SEMANTICS
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats import occ3d, semantickitti
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.stages.ingest.voxel_truth import truth_space

Format = Literal["semantickitti", "occ3d"]


class LabelSource(Protocol):
    """Label volumes. A frame is asked for only where ``has`` says that it is there."""

    @property
    def title(self) -> str:
        """What sentences call it."""

    @property
    def space(self) -> LabelSpace: ...

    @property
    def may_be_unknown(self) -> bool:
        """Whether UNKNOWN is a word of these labels; otherwise it is an id that is no class."""

    @property
    def place(self) -> dict[str, str]:
        """What they are and where they lie, by the name of the fact."""

    @property
    def says_how_sure(self) -> bool:
        """Whether they have a confidence."""

    @property
    def confidence_is(self) -> str | None:
        """What their confidence means and was made of; None where nobody says."""

    @property
    def tracked(self) -> bool:
        """Whether an object keeps its id through a log."""

    def logs(self) -> list[str]:
        """Logs that have any, where that is known without a frame's name; sorted."""

    def names(self, log: str) -> list[str]:
        """Labelled frames of ``log``, as far as that is known without a frame's name."""

    def has(self, log: str, name: str) -> bool: ...

    def where(self, log: str, name: str) -> str:
        """What a sentence about this frame calls it."""

    def semantics(self, log: str, name: str) -> NDArray[np.uint8]:
        """Class ids [x, y, z], those that are no class too. Raises DamagedFile for a file, StoreError for a frame of a
        version that cannot be read."""

    def confidence(self, log: str, name: str) -> NDArray[np.uint8] | None:
        """How sure each label is, 0..255 [x, y, z]; None where nobody says."""

    def instance(self, log: str, name: str) -> NDArray[np.uint16] | None:
        """Ids of objects [x, y, z], 0 for none; None where there are none."""

    def has_instance(self, log: str, name: str) -> bool: ...

    def flow(self, log: str, name: str) -> NDArray[np.float16] | None:
        """``FLOW`` [x, y, z, 3]; None where there is none."""

    def observed(self, log: str, name: str) -> NDArray[np.uint8] | None:
        """What was seen of each voxel [x, y, z], as ``OBSERVED``; None where nobody says."""

    def world_from_grid(self, log: str, name: str) -> Matrix | None:
        """[4, 4], by the pose that the labels were made with; None where nobody says."""

    def scan_bytes(self, log: str) -> Mapping[str, int]:
        """Frame -> size of the file of the scan that was labelled, where that is known."""

    def stamp(self, log: str) -> str:
        """Changes when any label of the log does."""


def open_labels(spec: str, format: Format) -> LabelSource:
    """The folder ``spec``, or the version STORE@VERSION.

    Raises BadPredictions for a folder that holds no predictions of the format, StoreError for a version that is not
    there.
    """
    folder = Path(spec)
    if folder.is_dir() and not (folder / "versions").is_dir():
        return FolderLabels(folder, format)
    if not any(mark in spec for mark in ("@", "://")) and not folder.is_dir():
        raise BadPredictions(f"{spec} is neither a folder of predictions nor a version STORE@VERSION")
    return VersionLabels(open_version(spec))


@dataclass(frozen=True)
class VersionLabels:
    """The labels of a version."""

    version: PublishedVersion
    _frames: dict[tuple[str, str], PublishedFrame] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_frames", {(frame.log, frame.name): frame for frame in self.version.frames()})

    @property
    def title(self) -> str:
        return f"version {self.version.name} of {self.version.store.location}"

    @property
    def place(self) -> dict[str, str]:
        return {"store": str(self.version.store.location), "version": self.version.name}

    @property
    def says_how_sure(self) -> bool:
        return CONFIDENCE.name in self.version.info.arrays

    @property
    def tracked(self) -> bool:
        return self.version.tracked

    @property
    def confidence_is(self) -> str | None:
        found = self.version.info.arrays.get(CONFIDENCE.name)
        return None if found is None else found.spec.meaning

    @property
    def space(self) -> LabelSpace:
        return self.version.space

    @property
    def may_be_unknown(self) -> bool:
        return True

    def logs(self) -> list[str]:
        return sorted(self.version.logs)

    def has(self, log: str, name: str) -> bool:
        return (log, name) in self._frames

    def where(self, log: str, name: str) -> str:
        return f"version {self.version.name}, log {log}, frame {name}"

    def semantics(self, log: str, name: str) -> NDArray[np.uint8]:
        return self._frames[log, name][SEMANTICS]

    def confidence(self, log: str, name: str) -> NDArray[np.uint8] | None:
        frame = self._frames[log, name]
        return frame[CONFIDENCE] if frame.holds(CONFIDENCE) else None

    def instance(self, log: str, name: str) -> NDArray[np.uint16] | None:
        return self._frames[log, name][INSTANCE] if self.has_instance(log, name) else None

    def has_instance(self, log: str, name: str) -> bool:
        return self._frames[log, name].holds(INSTANCE)

    def flow(self, log: str, name: str) -> NDArray[np.float16] | None:
        return self._frames[log, name][FLOW] if self._frames[log, name].holds(FLOW) else None

    def observed(self, log: str, name: str) -> NDArray[np.uint8] | None:
        frame = self._frames[log, name]
        return frame[OBSERVED] if frame.holds(OBSERVED) else None

    def world_from_grid(self, log: str, name: str) -> Matrix | None:
        return self._frames[log, name].world_from_grid

    def scan_bytes(self, log: str) -> Mapping[str, int]:
        return labelled_bytes(frame.row for (where, _), frame in self._frames.items() if where == log)

    def stamp(self, log: str) -> str:
        """Also what lies in the store: a frame that was lost or altered since is found when it is read again."""
        arrays = {spec.name for spec in (SEMANTICS, CONFIDENCE, OBSERVED, MEASURED, INSTANCE, FLOW)}
        frames = (frame for (where, _), frame in self._frames.items() if where == log)
        paths = {place.path for frame in frames for name, place in frame.row.arrays.items() if name in arrays}
        tags = [sorted(self.version.store.tags(path).items()) for path in sorted(paths)]
        return f"{self.version.info.content_digest} {tags}"

    def names(self, log: str) -> list[str]:
        return [name for where, name in self._frames if where == log]


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
