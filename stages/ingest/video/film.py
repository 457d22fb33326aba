"""A film: when its frames were taken, and the pixels of any of them.

Frames are counted in the order in which they are shown. What a film says of its own turn is followed, as players do: a
calibration was made on what one sees.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.stages.ingest.files import check_file, reason

_MOST = 1 << 44
"""Bytes of a film."""
_PIXELS = 80_000_000
"""Of a frame, as of an image."""
_HEADS = {4: (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"), 0: (b"\x1a\x45\xdf\xa3",)}
"""Place in a file -> what stands there in films. What opens films also opens lists of addresses to fetch."""
_ERRORS = 2
"""OpenCV's level of what it says itself; its headers for Python do not name it."""
_AHEAD = 60
"""Frames that are decoded and thrown away before it is quicker to look for the place anew."""
_KEPT = 4
"""Frames that are kept after they were asked for: stages look at one with those beside it, and to go back by one means
to decode all since the last whole picture."""


@dataclass(frozen=True, slots=True)
class Film:
    """``times`` [n] are seconds since its first frame, growing; ``size`` is width and height as it is shown."""

    path: Path
    times: NDArray[np.float64]
    begin: float
    """Of the first frame [s], on the clock of the film."""
    size: tuple[int, int]
    warnings: tuple[str, ...] = ()


def read_film(path: Path) -> Film:
    """What a film holds, for which all of it is read but one frame decoded. Raises BadLog for what is none, holds no
    frames, or does not decode."""
    try:
        check_file(path, _MOST)
        found = path.stat()
    except OSError as error:
        raise BadLog(f"{path} cannot be read: {reason(error)}") from error
    except DamagedFile as error:
        raise BadLog(str(error)) from error
    return _read_film(path, found.st_size, found.st_mtime_ns)


def read_frame(path: Path, index: int) -> NDArray[np.uint8]:
    """Pixels [h, w, 3], RGB, of frame ``index``. Raises DamagedFile where there is none or it does not decode."""
    check_frame(path, index)
    found = path.stat()
    return _decoder(path, found.st_size, found.st_mtime_ns, os.getpid()).read(index)


def check_frame(path: Path, index: int) -> None:
    """Raises DamagedFile where there is no such film, or no such frame in it; decodes none."""
    try:
        count = len(read_film(path).times)
    except BadLog as error:
        raise DamagedFile(str(error)) from error
    if not 0 <= index < count:
        raise DamagedFile(f"{path} has {count} frames, counted from 0; there is no frame {index}: copy the film again")


@lru_cache(maxsize=64)
def _read_film(path: Path, size: int, changed: int) -> Film:
    _check_head(path)
    packets = _opened(path, raw=True)
    times, declared = [], int(packets.get(_cv().CAP_PROP_FRAME_COUNT))
    while packets.grab():
        times.append(packets.get(_cv().CAP_PROP_POS_MSEC) / 1e3)
    packets.release()
    if not times:
        raise BadLog(f"{path} holds no frames; record it again, or leave it out")
    pictures = _opened(path, raw=False)
    there, first = pictures.read()
    pictures.release()
    if not there or first is None:
        raise BadLog(f"{path} does not decode, not even its first frame; write it again as H.264 in an mp4")
    height, width = first.shape[:2]
    if width * height > _PIXELS:
        raise BadLog(f"{path} says that its frames are {width}x{height}, more than {_PIXELS} pixels; it is damaged")
    said = []
    if len(times) < declared:
        said.append(
            f"{path.name} ends early: its index names {declared} frames, of which {len(times)} are in the file; copy "
            "it again"
        )
    shown = np.unique(np.array(times))
    if len(shown) < len(times):
        said.append(f"{path.name} has {len(times) - len(shown)} frames at the time of another; they are left out")
    return Film(path, shown - shown[0], float(shown[0]), (width, height), tuple(said))


def _check_head(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise BadLog(f"{path} cannot be read: {reason(error)}") from error
    if not head:
        raise BadLog(f"{path} is empty; copy the film again")
    if not any(head[place:].startswith(heads) for place, heads in _HEADS.items()):
        raise BadLog(f"{path} is no film, whatever its name says: it does not begin as mp4, mov and mkv do")


def _opened(path: Path, raw: bool) -> Any:
    cv2 = _cv()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1] if raw else [])
    if not capture.isOpened():
        raise BadLog(
            f"{path} cannot be opened as a film: it is none, or it was cut off before its index was written, as when a "
            "recorder lost power; copy it again, or repair it"
        )
    return capture


def _cv() -> Any:
    # What is wrong with a film is said by us, in a sentence.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.setLogLevel(_ERRORS)
    return cv2


@lru_cache(maxsize=8)
def _decoder(path: Path, size: int, changed: int, process: int) -> _Decoder:
    """One a film and process: frames are asked for one after the other, and to begin anew for each would take as long
    as all before it."""
    return _Decoder(_read_film(path, size, changed))


class _Decoder:
    """A film that is open at some frame. Which frame that is, its time says: a place that was looked for is only near
    where frames do not come at one rate."""

    def __init__(self, film: Film) -> None:
        self._of = film
        self._film = _opened(film.path, raw=False)
        self._at = -1
        """The frame that was decoded last."""
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    def read(self, index: int) -> NDArray[np.uint8]:
        with self._lock:
            if index in self._kept:
                return self._kept[index].copy()
            if not self._at <= index <= self._at + _AHEAD:
                self._leap(index)
            while self._at < index:
                self._step()
            there, pixels = self._film.retrieve() if self._at == index else (False, None)
            if not there or pixels is None:
                raise DamagedFile(f"{self._of.path}: frame {index} does not decode; copy the film again")
            image = np.ascontiguousarray(pixels[..., ::-1])
            self._kept[index] = image
            for oldest in list(self._kept)[:-_KEPT]:
                del self._kept[oldest]
            return image.copy()

    def _leap(self, index: int) -> None:
        """To ``index`` or somewhere before it."""
        self._film.set(_cv().CAP_PROP_POS_FRAMES, max(0, index - 1))
        self._step()
        if self._at > index:
            self._film.release()
            self._film, self._at = _opened(self._of.path, raw=False), -1

    def _step(self) -> None:
        """Goes to the next frame that decodes, beyond the last where there is none."""
        if not self._film.grab():
            self._at = len(self._of.times)
            return
        time = self._film.get(_cv().CAP_PROP_POS_MSEC) / 1e3 - self._of.begin
        self._at = int(np.abs(self._of.times - time).argmin())
