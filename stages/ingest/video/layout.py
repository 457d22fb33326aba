"""What of a path is a camera, a log, or a root of logs: a film or a folder of images is a camera; a film, a folder of
images, or a folder of cameras is a log; a folder of folders of cameras is a root of several."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.files import reason
from occlabel.stages.ingest.images import SUFFIXES
from occlabel.stages.ingest.video.beside import scan_below

FILMS = (".mp4", ".m4v", ".mov", ".mkv")
ALONE = "camera"
"""Name of the camera of a log that has one and no name for it."""

Kind = Literal["film", "images", "cameras", "logs"]


@dataclass(frozen=True, slots=True)
class Source:
    """A camera: a film, or a folder of images."""

    camera: str
    path: Path
    film: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """Names of what a folder holds that may be video, sorted; hidden things are not."""

    films: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def kind_of(path: Path) -> Kind | None:
    """None for what is no video. Raises BadLog for a folder that cannot be listed, or that holds films and images side
    by side."""
    if path.is_file():
        return "film" if _ends(path.name, FILMS) else None
    held = _held(path)
    if held.films and held.images:
        raise BadLog(
            f"{path} holds films ({held.films[0]}) and images ({held.images[0]}) side by side; put the images of each "
            "camera into a folder of their own"
        )
    if held.images:
        return "images"
    inner = {name: _held(path / name) for name in held.folders}
    if held.films or (inner and all(each.images and not each.films for each in inner.values())):
        return "cameras"
    return "logs" if inner and all(_cameras_in(path / name, each) for name, each in inner.items()) else None


def is_video(root: Path) -> bool:
    """Whether a root is video. What is in a folder besides must be none of another data set's: every folder of it is a
    camera, or every folder is a log. Raises BadLog for video with scans beside it, which would silently be missing."""
    if kind_of(root) is None:
        return False
    if root.is_dir() and (scan := scan_below(root)) is not None:
        raise BadLog(
            f"{root} holds images or films, and scans beside them ({scan.relative_to(root)}), which video has none of: "
            "bring them into a layout that has both, or put what cameras saw into a folder of its own"
        )
    return True


def cameras_of(log: Path) -> list[Source]:
    """The cameras of a log, by name. Raises BadLog for two of one name, and for what is no log."""
    kind = kind_of(log)
    if kind in ("film", "images"):
        return [Source(ALONE, log, kind == "film")]
    held = _held(log)
    films = [Source(Path(name).stem, log / name, True) for name in held.films]
    folders = [Source(name, log / name, False) for name in held.folders if _held(log / name).images]
    sources = sorted(films + folders, key=lambda source: source.camera)
    for one, other in pairwise(sources):
        if one.camera == other.camera:
            raise BadLog(f"{log} has two cameras of one name, {one.path.name} and {other.path.name}; rename one")
    if kind != "cameras" or not sources:
        raise BadLog(f"{log} holds neither films ({', '.join(FILMS)}) nor folders of images ({', '.join(SUFFIXES)})")
    return sources


def images_in(folder: Path) -> tuple[str, ...]:
    """Names of the images of a folder."""
    return _held(folder).images


def folders_in(root: Path) -> tuple[str, ...]:
    return _held(root).folders


def _cameras_in(path: Path, held: _Held) -> bool:
    return bool(held.films) or (bool(held.folders) and all(_held(path / name).images for name in held.folders))


def _held(folder: Path) -> _Held:
    films, images, folders = [], [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif _ends(entry.name, FILMS):
                    films.append(entry.name)
                elif _ends(entry.name, SUFFIXES):
                    images.append(entry.name)
    except OSError as error:
        raise BadLog(f"{folder} cannot be listed: {reason(error)}") from error
    return _Held(tuple(sorted(films)), tuple(sorted(images)), tuple(sorted(folders)))


def _ends(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes)
