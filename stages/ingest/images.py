"""Images on disk: their size, whether they are whole, their pixels as 8-bit RGB.

A note that the picture is to be shown turned (EXIF) is followed, as that of a film is: sizes are those of what one
sees, and a calibration was made on it.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.errors import DamagedFile
from occlabel.stages.ingest.files import check_file, read_file

SUFFIXES = (".png", ".jpg", ".jpeg")

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_ENDS = {_PNG: b"IEND\xaeB`\x82", _JPEG: b"\xff\xd9"}
"""First bytes of a format -> the last bytes of a whole file of it. Cameras may pad the end with zeros."""

_MOST = 512 << 20
"""Bytes of an image file."""
_PIXELS = 80_000_000
"""Of an image; what has more is no picture of a car's camera, and would not fit into memory with others."""

_SHORT = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Modes of 16-bit grey: PIL has no RGB of them, and clips."""
_PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr")
"""Modes that PIL makes RGB of without a loss but that of what lies behind."""

_TURNS = dict(zip(range(2, 9), (
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90,
), strict=True))  # fmt: skip
"""Orientation of EXIF -> what makes of it what is to be seen."""
_ON_ITS_SIDE = (
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90,
)  # fmt: skip

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""What ends the data of a JPEG scan: a marker that is no restart."""


def image_size(path: Path) -> tuple[int, int]:
    """Width and height from the header. Raises DamagedFile."""
    check_file(path, _MOST)
    try:
        with warnings.catch_warnings():
            # PIL warns of sizes that we refuse.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                size = image.size[::-1] if _turn(image) in _ON_ITS_SIDE else image.size
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error and more on bad headers
        raise DamagedFile(f"{path} is not a readable image: {error}") from error
    if size[0] * size[1] > _PIXELS:
        raise DamagedFile(f"{path} says that it is {size[0]}x{size[1]}, more than {_PIXELS} pixels; it is overwritten")
    return size


def check_image(camera: Camera) -> None:
    """Raises DamagedFile when the camera's file is missing, empty, truncated, no PNG or JPEG, or of another size than
    is known of the camera.

    Reads the header and the last bytes only, and all of it where other bytes follow the end of the image; errors inside
    the pixel data are found by ``read_image``.
    """
    path = camera.path
    length = check_file(path, _MOST)
    if not length:
        raise DamagedFile(f"{path} is empty; copy the image again")
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(max(0, length - 4096))
            tail = file.read()
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror}") from error
    magic = next((magic for magic in _ENDS if head.startswith(magic)), None)
    if magic is None:
        raise DamagedFile(f"{path} is neither a PNG nor a JPEG image")
    if not tail.rstrip(b"\x00").endswith(_ENDS[magic]) and not _ends(read_file(path, _MOST), magic):
        raise DamagedFile(f"{path} is truncated: its {length} bytes do not end as an image does; copy it again")
    size = image_size(path)
    if camera.size is not None and size != camera.size:
        raise DamagedFile(
            f"{path} is {size[0]}x{size[1]}, but the images of {camera.name} are "
            f"{camera.size[0]}x{camera.size[1]}: its calibration does not hold"
        )


def read_image(camera: Camera) -> NDArray[np.uint8]:
    """The camera's pixels [h, w, 3], RGB. 16-bit grey is scaled by the range of its format. Raises DamagedFile as
    ``check_image`` does, and when they do not decode in full; decoders themselves forgive a missing end."""
    check_image(camera)
    try:
        with Image.open(camera.path, formats=("PNG", "JPEG")) as image:
            turn = _turn(image)
            image.load()
            return rgb(image if turn is None else image.transpose(turn))
    except Exception as error:  # as in image_size
        raise DamagedFile(f"{camera.path} does not decode: {error}") from error


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How the pixels of a file are to be turned, by its header; None for as they are."""
    if "exif" not in image.info:  # a PNG without would be decoded to find it
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a note that cannot be read says nothing of the pixels
        return None


def rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Pixels [h, w, 3]; 16-bit grey is scaled by the range of its format. PIL raises what it likes where they do not
    decode; ValueError for a mode that is neither grey nor colour."""
    if image.mode in _SHORT:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its pixels have values up to {values.max()}, which is no image of 8 or 16 bits")
        grey = ((values * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode not in _PLAIN:
        raise ValueError(f"its pixels are of the mode {image.mode}; save it as 8-bit RGB")
    return np.asarray(image.convert("RGB"))


def _ends(content: bytes, magic: bytes) -> bool:
    """Whether the image has its end somewhere in ``content``. What follows is a recorder's own."""
    return _png_ends(content) if magic == _PNG else _jpeg_ends(content)


def _png_ends(content: bytes) -> bool:
    """Chunks are a length, a name, the data and a checksum."""
    at = 8
    while at + 12 <= len(content):
        name, at = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if name == b"IEND":
            return at <= len(content)
    return False


def _jpeg_ends(content: bytes) -> bool:
    """Segments are a marker and a length, up to a start of scan, whose data goes on to the next marker. A picture
    within a segment, as a thumbnail is, has an end of its own that is not meant."""
    at = 2
    while (found := _MARKER.search(content, at)) is not None:
        at, marker = found.end(), found[0][1]
        if marker == 0xD9:
            return True
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(content[at : at + 2], "big")
    return False
