"""Images on disk: their size, whether they are whole, their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.errors import DamagedFile

SUFFIXES = (".png", ".jpg", ".jpeg")

_MAGIC = {b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82", b"\xff\xd8\xff": b"\xff\xd9"}
"""First bytes of a format -> the last bytes of a whole file of it. Cameras may pad the end with zeros."""


def image_size(path: Path) -> tuple[int, int]:
    """Width and height from the header. Raises DamagedFile."""
    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error and more on bad headers
        raise DamagedFile(f"{path} is not a readable image: {error}") from error


def check_image(camera: Camera) -> None:
    """Raises DamagedFile when the camera's file is missing, empty, truncated, no PNG or JPEG, or of another size than
    is known of the camera.

    Reads the header and the last bytes only; errors inside the pixel data are found by ``read_image``.
    """
    path = camera.path
    try:
        with path.open("rb") as file:
            head = file.read(8)
            length = file.seek(0, 2)
            file.seek(max(0, length - 4096))
            tail = file.read()
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror}") from error
    if not length:
        raise DamagedFile(f"{path} is empty; copy the image again")
    end = next((end for magic, end in _MAGIC.items() if head.startswith(magic)), None)
    if end is None:
        raise DamagedFile(f"{path} is neither a PNG nor a JPEG image")
    if not tail.rstrip(b"\x00").endswith(end):
        raise DamagedFile(f"{path} is truncated: its {length} bytes do not end as an image does; copy it again")
    size = image_size(path)
    if camera.size is not None and size != camera.size:
        raise DamagedFile(
            f"{path} is {size[0]}x{size[1]}, but the images of {camera.name} are "
            f"{camera.size[0]}x{camera.size[1]}: its calibration does not hold"
        )


def read_image(camera: Camera) -> NDArray[np.uint8]:
    """The camera's pixels [h, w, 3], RGB. Raises DamagedFile as ``check_image`` does, and when they do not decode in
    full; decoders themselves forgive a missing end."""
    check_image(camera)
    try:
        with Image.open(camera.path) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # as in image_size
        raise DamagedFile(f"{camera.path} does not decode: {error}") from error
