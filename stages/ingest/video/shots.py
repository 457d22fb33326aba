"""The images of one camera in time."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.spans import listed
from occlabel.stages.ingest.images import image_size
from occlabel.stages.ingest.times import FRAME_PERIOD, assumed
from occlabel.stages.ingest.video.film import read_film
from occlabel.stages.ingest.video.layout import Source, images_in
from occlabel.stages.ingest.video.named_times import times_in

_LOOKED_AT = 64
"""Images of a folder whose size is looked at when it is listed, evenly spread."""


@dataclass(frozen=True, slots=True)
class Shots:
    """``names`` and ``times`` [n] (s, growing) of a camera's images, and where they are: image ``places[i]`` of the
    film ``files[0]``, or the file ``files[i]`` each. ``clock`` says whose the times are: of images that are counted,
    number 0 is at 0."""

    names: tuple[str, ...]
    times: NDArray[np.float64]
    clock: str
    files: tuple[Path, ...]
    places: tuple[int, ...] | None
    size: tuple[int, int]
    warnings: tuple[str, ...]

    def file(self, index: int) -> Path:
        return self.files[0 if self.places is not None else index]

    def place(self, index: int) -> int | None:
        return None if self.places is None else self.places[index]

    @property
    def stats(self) -> list[tuple[str, os.stat_result | None]]:
        """Of the files, for a digest."""
        return [(path.name, _stat(path)) for path in self.files]


def shots_of(source: Source, rate: float | None) -> Shots:
    """``rate`` [Hz] is how many images of a folder, or at most how many of a film's, come a second. Raises BadLog for a
    camera without an image that can be read."""
    return _of_film(source.path, rate) if source.film else _of_folder(source.path, rate)


def _of_film(path: Path, rate: float | None) -> Shots:
    film = read_film(path)
    chosen = np.arange(len(film.times))
    if rate is not None:
        # What is wanted after the last frame would be that one again, between two others of the same rate.
        between = float(np.median(np.diff(film.times))) if len(film.times) > 1 else 0.0
        wanted = np.arange(0, film.times[-1] + 0.5 * min(between, 1 / rate) + 1e-6, 1 / rate)
        chosen = np.unique(np.abs(film.times[:, None] - wanted).argmin(axis=0))
    names = tuple(f"{index:06d}" for index in chosen)
    return Shots(names, film.times[chosen], "film", (path,), tuple(map(int, chosen)), film.size, film.warnings)


def _of_folder(folder: Path, rate: float | None) -> Shots:
    files = sorted((folder / name for name in images_in(folder)), key=lambda path: _natural(path.stem))
    stems = [path.stem for path in files]
    twice = sorted({one for one, other in pairwise(stems) if one == other})
    if twice:
        raise BadLog(f"{folder} has more than one image of the name {listed(twice)}; leave one of each")
    size, said = _size(folder, files)
    told = times_in(stems)
    if told is not None:
        order = np.argsort(told, kind="stable")
        names, places = tuple(stems[n] for n in order), tuple(files[n] for n in order)
        return Shots(names, told[order], "names", places, None, size, tuple(said))
    numbers = [_number(stem) for stem in stems]
    if rate is None:
        said.append(
            f"{folder.name}: how many images come a second is nowhere said, and times are taken as 10 Hz; say it as "
            "'rate' in calibration.yaml"
        )
    counted = [number for number in numbers if number is not None]
    growing = len(counted) == len(files) and bool((np.diff(counted) > 0).all())
    times = assumed(counted if growing else range(len(files))) / FRAME_PERIOD
    times *= 1 / rate if rate else FRAME_PERIOD
    return Shots(tuple(stems), times, "counted", tuple(files), None, size, tuple(said))


def from_the_first(shots: dict[str, Shots]) -> tuple[dict[str, Shots], list[str]]:
    """``shots`` of cameras with times from the first image of all on, where images are counted, and what is to be said
    of it. Cameras that share no number have counters of their own, and begin together."""
    counted = {name: each.times for name, each in shots.items() if each.clock == "counted"}
    if not counted:
        return shots, []
    together = max(times[0] for times in counted.values()) <= min(times[-1] for times in counted.values())
    first = min(times[0] for times in counted.values())
    shifted = {
        name: replace(shots[name], times=times - (first if together else times[0])) for name, times in counted.items()
    }
    apart = f"the images of {', '.join(counted)} are numbered apart, and the first of each is taken as of one time"
    return shots | shifted, [] if together else [apart]


def _size(folder: Path, files: list[Path]) -> tuple[tuple[int, int], list[str]]:
    """That of most images; and a sentence where some have another."""
    sizes: dict[tuple[int, int], list[str]] = {}
    faults: list[str] = []
    for index in np.unique(np.linspace(0, len(files) - 1, _LOOKED_AT).astype(int)):
        try:
            sizes.setdefault(image_size(files[index]), []).append(files[index].name)
        except DamagedFile as error:
            faults.append(str(error))
    if not sizes:
        raise BadLog(f"{folder}: no image of it can be read: {faults[0]}")
    most = max(sizes, key=lambda size: len(sizes[size]))
    others = [name for size, names in sizes.items() if size != most for name in names]
    if not others:
        return most, []
    return most, [
        f"{folder.name} has images of several sizes: those that are not {most[0]}x{most[1]}, as {listed(others)}, are "
        "left out"
    ]


def _natural(stem: str) -> list[tuple[int, int, str]]:
    """For sorting: numbers by their value."""
    parts = re.split(r"(\d+)", stem, flags=re.ASCII)
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts]


def _number(stem: str) -> int | None:
    """The last number in a name, which counts."""
    found = re.findall(r"\d+", stem, flags=re.ASCII)
    return int(found[-1]) if found and len(found[-1]) < 20 else None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
