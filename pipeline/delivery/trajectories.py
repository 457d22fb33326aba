"""What ``occlabel tracks`` does: the trajectories of a version's objects, one table a log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from occlabel.pipeline.published.labelled_frames import labelled_frame
from occlabel.pipeline.published.versions import PublishedVersion
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.trajectories import Trajectories
from occlabel.stages.export.trajectories import to_parquet
from occlabel.stages.tracking.logbook import Logbook


def write_trajectories(
    version: PublishedVersion, reader: LogReader, out: Path, note: Callable[[str], None] = lambda _: None
) -> dict[str, Trajectories]:
    """Writes ``out/LOG.parquet`` for every log of the version and returns the tables.

    ``reader`` holds the logs that were labelled; it knows times and poses. Raises BadPredictions when the version was
    not tracked, BadLog when the reader lacks one of its logs or frames.
    """
    if version.recipe.tracking is None:
        raise BadPredictions(
            f"the objects of version {version.name} have no ids that hold over time; add the blocks instances and "
            "tracking to its recipe and run it again, the labels are not computed anew"
        )
    grid = version.space.grid
    tables = {}
    for log in reader.logs(list(version.logs)):
        logbook = Logbook(grid)
        for published in version.frames(log.id):
            note(f"log {log.id}, frame {published.name}")
            frame = labelled_frame(log, published)
            instance, semantics = (published.load(name) for name in ("instance", "semantics"))
            labels = semantics.astype(np.uint8, copy=False)
            ids = instance.astype(np.uint16, copy=False)
            logbook.add(published.row.index, ids, labels, frame.time, frame.world_from_grid(grid))
        tables[log.id] = logbook.table()
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{log.id}.parquet").write_bytes(to_parquet(tables[log.id]))
    return tables
