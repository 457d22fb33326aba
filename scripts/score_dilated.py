"""Occupancy as OccAny scores it: labels as they are, and dilated by one voxel in every direction.

    occlabel run RECIPE --logs LOGS --store STORE --version v1
    python scripts/score_dilated.py LOGS STORE@v1 STORE@v2 ...

LOGS have truth of voxels over the grid of the labels. Unknown voxels count as free. Dilated is the largest of 3 x 3 x 3
voxels, of the labels alone, so that a surface that lies a voxel off is found; it is to be read beside the other, never
alone. Counted over all scored voxels of all logs together; with --unseen over all that have truth, also where no camera
looks, which Occ3D does not score.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from occlabel.pipeline.published.version import open_version
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.learning.truth import truth_in

_AROUND = np.ones((3, 3, 3), np.bool_)
Counts = NDArray[np.int64]
"""Found of what is there, said, there: three numbers."""


def counted(spec: str, reader: LogReader, unseen: bool) -> tuple[Counts, Counts]:
    """Of a version as it is, and dilated."""
    version = open_version(spec)
    plain, dilated = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for log in reader.logs(list(version.logs)):
        frames = {frame.name: frame for frame in log.frames}
        for published in version.frames(log.id):
            frame = frames[published.name]
            if frame.truth.voxels is None:
                continue
            truth = truth_in(reader, frame, version.space)
            scored = (truth.semantics != UNKNOWN) if unseen else truth.scored
            there = scored & (truth.semantics != version.space.taxonomy.free_id)
            labels = published[SEMANTICS]
            said = (labels != UNKNOWN) & (labels != version.space.taxonomy.free_id)
            for counts, one in ((plain, said), (dilated, binary_dilation(said, _AROUND))):
                counts += ((one & there).sum(), (one & scored).sum(), there.sum())
    return plain, dilated


def shown(counts: Counts) -> str:
    """IoU, precision and recall in percent."""
    found, said, there = (int(one) for one in counts)
    parts = found / max(said + there - found, 1), found / max(said, 1), found / max(there, 1)
    return " ".join(f"{100 * part:6.1f}" for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("versions", nargs="+", metavar="STORE@VERSION")
    parser.add_argument("--unseen", action="store_true")
    told = parser.parse_args()
    reader = open_logs(told.logs)
    print(f"{'version':40s}    IoU   prec    rec | dilated IoU   prec    rec")
    for spec in told.versions:
        plain, dilated = counted(spec, reader, told.unseen)
        print(f"{spec[-40:]:40s} {shown(plain)} |      {shown(dilated)}")


if __name__ == "__main__":
    main()
