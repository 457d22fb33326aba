"""Draws the worst trail that something moving leaves where all classes vote alike, and the same place in our vote.

    python scripts/draw_trails.py STORE@VERSION --logs LOGS --out PNG [--label car] [--every 3]

VERSION holds single frames of LOGS, as for ``ablate_voting.py``; simulated logs, which have exact truth. With a label
only trails of that class count.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, panels
from occlabel.pipeline.delivery.pictures.from_above import FromAbove
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.quality.ablation.trails import inputs_of, movable_classes, trails
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.stage import Hands
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.voting.stage import Registration
from occlabel.stages.voting.vote import PollingPlace

ALIKE = "all classes alike"
HANDS = Hands(threads=len(os.sched_getaffinity(0)))
SIZE = 16.0
"""Edge of the place that is drawn [m]."""


def votes(version: PublishedVersion, log: DriveLog) -> dict[str, PollingPlace]:
    ours = load_recipe("semantickitti_lidar" if version.space.grid.voxel_size == 0.2 else "nuscenes_lidar").voting
    assert isinstance(ours, Registration)
    alike = ours.model_copy(update={"movable_boost": 1, "cleared_confidence": None})
    stages = {ALIKE: alike, "ours": ours}
    return {name: PollingPlace(stage, version.space, HANDS) for name, stage in stages.items()}


def worst(
    version: PublishedVersion, reader: LogReader, every: int, label: str | None
) -> tuple[int, tuple[slice, slice], dict[str, NDArray[np.uint8]]]:
    """How many voxels of trail are left in the worst place, where that is, and the labels there."""
    side = round(SIZE / version.space.grid.voxel_size)
    movable = movable_classes(version.space.taxonomy)
    if label is not None:
        movable &= np.array(version.space.taxonomy.names) == label
    best: tuple[int, tuple[slice, slice], dict[str, NDArray[np.uint8]]] = (0, (slice(0), slice(0)), {})
    for log in reader.logs(list(version.logs)):
        frames = {frame.name: frame for frame in version.frames(log.id)}
        names = ("semantics", "confidence", "observed")
        arrays = {n: np.stack([frames[f.name].load(n) for f in log.frames]) for n in names}
        truths = [truth for frame in log.frames if (truth := reader.voxel_truth(frame)) is not None]
        targets = range(every // 2, len(log.frames), every)
        left = trails(log, truths, targets, version.space, HANDS).left
        polls = {n: place.open(inputs_of(log, arrays)) for n, place in votes(version, log).items()}
        for target in targets:
            labels = {name: poll.on(target)["semantics"].astype(np.uint8) for name, poll in polls.items()}
            trail = (movable[np.minimum(labels[ALIKE], len(movable) - 1)] & left[target]).sum(axis=2)
            dense = uniform_filter(trail.astype(np.float64), side) * side * side
            x, y = np.unravel_index(dense.argmax(), dense.shape)
            found = round(float(dense[x, y]))
            if found > best[0]:
                low, left_of = (
                    int(np.clip(at - side // 2, 0, size - side)) for at, size in zip((x, y), trail.shape, strict=True)
                )
                place = (slice(low, low + side), slice(left_of, left_of + side))
                single = arrays["semantics"][target].astype(np.uint8)
                shown = {"single frame": single, **labels, "truth": truths[target].semantics}
                best = (found, place, shown)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=3, help="looks at one frame in so many")
    parser.add_argument("--label", help="the class whose trails count [default: all that can move]")
    options = parser.parse_args()
    version = open_version(options.version)
    count, place, labels = worst(version, open_logs(options.logs), options.every, options.label)
    if not labels:
        raise SystemExit("no trail is left in these logs")
    taxonomy = version.space.taxonomy
    metres = version.space.grid.voxel_size
    pictures = [FromAbove(birds_eye(volume[place], taxonomy), name, metres) for name, volume in labels.items()]
    footer = f"{SIZE:.0f} m, from above. {count} voxels of trail where all classes vote alike."
    panels(pictures, taxonomy, options.out, footer, width=260)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
