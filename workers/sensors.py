"""Sensor data of the frames of an order, read when the stage asks for it; what cannot be read is noted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, Frame, LogReader, refuse_no_scan
from occlabel.schemas.errors import DamagedFile, OcclabelError
from occlabel.schemas.receipt import Damage
from occlabel.schemas.stage import Sensor


class FrameSensors:
    """The ``Sensors`` of a stage. A file that cannot be read is noted once, and its frame goes on without it."""

    def __init__(self, reader: LogReader, frames: Sequence[Frame], first: int, senses: tuple[Sensor, ...]) -> None:
        self._reader = reader
        self._frames = frames
        self._first = first
        self._senses = senses
        self._noted: dict[tuple[int, str], Damage] = {}
        self._checked: set[tuple[int, str]] = set()

    def points(self, row: int) -> NDArray[np.float32] | None:
        self._allow("points")
        frame = self._frames[row]
        self._checked.add((row, "lidar"))
        if frame.sweep is None:
            self._note(row, "lidar", DamagedFile(f"frame {frame.name} has no scan"))
            return None
        try:
            points = self._reader.points(frame.sweep)
            refuse_no_scan(points, frame.sweep)
            return points
        except DamagedFile as error:
            self._note(row, "lidar", error)
            return None

    def image(self, row: int, camera: str) -> NDArray[np.uint8] | None:
        self._allow("images")
        self._checked.add((row, camera))
        taken = next((taken for taken in self._frames[row].cameras if taken.name == camera), None)
        if taken is None:
            return None
        try:
            return _shows_something(self._reader.image(taken), taken)
        except DamagedFile as error:
            self._note(row, camera, error)
            return None

    def damaged(self, rows: range) -> tuple[Damage, ...]:
        """What of the frames in ``rows`` cannot be read. A stage that senses anything is where a log's files are first
        touched, so that those it did not ask for are checked too, without decoding a pixel."""
        if not self._senses:
            return ()
        for row in rows:
            for camera in self._frames[row].cameras:
                if (row, camera.name) not in self._checked:
                    try:
                        self._reader.check_image(camera)
                    except DamagedFile as error:
                        self._note(row, camera.name, error)
        return tuple(self._noted[key] for key in sorted(self._noted, key=lambda key: key[0]) if key[0] in rows)

    def _allow(self, sensor: Sensor) -> None:
        if sensor not in self._senses:
            raise OcclabelError(f"the stage reads {sensor} and does not say so in `senses`; it breaks its contract")

    def _note(self, row: int, sensor: str, error: DamagedFile) -> None:
        name = self._frames[row].name
        self._noted[row, sensor] = Damage(frame=self._first + row, name=name, sensor=sensor, error=str(error))


def _shows_something(image: NDArray[np.uint8], taken: Camera) -> NDArray[np.uint8]:
    """The image. Raises DamagedFile for one that is black, or of any one colour: a model would make something up."""
    first = image[0, 0]
    if (image[::16, ::16] == first).all() and (image == first).all():
        colour = "black" if not first.any() else "of one colour"
        raise DamagedFile(f"{taken.where} is {colour} throughout: the camera {taken.name} saw nothing")
    return image
