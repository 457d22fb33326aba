"""What people corrected in labels: boxes in space and the class that is there, and single voxels.

corrections/
  LOG/boxes.yaml         boxes of the frames of one log
  LOG/FRAME.npz          voxels of one frame: index (in C order) and class, and the names of the classes
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from occlabel.schemas.errors import BadRecipe, DamagedFile
from occlabel.schemas.geometry import FURTHEST, Matrix
from occlabel.schemas.wrong_fields import sentences
from occlabel.schemas.yaml_text import read_yaml

_TOLD = 3
"""Mistakes in a file that are told at once: a misspelt name alone makes two."""

Three = tuple[float, float, float]
Wrong = Literal["missing", "extraneous", "class", "position"]
"""What is wrong: something is not labelled, something is labelled that is not there, it is something else, or it is
elsewhere."""


def _sane(*values: float) -> bool:
    """Whether all are finite, and a place on Earth can have them [m]."""
    return all(abs(value) <= FURTHEST for value in values)  # NaN is not


_SANE = f"finite numbers up to {FURTHEST:g}"


class Box(BaseModel):
    """A box in the frame that the grid is fixed to [m]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    centre: Three
    size: Three
    yaw: float = 0.0
    """Of its first side against x, about z [rad]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not _sane(*self.centre, *self.size, self.yaw) or min(self.size) <= 0:
            raise ValueError(f"a box has {_SANE} and sides above 0, got {self.centre}, {self.size}, {self.yaw}")
        return self

    @property
    def grid_from_box(self) -> Matrix:
        """[4, 4] from its middle and its sides."""
        result = np.eye(4)
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        result[:2, :2], result[:3, 3] = [[c, -s], [s, c]], self.centre
        return result


class Correction(BaseModel):
    """One thing that somebody corrected in one frame."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    frame: str
    box: Box
    wrong: Wrong
    became: str | None = Field(default=None, alias="class")
    """The class that is there, for ``missing`` and ``class``."""
    was: tuple[str, ...] = ()
    """Only voxels of these classes are corrected; all that are occupied, where none is named."""
    moved: Three | None = None
    """For ``position``: by how much it is elsewhere [m]."""
    holds: Literal["frame", "log"] = "frame"
    """``log``: the same place of the world is corrected in all frames of the log; for what does not move."""
    world_from_grid: tuple[float, ...] | None = None
    """Where the frame's grid lay: a [4, 4] matrix, row by row; ``log`` needs it."""
    by: str = ""
    """Who says so."""
    at: str = ""
    """When: ISO 8601, UTC."""
    item: str = ""
    """VERSION/ITEM of the review that it was made in."""

    @field_validator("frame", mode="before")
    @classmethod
    def _name(cls, value: object) -> object:
        if isinstance(value, int):  # 000042 is 34 in YAML, and nothing tells how it was written
            raise ValueError(f"YAML reads {value!r} here: write the name of the frame in quotes")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.became is None and self.wrong in ("missing", "class"):
            raise ValueError(f"wrong: {self.wrong} needs class, what is there")
        if self.became is not None and self.wrong not in ("missing", "class"):
            raise ValueError(f"wrong: {self.wrong} takes no class, got {self.became!r}")
        if self.was and self.wrong == "missing":
            raise ValueError(f"wrong: missing takes no was, got {list(self.was)}: it was free or unknown")
        if (self.moved is not None) != (self.wrong == "position"):
            raise ValueError("moved says where something is that has a wrong position, and only then")
        if self.moved is not None and not _sane(*self.moved):
            raise ValueError(f"moved has {_SANE}, by how many metres it is elsewhere, got {self.moved}")
        if self.holds == "log" and (len(self.world_from_grid or ()) != 16 or not _sane(*self.world_from_grid or ())):
            raise ValueError(f"holds: log needs world_from_grid, the pose of the frame's grid: 16 {_SANE}")
        return self

    @property
    def pose(self) -> Matrix | None:
        """``world_from_grid`` as [4, 4]."""
        return None if self.world_from_grid is None else np.array(self.world_from_grid).reshape(4, 4)

    @property
    def classes(self) -> tuple[str, ...]:
        """All that it names."""
        return (*self.was, *(() if self.became is None else (self.became,)))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    corrections: tuple[Correction, ...]


@dataclass(frozen=True)
class CorrectedVoxels:
    """Of one frame."""

    index: NDArray[np.int64]
    """[n] in C order."""
    classes: tuple[str, ...]
    """[n] names."""


def corrected_logs(folder: Path) -> list[str]:
    """Logs that have any corrections, sorted."""
    found = (path for path in folder.iterdir() if path.is_dir())
    return sorted(path.name for path in found if box_file(folder, path.name).is_file() or any(path.glob("*.npz")))


def box_file(folder: Path, log: str) -> Path:
    """Where the boxes of a log are."""
    return folder / _safe(log) / "boxes.yaml"


def voxel_file(folder: Path, log: str, frame: str) -> Path:
    """Where single voxels of a frame are."""
    return folder / _safe(log) / f"{_safe(frame)}.npz"


def _safe(name: str) -> str:
    """Names come from logs, so they must not lead out of the folder."""
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        raise BadRecipe(f"{name!r} cannot be the name of a file of corrections")
    return name


def read_boxes(folder: Path, log: str) -> tuple[Correction, ...]:
    """Those of one log, in the order of the file. Raises BadRecipe for a file that is none, with places in it of what
    is wrong."""
    path = box_file(folder, log)
    if not path.is_file():
        return ()
    said = read_yaml(path, f"the file of corrections {path}")
    if not isinstance(said, dict):
        found = "nothing" if said is None else f"{type(said).__name__} {str(said)[:30]!r}"
        raise BadRecipe(f"the file of corrections {path} holds {found}, expected 'corrections:' and a list of them")
    try:
        return _File.model_validate(said).corrections
    except ValidationError as error:
        wrong = "; ".join(sentences(error, _File)[:_TOLD])
        raise BadRecipe(f"the file of corrections {path} cannot be used: {wrong}") from error


def as_yaml(corrections: Sequence[Correction]) -> str:
    """The text of a file of them."""
    rows = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in corrections]
    return yaml.safe_dump({"corrections": rows}, sort_keys=False, allow_unicode=True)


def read_voxels(path: Path, voxels: int) -> CorrectedVoxels:
    """Of a frame of so many voxels. Raises DamagedFile."""
    try:
        with np.load(path, allow_pickle=False) as file:
            index, number, names = file["index"], file["class"], file["names"]
        told = tuple(str(name) for name in names.tolist())
        classes = tuple(told[n] for n in number.tolist())
        index = index.astype(np.int64)
        if (
            index.ndim != 1
            or index.shape != number.shape
            or (index.size and not 0 <= index.min() <= index.max() < voxels)
        ):
            raise ValueError(f"indices of voxels are 0 to {voxels - 1}, each with a class")
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"{path} is no file of corrected voxels, or damaged: {error}") from error
    return CorrectedVoxels(index, classes)


def voxels_as_bytes(found: CorrectedVoxels) -> bytes:
    """The content of the file."""
    names = sorted(set(found.classes))
    number = np.array([names.index(name) for name in found.classes], np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, index=found.index.astype(np.uint32), names=np.array(names, np.str_), **{"class": number})
    return file.getvalue()
