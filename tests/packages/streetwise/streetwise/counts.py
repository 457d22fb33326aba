"""``counts.csv``: how many voxels of each class each frame has."""

from pathlib import Path

import numpy as np

from occlabel.pipeline.delivery.exporters import ExportOptions
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import SEMANTICS


def write_counts(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """One line a frame."""
    names = version.space.taxonomy.names
    out.mkdir(parents=True, exist_ok=True)
    rows = [",".join(["log", "frame", *names])]
    for frame in version.frames():
        counts = np.bincount(frame[SEMANTICS].ravel(), minlength=256)[: len(names)]
        rows.append(",".join([frame.log, frame.name, *map(str, counts)]))
    (out / "counts.csv").write_text("\n".join(rows) + "\n")
    return f"counted {len(rows) - 1} frames"
