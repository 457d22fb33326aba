"""What the car had at a labelled frame, beside the labels: scan, images, calibration, from the drive log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from occlabel.pipeline.published.same_drive import refuse_other_drive
from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader, Sweep, is_reader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix
from occlabel.stages.ingest.recognise import open_logs

Roots = str | Path | Sequence[str | Path]
"""Of drive logs, to be recognised by what they hold."""
_OPEN_LOGS = 8
"""Drive logs that are kept: a log is some text, and a shuffled training comes back to each."""


@dataclass(frozen=True)
class Raw:
    """Where sensor data is read from, and in which form.

    decoded: ``points`` float32 [n, 4] in the LiDAR frame (x, y, z [m], intensity), ``images`` camera -> uint8
    [height, width, 3]; otherwise paths, as text. What a frame lacks is left out. Both forms have, as far as the log
    knows them, ``intrinsics`` camera -> float64 [3, 3], ``ego_from_camera`` camera -> float64 [4, 4], and
    ``ego_from_lidar`` float64 [4, 4].
    """

    reader: LogReader
    decoded: bool = True

    @staticmethod
    def of(logs: LogReader | Roots, decoded: bool) -> Raw:
        """Raises BadLog when there are no logs."""
        return Raw(logs if is_reader(logs) else open_logs(cast("Roots", logs)), decoded)


class SensorFrames:
    """Frames of drive logs by id and place. Pickles without the logs that it has opened. Tensors are copies: who scales
    an image and its K in place changes nothing of the log, whose frames share their calibration."""

    def __init__(self, raw: Raw, labelled: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """``labelled``: log -> frame -> bytes of the scan that was labelled, as far as they are known."""
        self._raw, self._labelled = raw, dict(labelled or {})
        self._logs: OrderedDict[str, DriveLog] = OrderedDict()

    def __reduce__(self) -> tuple[type[SensorFrames], tuple[Raw, Mapping[str, Mapping[str, int]]]]:
        return SensorFrames, (self._raw, self._labelled)

    def frame(self, log: str, index: int, name: str) -> dict[str, Any]:
        """Raises as ``cameras``, and DamagedFile for a file that cannot be read."""
        return self._sensed(self._found(log, index, name))

    def cameras(self, log: str, index: int, name: str) -> Sequence[Camera]:
        """Raises BadLog when the log has no such frame there any more."""
        return self._found(log, index, name).cameras

    def _found(self, log: str, index: int, name: str) -> Frame:
        frames = self._log(log).frames
        if index >= len(frames) or frames[index].name != name:
            raise BadLog(
                f"log {log} under {self._raw.reader.root} has no frame {name} at place {index}: it is not the log that "
                "was labelled"
            )
        return frames[index]

    def _log(self, log: str) -> DriveLog:
        if log not in self._logs:
            found = next(iter(self._raw.reader.logs([log])))
            refuse_other_drive(found, self._raw.reader.root, self._labelled.get(log, {}))
            self._logs[log] = found
            if len(self._logs) > _OPEN_LOGS:
                self._logs.popitem(last=False)
        self._logs.move_to_end(log)
        return self._logs[log]

    def _sensed(self, frame: Frame) -> dict[str, Any]:
        item: dict[str, Any] = {"images": {camera.name: self._image(camera) for camera in frame.cameras}}
        item["intrinsics"] = _known({camera.name: camera.intrinsics for camera in frame.cameras})
        item["ego_from_camera"] = _known({camera.name: camera.ego_from_camera for camera in frame.cameras})
        if (sweep := frame.sweep) is not None:
            scan = torch.tensor(self._raw.reader.points(sweep)) if self._raw.decoded else _place(sweep)
            item |= {"points": scan, "ego_from_lidar": torch.tensor(sweep.ego_from_lidar)}
        return item

    def _image(self, camera: Camera) -> torch.Tensor | str | tuple[str, int]:
        if self._raw.decoded:
            return torch.tensor(self._raw.reader.image(camera))
        return _place(camera)


def _place(sensed: Camera | Sweep) -> str | tuple[str, int]:
    """The path; of a film or a recording with it the place of the image or the sweep in it."""
    return str(sensed.path) if sensed.index is None else (str(sensed.path), sensed.index)


def _known(matrices: dict[str, Matrix | None]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(matrix) for name, matrix in matrices.items() if matrix is not None}
