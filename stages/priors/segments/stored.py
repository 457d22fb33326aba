"""Segments that another program left on disk, or a simulator: classes of pixels as PNG, or with instances as npz."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, field_validator

from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.formats.npz import array_names, read_integers
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import PLACE, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.priors.image_files import ImageFiles, Size, checked, refuse_empty, whole_png
from occlabel.stages.priors.segments.overlaps import PixelSegments, as_byte
from occlabel.stages.priors.segments.slot import STRIDE, Segments, clip_bytes, most_pixels, over_images


class StoredSegments(Segments):
    """Reads one file an image, of the image's size: a PNG of 8 bits with class ids of the recipe's taxonomy, 255 for
    none; or an npz with integers ``class``, and where they are known ``instance`` (0: stuff or none) and ``score``
    (0..255), [height, width] each. An image without a file, or with one that cannot be read, stays
    unknown."""

    senses: ClassVar[tuple[Sensor, ...]] = ()

    kind: Literal["stored_segments"] = "stored_segments"
    path: Annotated[Path, PLACE]
    """Where the files lie, such as ``segments/{log}/{camera}/{frame}.png``; .png or .npz."""
    score: float = Field(default=1.0, ge=0, le=1)
    """Score of all pixels that have a class, where the file says none."""

    @field_validator("path")
    @classmethod
    def _template(cls, value: Path) -> Path:
        return checked(value, (".png", ".npz"))

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return Resources(memory=(300 << 20) + 32 * most_pixels(rig) + clip_bytes(space, rig, clip_frames))

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return ImageFiles(self.path).digest(log)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """Which images have no file, or one that cannot be read. Raises BadLog when none has, when none of a camera
        can be, or when the first of one has ids of another taxonomy."""
        files = ImageFiles(self.path)
        said = files.lacking(log), files.unread(log, lambda file, size: _look_at(file, size, space.taxonomy))
        for file, size in files.first_of_cameras(log):
            try:
                with suppress(DamagedFile):  # said above
                    _read(file, size, 0, space.taxonomy)
            except BadPredictions as error:
                raise BadLog(f"log {log.id}: {error}") from error
        return "; ".join(filter(None, said)) or None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        files, score = ImageFiles(self.path), as_byte(self.score)

        def look(clip: Clip, inputs: Inputs, row: int, camera: str) -> PixelSegments | None:
            place, size = files.place(clip.log, camera, inputs.frames[row].name), rig.camera(camera).size
            if size is None or not place.is_file():
                return None
            try:
                return _read(place, size, score, space.taxonomy)
            except DamagedFile:  # the plan has said so
                return None

        return over_images(look, lambda found: found, space, rig)


def _look_at(file: Path, size: Size, taxonomy: Taxonomy) -> None:
    """Raises DamagedFile where ``_read`` does; of a PNG the checksums are looked at, and no pixel is decoded."""
    if file.suffix == ".png":
        _refuse_other(file, *whole_png(file), size)
        return
    with suppress(BadPredictions):
        _read(file, size, 0, taxonomy)


def _read(file: Path, size: Size, score: int, taxonomy: Taxonomy) -> PixelSegments:
    """Every ``STRIDE``-th pixel of the file. Raises DamagedFile, or BadPredictions for an id that is no class."""
    refuse_empty(file)
    shape, every = size[::-1], slice(None, None, STRIDE)
    if file.suffix == ".png":
        classes = _png(file, size)[every, every]
        instances, scores = np.zeros(classes.shape, np.uint16), np.full(classes.shape, score, np.uint8)
    else:
        names = array_names(file)
        if "class" not in names:
            raise DamagedFile(f"{file} holds no array 'class', only {', '.join(names) or 'nothing'}; write it again")
        classes = read_integers(file, "class", shape, UNKNOWN).astype(np.uint8)[every, every]
        instances, scores = np.zeros(classes.shape, np.uint16), np.full(classes.shape, score, np.uint8)
        if "instance" in names:
            instances = read_integers(file, "instance", shape, 65535).astype(np.uint16)[every, every]
        if "score" in names:
            scores = read_integers(file, "score", shape, 255).astype(np.uint8)[every, every]
    wrong = (classes != UNKNOWN) & (classes >= len(taxonomy.classes))
    if wrong.any():
        v, u = np.argwhere(wrong)[0] * STRIDE
        raise BadPredictions(
            f"{file} holds the id {classes[wrong][0]} at row {v}, column {u}; {taxonomy.name} has the classes "
            f"0..{len(taxonomy.classes) - 1}, and {UNKNOWN} is none"
        )
    seen = classes != UNKNOWN
    return PixelSegments(
        classes, np.where(seen, instances, 0).astype(np.uint16), np.where(seen, scores, 0).astype(np.uint8)
    )


def _png(file: Path, size: Size) -> NDArray[np.uint8]:
    """Ids [h, w] of a grey image or one with a palette. Raises DamagedFile."""
    try:
        with Image.open(file, formats=("PNG",)) as image:
            _refuse_other(file, image.size, image.mode, size)
            return np.asarray(image)
    except DamagedFile:
        raise
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error and more
        raise DamagedFile(f"{file} is not a readable PNG: {error}") from error


def _refuse_other(file: Path, found: Size, mode: str, size: Size) -> None:
    if found != size:
        raise DamagedFile(f"{file} is {found[0]}x{found[1]}, the image is {size[0]}x{size[1]}")
    if mode not in ("L", "P"):
        raise DamagedFile(f"{file} has pixels of the mode {mode}; class ids are 8-bit grey or a palette")
