"""What somebody wrote down of the cameras of a video: ``calibration.yaml`` or ``calibration.json`` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from occlabel.schemas.errors import BadLog, BadRecipe, DamagedFile
from occlabel.schemas.geometry import Matrix, of_same_form, rescaled
from occlabel.schemas.words import meant
from occlabel.schemas.yaml_text import MOST_BYTES, parse_yaml
from occlabel.stages.ingest.calibration import mounted
from occlabel.stages.ingest.files import is_there, read_file

NAMES = ("calibration.yaml", "calibration.json")
_SAME_HEIGHT = 0.1
"""[m] by which two heights of one camera may differ."""
_Row = tuple[float, float, float]
_Pixels = Annotated[int, Field(ge=1, le=100_000)]


class CameraNotes(BaseModel):
    """Of one camera. What is not written down is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intrinsics: tuple[_Row, _Row, _Row] | None = None
    """K in pixels of images of ``size``, without distortion."""
    size: tuple[_Pixels, _Pixels] | None = None
    """Width and height of the images that K is of; that of the video where it is not said."""
    height: float | None = Field(default=None, gt=0.2, lt=10.0)
    """Metres above the road."""
    extrinsics: tuple[tuple[float, float, float, float], ...] | None = None
    """``ego_from_camera``, three or four rows."""

    @model_validator(mode="after")
    def _pinhole(self) -> CameraNotes:
        if self.intrinsics is not None:
            k = np.array(self.intrinsics)
            if k[0, 0] <= 0 or k[1, 1] <= 0 or np.abs(k[[1, 2, 2], [0, 0, 1]]).max() > 0 or k[2, 2] != 1:
                raise ValueError("intrinsics must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
        return self


class Notes(BaseModel):
    """The whole file: ``camera`` of a log with one, ``cameras`` by name of one with several."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rate: float | None = Field(default=None, gt=0.01, le=1000.0)
    """Images a second. Of a film, so many of its frames a second are read; all of them where it is not said."""
    camera: CameraNotes | None = None
    cameras: dict[str, CameraNotes] = {}

    def of(self, camera: str, alone: bool) -> CameraNotes:
        """Of a camera by its name; of one that is ``alone`` in its log also without."""
        return (self.camera if alone else None) or self.cameras.get(camera, CameraNotes())


def read_notes(folders: tuple[Path, ...]) -> tuple[Notes, bytes, Path | None]:
    """What the first of ``folders`` that has such a file says, its content, and where it lies; nothing where none has.
    Raises BadLog for a file that cannot be used: what it says was meant, and to go on without it would be another log.
    """
    for folder in folders:
        for name in NAMES:
            path = folder / name
            if is_there(path):
                try:
                    content = read_file(path, MOST_BYTES)
                    said = parse_yaml(content, str(path))
                    return Notes.model_validate({} if said is None else said), content, path
                except ValidationError as error:
                    raise BadLog(f"{path} cannot be used: {_told(error)}") from error
                except (DamagedFile, BadRecipe) as error:
                    raise BadLog(str(error)) from error
    return Notes(), b"", None


def intrinsics_of(notes: CameraNotes, size: tuple[int, int]) -> tuple[Matrix | None, str | None]:
    """K [3, 3] for images of ``size``, and a sentence where it had to be scaled or cannot hold."""
    if notes.intrinsics is None:
        return None, None
    k = np.array(notes.intrinsics, np.float64)
    of = notes.size or size
    if of == size:
        return k, None
    if not of_same_form(of, size):
        return None, (
            f"its calibration is of images of {of[0]}x{of[1]}, which those of {size[0]}x{size[1]} cannot come from by "
            "scaling alone; it goes on without"
        )
    return rescaled(
        k, of, size
    ), f"its calibration is of images of {of[0]}x{of[1]} and was scaled to {size[0]}x{size[1]}"


def extrinsics_of(notes: CameraNotes, what: str) -> Matrix | None:
    """``ego_from_camera`` [4, 4]. Raises BadLog for what is not rigid or longer than a car."""
    return None if notes.extrinsics is None else mounted(np.array(notes.extrinsics), f"{what}: extrinsics")


def other_height(notes: CameraNotes, ego_from_camera: Matrix | None) -> str | None:
    """A sentence where the height of a camera and its place on the car say two things."""
    if notes.height is None or ego_from_camera is None or abs(notes.height - ego_from_camera[2, 3]) <= _SAME_HEIGHT:
        return None
    return (
        f"height is {notes.height:g} m above the road, and by its extrinsics it sits at z {ego_from_camera[2, 3]:g} m: "
        "the ego frame lies on the road, so that both are one, and extrinsics are ego_from_camera; correct one of them"
    )


def _told(error: ValidationError) -> str:
    """The first complaint, with the key that it is about."""
    first: Any = error.errors()[0]
    at = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = (Notes if len(first["loc"]) == 1 else CameraNotes).model_fields
        name = str(first["loc"][-1])
        return f"it has a key {at!r}{meant(name, known)}; known there: {', '.join(known)}"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{at}: {message}" if at else message
