"""Files that another program left, one for each image: where they lie, and what they hold taken together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from occlabel.schemas.errors import BadLog, BadPredictions, DamagedFile
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.words import inflected, meant

Size = tuple[int, int]
"""Width and height [pixels]."""
PARTS = ("log", "camera", "frame")
"""What a path may name of an image, in braces."""
_PART = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """One file for each image of a log."""

    template: Path
    """With ``{log}``, ``{camera}`` and ``{frame}``, such as ``segments/{log}/{camera}/{frame}.png``."""

    def place(self, log: str, camera: str, frame: str) -> Path:
        """Where the file of the image should lie. Names come from logs, so they must not lead elsewhere: raises
        BadPredictions."""
        names = {"log": log, "camera": camera, "frame": frame}
        if any(name in {"", ".", ".."} or "/" in name or "\\" in name for name in names.values()):
            raise BadPredictions(f"log {log!r}, camera {camera!r}, frame {frame!r} cannot be in the name of a file")
        return Path(_PART.sub(lambda part: names[part[1]], str(self.template)))

    def digest(self, log: LogFacts) -> str:
        """Of the content of the log's own files, and of which images have one: for ``Stage.fingerprint_extra``."""
        digest = hashlib.blake2b(digest_size=16)
        for name, place in self._places(log):
            if place.is_file():
                digest.update(f"{name}\0{content_of(place)}\n".encode())
        return digest.hexdigest()

    def lacking(self, log: LogFacts) -> str | None:
        """A sentence about the images without a file, for ``Stage.doubts``; None where all have one. Raises BadLog when
        none has."""
        try:
            places = list(self._places(log))
        except BadPredictions as error:
            raise BadLog(str(error)) from error
        lacking = [place for _, place in places if not place.is_file()]
        if places and len(lacking) == len(places):
            raise BadLog(
                f"log {log.id}: none of its {len(places)} images has a file {self.template}; the first would be "
                f"{lacking[0]}; leave the log out with --log, or name other files"
            )
        if not lacking:
            return None
        return (
            f"log {log.id}: {len(lacking)} of {len(places)} images have no file and stay unknown, such as {lacking[0]}"
        )

    def first_of_cameras(self, log: LogFacts) -> Iterator[tuple[Path, Size]]:
        """The first file that is there of each camera, and what size its image has."""
        for files, size in self._of_cameras(log):
            yield files[0], size

    def unread(self, log: LogFacts, read: Callable[[Path, Size], object]) -> str | None:
        """A sentence about the files that are there and that ``read`` raises DamagedFile for, for ``Stage.doubts``;
        None where it does for none. Raises BadLog when none of a camera's files can be read, as files of another form
        cannot."""
        faults: list[str] = []
        files = 0
        for there, size in self._of_cameras(log):
            own = [fault for place in there if (fault := _fault(place, size, read)) is not None]
            if len(own) == len(there):
                raise BadLog(f"log {log.id}: {own[0]}" + (f"; nor can the other {len(own) - 1}" if own[1:] else ""))
            faults, files = faults + own, files + len(there)
        if not faults:
            return None
        stay = inflected(len(faults), "its image stays", "their images stay")
        more = f"; and {len(faults) - 1} more" if faults[1:] else ""
        return f"log {log.id}: {len(faults)} of {files} files cannot be read, and {stay} unknown: {faults[0]}{more}"

    def _of_cameras(self, log: LogFacts) -> Iterator[tuple[list[Path], Size]]:
        """The files that are there of each camera that has some, and what size its images have."""
        for camera in log.rig.cameras:
            there = [place for frame in log.names if (place := self.place(log.id, camera.name, frame)).is_file()]
            if there and camera.size is not None:
                yield there, camera.size

    def _places(self, log: LogFacts) -> Iterator[tuple[str, Path]]:
        for camera in log.rig.names:
            for frame in log.names:
                yield f"{camera}\0{frame}", self.place(log.id, camera, frame)


def _fault(place: Path, size: Size, read: Callable[[Path, Size], object]) -> str | None:
    try:
        read(place, size)
    except DamagedFile as error:
        return str(error)
    return None


def whole_png(file: Path) -> tuple[Size, str]:
    """Size and mode of a PNG whose checksums are those of what it holds; decodes no pixel. Raises DamagedFile."""
    refuse_empty(file)
    try:
        with Image.open(file, formats=("PNG",)) as image:
            found = image.size, image.mode
            image.verify()
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error and more
        raise DamagedFile(f"{file} is not a readable PNG: {error}") from error
    return found


def refuse_empty(file: Path) -> None:
    """Raises DamagedFile for a file without a byte, as a disk that was full leaves behind."""
    if file.is_file() and not file.stat().st_size:
        raise DamagedFile(f"{file} is empty; write it again")


def checked(template: Path, suffixes: Sequence[str]) -> Path:
    """The template, for a pydantic validator. Raises ValueError unless it names the frame, and files of these types."""
    names = _PART.findall(str(template))
    if unknown := next((name for name in names if name not in PARTS), None):
        raise ValueError(
            f"{template} names {{{unknown}}}{meant(unknown, PARTS)}; a path can name {{log}}, {{camera}} and {{frame}}"
        )
    if "frame" not in names:
        raise ValueError(f"{template} names one file for all frames; write {{frame}} where the frame's name stands")
    if template.suffix not in suffixes:
        raise ValueError(
            f"{template} ends in {template.suffix or 'nothing'}; files of {' or '.join(suffixes)} are read"
        )
    return template
