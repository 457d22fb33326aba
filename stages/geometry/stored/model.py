"""A model of COLMAP as text: ``cameras.txt`` and ``images.txt`` (Schönberger and Frahm 2016)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from occlabel.schemas.errors import BadLog
from occlabel.schemas.formats.lines import is_number
from occlabel.schemas.geometry import FURTHEST, Matrix, inverse, rotation_from_quaternion
from occlabel.stages.geometry.stored.lenses import Lens, lens_of

FILES = ("cameras.txt", "images.txt")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Image:
    """One image that has a place. ``name`` is that of its file, with the folder."""

    name: str
    world_from_camera: Matrix
    lens: Lens

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name.replace("\\", "/"))


@dataclass(frozen=True)
class Model:
    """What a folder says. ``odd``: lines of ``images.txt`` that are neither of an image nor of its points."""

    path: Path
    images: tuple[Image, ...]
    odd: tuple[int, ...]

    def by_frame(
        self, cameras: Sequence[str], names: Sequence[str], alone: str | None
    ) -> tuple[Mapping[str, Mapping[int, Image]], list[str]]:
        """Camera -> row of the frame -> image, and names of images that are of no frame. An image is of the camera that
        its folder is named like; where no folder is named so and all images lie in one, of ``alone``. Its frame has the
        same name, or the same number. Raises BadLog for two images of one camera and frame."""
        rows = {name: row for row, name in enumerate(names)}
        numbers = {int(name): row for name, row in rows.items() if name.isascii() and name.isdigit()}
        folders = {image.path.parent for image in self.images}
        named = any(folder.name in cameras for folder in folders)
        other = alone if not named and len(folders) == 1 else None
        found: dict[str, dict[int, Image]] = {}
        strange = []
        for image in self.images:
            stem = image.path.stem
            camera = image.path.parent.name if image.path.parent.name in cameras else other
            row = rows.get(stem, rows.get(image.path.name))
            if row is None and stem.isascii() and stem.isdigit():
                row = numbers.get(int(stem))
            if camera is None or row is None:
                strange.append(image.name)
            elif (first := found.setdefault(camera, {}).setdefault(row, image)) is not image:
                raise BadLog(
                    f"{self.path / FILES[1]} has two images of {camera} at frame {names[row]}: {first.name} and "
                    f"{image.name}"
                )
        return found, strange


def read_model(path: Path) -> Model:
    """Of a folder. Raises BadLog for one that cannot be read, or holds no image with a place."""
    lenses = {}
    for number, line in _lines(path / FILES[0]):
        camera, lens = lens_of(line.split(), f"{path / FILES[0]}, line {number}")
        lenses[camera] = lens
    images, odd = [], []
    for number, line in _lines(path / FILES[1]):
        fields = line.split(maxsplit=9)
        if not _of_image(fields):
            if not is_number(fields[0]) or len(fields) < 3:
                odd.append(number)
            continue  # where points lie in the image of the line before
        where = f"{path / FILES[1]}, line {number}"
        values = [float(field) for field in fields[1:8]]
        if int(fields[8]) not in lenses:
            raise BadLog(f"{where}: {FILES[0]} has no camera {fields[8]}")
        length = float(np.linalg.norm(values[:4]))
        if not np.isfinite(values).all() or abs(length - 1) > 1e-2 or np.abs(values[4:]).max() > FURTHEST:
            raise BadLog(f"{where}: no rotation and place, which come first on a line")
        camera_from_world = np.eye(4)
        camera_from_world[:3, :3] = rotation_from_quaternion(values[:4])
        camera_from_world[:3, 3] = values[4:]
        images.append(Image(fields[9].strip(), inverse(camera_from_world), lenses[int(fields[8])]))
    if not images:
        raise BadLog(
            f"{path / FILES[1]} has no image; a line is IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, and the one "
            "behind it has its points"
        )
    return Model(path, tuple(images), tuple(odd))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that says something and is no comment."""
    try:
        with path.open("rb") as file:
            encoding = "utf-16" if file.read(2) in _UTF16 else "utf-8-sig"
        with path.open(encoding=encoding, errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.lstrip().startswith("#"):
                    yield number, line
    except OSError as error:
        if path.with_suffix(".bin").is_file():
            raise BadLog(
                f"{path.parent} has a binary model; write it as text: colmap model_converter --input_path "
                f"{path.parent} --output_path {path.parent} --output_type TXT"
            ) from error
        raise BadLog(f"{path} cannot be read: {error.strerror or error}; a model of COLMAP has it") from error


def _of_image(fields: list[str]) -> bool:
    """Whether a line is of an image, and not of points, which are three numbers each."""
    if len(fields) < 10 or not all(map(is_number, fields[:9])) or not (fields[0] + fields[8]).isdigit():
        return False
    rest = fields[9].split()
    return len(rest) == 1 or not (is_number(rest[0]) and is_number(rest[-1]))
