"""Times as KITTI raw and KITTI-360 write them: a date and a time of day on each line of ``timestamps.txt``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.formats.rows import Rows
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_there, read_file
from occlabel.stages.ingest.times import assumed, read_times

STAMP = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,9})?", re.ASCII)


def stamped_times(
    files: Mapping[str, Path], names: Mapping[int, str], digest: LogDigest, warnings: list[str]
) -> NDArray[np.float64]:
    """Seconds of each of the frames ``names`` from the first of ``files`` (sensor -> its time stamps) that is there and
    can be read; at 10 Hz, and a warning, where none is."""
    for source, path in files.items():
        if not is_there(path):
            continue
        try:
            content = read_file(path)
        except DamagedFile as error:
            warnings.append(str(error))
            continue
        digest.add_text("timestamps", content)
        rows = Rows(f"{source}/timestamps.txt", content, lambda text: bool(np.isfinite(_seconds(text))))
        return read_times(rows, names, (), _seconds, warnings)
    warnings.append("there is no timestamps.txt; times are taken as 10 Hz")
    return assumed(names)


def _seconds(text: str) -> float:
    """Of a time stamp, from 1970 on; NaN of what is none."""
    if STAMP.fullmatch(text) is None:
        return float("nan")
    try:
        return float(np.datetime64(text, "ns").astype(np.int64) / 1e9)
    except ValueError:
        return float("nan")
