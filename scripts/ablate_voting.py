"""What the parts of the vote are worth: mIoU, movable classes and ghosts, on some frames of simulated logs.

    python scripts/ablate_voting.py STORE@VERSION --logs LOGS [--every 9]

VERSION holds single frames of LOGS: ``occlabel run RECIPE --logs LOGS --store STORE --version VERSION --skip voting``.
Each row changes the row before it; scores are over the scored voxels of the widest range, mIoU over the classes that
the truth holds. Ghosts are voxels labelled movable that are free in truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.versions import PublishedVersion, open_version
from schemas.drive_log import DriveLog
from schemas.stage import Clip, Inputs
from schemas.taxonomy import Taxonomy
from stages.evaluation.confusion import confusion
from stages.ingest.recognise import open_logs
from stages.voting.stage import Registration

PAPER = {"method": "splat", "sensor": "uniform", "weigh_confidence": False, "movable_boost": 1}
ROWS = {
    "the paper's registration, uniform": PAPER,
    "weight by distance": PAPER | {"sensor": "lidar"},
    "looked up from the target": PAPER | {"sensor": "lidar", "method": "gather"},
    "weight by confidence": {"movable_boost": 1},
    "a frame is right about what moves": {},
    "empty votes count 0.75": {"empty_weight": 0.75},
    "of movable votes, 0.8 is sure": {"empty_weight": 0.75, "movable_confidence": 0.8},
}


def predictions(version: PublishedVersion, log: DriveLog) -> dict[str, NDArray[np.generic]]:
    frames = {frame.name: frame for frame in version.frames(log.id)}
    return {name: np.stack([frames[f.name].load(name) for f in log.frames]) for name in ("semantics", "confidence")}


def voted(
    stage: Registration, version: PublishedVersion, log: DriveLog, inputs: Inputs, target: int
) -> NDArray[np.uint8]:
    first, stop = max(0, target - stage.halo), min(len(log.frames), target + stage.halo + 1)
    part = Inputs(first, log.frames[first:stop], {name: array[first:stop] for name, array in inputs.arrays.items()})
    result = stage.setup(version.space, "cpu")(Clip(log.id, target, target + 1), part)
    return result["semantics"][0].astype(np.uint8)


def scores(count: NDArray[np.int64], taxonomy: Taxonomy) -> str:
    """``count`` [truth, predicted] in voxels."""
    hits = count.diagonal()
    iou = hits / np.maximum(count.sum(0) + count.sum(1) - hits, 1)
    present = (count.sum(1) > 0) & (np.arange(len(count)) != taxonomy.free_id)
    movable = np.array([c.movable for c in taxonomy.classes])
    ghosts = int(count[taxonomy.free_id][movable].sum())
    every, moving = (100 * iou[which].mean() for which in (present, present & movable))
    return f"mIoU {every:5.1f}   movable {moving:5.1f}   ghosts {ghosts:6,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--every", type=int, default=9, help="one target in so many frames")
    options = parser.parse_args()
    version, reader = open_version(options.version), open_logs(options.logs)
    classes = len(version.space.taxonomy.classes)
    counts = {name: np.zeros((classes, classes), np.int64) for name in ("single frame", *ROWS)}
    for log in reader.logs():
        inputs = Inputs(0, log.frames, predictions(version, log))
        for target in range(options.every // 2, len(log.frames), options.every):
            truth = reader.voxel_truth(log.frames[target])
            assert truth is not None  # simulated logs have truth on every frame
            for name, labels in _labels(version, log, inputs, target):
                counts[name] += confusion(labels, truth.semantics, truth.scored, classes, name).T
    for name, count in counts.items():
        print(f"{name:36}{scores(count, version.space.taxonomy)}")


def _labels(
    version: PublishedVersion, log: DriveLog, inputs: Inputs, target: int
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    yield "single frame", inputs.arrays["semantics"][target].astype(np.uint8)
    for name, options in ROWS.items():
        yield name, voted(Registration(**options), version, log, inputs, target)


if __name__ == "__main__":
    main()
