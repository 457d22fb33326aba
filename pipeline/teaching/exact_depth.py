"""How far everything in an image of a simulated log is, as ``occlabel simulate --priors exact`` wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader
from occlabel.stages.priors.depth.stored import read_depth
from occlabel.stages.priors.image_files import ImageFiles
from occlabel.stages.town.writers.prior_files import FOLDER


def exact_file(reader: LogReader, log: DriveLog, frame: Frame, camera: Camera) -> Path:
    """Where it lies, or should."""
    files = ImageFiles(reader.root / FOLDER / "exact/depth/{log}/{camera}/{frame}.png")
    return files.place(log.id, camera.name, frame.name)


def exact_depth(reader: LogReader, log: DriveLog, frame: Frame, camera: Camera) -> NDArray[np.float32] | None:
    """[h, w] metres along the optical axis, NaN where there is nothing; None for a camera whose size is not known."""
    if camera.size is None:
        return None
    metres = read_depth(exact_file(reader, log, frame, camera), camera.size).astype(np.float32)
    return np.where(metres > 0, metres, np.float32(np.nan))
