"""What ``occlabel tracks`` does: the trajectories of a version's objects, one table a log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import INSTANCE, MEASURED, SEMANTICS
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.formats.appearing import appearing
from occlabel.schemas.trajectories import Trajectories
from occlabel.stages.export.trajectories import to_parquet
from occlabel.stages.tracking.logbook import Logbook


def log_frame(logbook: Logbook, frame: PublishedFrame) -> None:
    """Takes in the objects of one frame, by the time and the pose that the version keeps."""
    measured = frame[MEASURED] if frame.holds(MEASURED) else None
    place = frame.row.time, frame.world_from_grid
    logbook.add(frame.row.index, frame[INSTANCE], frame[SEMANTICS], *place, measured)


def write_trajectories(
    version: PublishedVersion, out: Path, note: Callable[[str], None] = lambda _: None
) -> dict[str, Trajectories]:
    """Writes ``out/LOG.parquet`` for every log of the version and returns the tables.

    Times and poses are those that the version keeps. Raises BadPredictions when the version was not tracked.
    """
    if not version.tracked:
        raise BadPredictions(
            f"the objects of version {version.name} have no ids that hold over time; add the blocks instances and "
            "tracking to its recipe and run it again, the labels are not computed anew"
        )
    grid = version.space.grid
    tables = {}
    for log in version.logs:
        logbook = Logbook(grid, version.space.taxonomy)
        for frame in version.frames(log):
            note(f"log {log}, frame {frame.name}")
            log_frame(logbook, frame)
        tables[log] = logbook.table()
        with appearing(out / f"{log}.parquet") as partial:
            partial.write_bytes(to_parquet(tables[log]))
    return tables
