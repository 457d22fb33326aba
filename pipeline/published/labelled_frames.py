"""The frame of a log that a labelled frame of a version was made from."""

from __future__ import annotations

from occlabel.pipeline.published.versions import PublishedFrame
from occlabel.schemas.drive_log import DriveLog, Frame
from occlabel.schemas.errors import BadLog


def labelled_frame(log: DriveLog, published: PublishedFrame) -> Frame:
    """The frame in ``log``, which is read anew. Raises BadLog when the log is not the one that was labelled."""
    index = published.row.index
    if index >= len(log.frames) or log.frames[index].name != published.name:
        raise BadLog(
            f"log {log.id} has no frame {published.name} at place {index}: these are not the logs that were labelled, "
            "or they changed since"
        )
    return log.frames[index]
