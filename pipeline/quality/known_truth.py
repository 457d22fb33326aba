"""What truth there is, for whoever asked for another."""

from __future__ import annotations

from collections.abc import Iterable

from occlabel.pipeline.published.labelled_log import drive_log
from occlabel.pipeline.quality.rules import around, visible
from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.words import counted, inflected

_KINDS = {
    "voxels": ("voxel truth", lambda frame: frame.truth.voxels is not None),
    "points": ("labelled points", lambda frame: frame.truth.points is not None),
    "around": ("labelled points and a pose", around.can_be_asked),
    "boxes": ("boxes", lambda frame: bool(frame.truth.boxes)),
    "visible": ("a sweep, a pose and a camera that looks ahead", visible.can_be_asked),
}


def known_truth(reader: LogReader | None, logs: Iterable[str]) -> str:
    """A part of a sentence: in how many frames of the logs there is which truth. A log that cannot be read counts as
    one without frames."""
    frames = [frame for log in logs for frame in _frames(reader, log)]
    counts = {at: sum(map(holds, frames)) for at, (_, holds) in _KINDS.items()}
    found = [
        f"{n} {inflected(n, 'has', 'have')} {_KINDS[at][0]} (occlabel evaluate --at {at})"
        for at, n in counts.items()
        if n
    ]
    if not frames:
        return "no log there has frames with any truth"
    return f"of the {counted(len(frames), 'frame')} of these logs {' and '.join(found) or 'none has any truth'}"


def _frames(reader: LogReader | None, log: str) -> tuple[Frame, ...]:
    try:
        drive = drive_log(reader, log)
    except BadLog:
        return ()
    return () if drive is None else drive.frames
