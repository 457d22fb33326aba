"""What the parts of the vote are worth: mIoU, movable classes, ghosts and trails, on some frames of simulated logs.

    python scripts/ablate_voting.py STORE@VERSION --logs LOGS [--every 9]

VERSION holds what votes: ``occlabel run RECIPE --logs LOGS --store STORE --version VERSION --skip voting``.
Each row of the first part changes the row before it, up to the recipe's vote. Scores are over the scored voxels of the
widest range, mIoU over the classes that the truth holds. Ghosts are voxels labelled movable that are free in truth;
trails are those of them where something movable is in another frame of the window, and nothing movable beside them;
beside, those that touch something movable in truth: its surface, drawn a voxel too thick.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from occlabel.pipeline.planning.recipe import load_recipe
from occlabel.pipeline.published.versions import PublishedVersion, open_version
from occlabel.schemas.drive_log import DriveLog, VoxelTruth
from occlabel.schemas.stage import Inputs, LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation.confusion import confusion
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.voting.stage import Registration
from occlabel.stages.voting.vote import PollingPlace

PAPER = {"method": "splat", "sensor": "uniform", "weigh_confidence": False, "movable_boost": 1} | {
    "cleared_confidence": None, "hidden_divisor": 1, "empty_weight": 1.0, "calibration": None,
}  # fmt: skip


def rows(default: Registration, cameras: bool) -> dict[str, Registration]:
    """The steps from the paper's vote to that of the recipe, and that one by another method or radius.

    With ``cameras`` the first step is also taken with the paper's weights of those.
    """
    chosen = default.model_dump()
    steps: list[tuple[str, tuple[str, ...]]] = [
        ("the paper's registration, uniform", ()),
        ("weight by distance", ("sensor",)),
        ("looked up from the target", ("method",)),
        ("weight by confidence", ("weigh_confidence",)),
        ("weight of empty votes", ("empty_weight",)),
        ("what a frame could not see", ("hidden_divisor",)),
        ("a frame is right about what moves", ("movable_boost", "movable_confidence")),
        ("and about what does not", ("cleared_confidence",)),
    ]
    options, result = dict(PAPER), {}
    for name, changes in steps:
        options |= {change: chosen[change] for change in changes}
        result[name] = Registration(**options)
        if not changes and cameras:
            result["weight by the cameras' frustum"] = Registration(**options | {"sensor": "camera"})
    result["the same by rolling"] = Registration(**options | {"method": "rolling"})
    for radius in (5, 10, 50):
        result[f"the same, radius {radius}"] = Registration(**options | {"radius": radius})
    return result


@dataclass
class Counts:
    """Of one row, over all targets."""

    confusion: NDArray[np.int64]
    """[truth, predicted]."""
    trails: int = field(default=0)
    beside: int = field(default=0)

    def line(self, taxonomy: Taxonomy) -> str:
        hits = self.confusion.diagonal()
        iou = hits / np.maximum(self.confusion.sum(0) + self.confusion.sum(1) - hits, 1)
        present = (self.confusion.sum(1) > 0) & (np.arange(len(hits)) != taxonomy.free_id)
        movable = movable_classes(taxonomy)
        ghosts = int(self.confusion[taxonomy.free_id][movable].sum())
        every, moving, still = (100 * iou[which].mean() for which in (present, present & movable, present & ~movable))
        scores = f"mIoU {every:5.1f}   movable {moving:5.1f}   static {still:5.1f}"
        return f"{scores}   ghosts {ghosts:7,}   trails {self.trails:6,}   beside {self.beside:7,}"


def movable_classes(taxonomy: Taxonomy) -> NDArray[np.bool_]:
    return np.array([entry.movable for entry in taxonomy.classes])


Masks = dict[int, NDArray[np.bool_]]
"""By target, [X, Y, Z]."""


def trails(log: DriveLog, truths: list[VoxelTruth], targets: range, space: LabelSpace) -> tuple[Masks, Masks]:
    """The scored free voxels where something movable is in another frame of the window, and none beside them; and those
    with something movable beside them."""
    movable = np.zeros(256, bool)
    movable[: len(space.taxonomy.classes)] = movable_classes(space.taxonomy)
    free = np.uint8(space.taxonomy.free_id)
    something = np.uint8(np.flatnonzero(movable)[0])
    labels = np.stack([np.where(movable[truth.semantics], something, free) for truth in truths])
    ever = Registration(**PAPER | {"method": "gather", "empty_weight": 1 / 16})
    inputs = Inputs(0, log.frames, {"semantics": labels, "confidence": np.full_like(labels, 255)})
    poll = PollingPlace(ever, space, "cpu").open(log.id, inputs)
    left, beside = {}, {}
    for target in targets:
        touched = poll.on(target)
        # Anything but a unanimous vote for free: confidence is the margin.
        sometimes = (touched["semantics"] != free) | (touched["confidence"] < 255)
        near = binary_dilation(labels[target] != free, np.ones((3, 3, 3)))
        truth = truths[target]
        empty = (truth.semantics == free) & truth.scored
        left[target], beside[target] = sometimes & ~near & empty, near & empty
    return left, beside


def score_log(
    version: PublishedVersion,
    log: DriveLog,
    truths: list[VoxelTruth],
    targets: range,
    table: dict[str, Counts],
    stages: dict[str, Registration],
) -> None:
    space = version.space
    frames = {frame.name: frame for frame in version.frames(log.id)}
    arrays = {name: np.stack([frames[f.name].load(name) for f in log.frames]) for name in ("semantics", "confidence")}
    left, beside = trails(log, truths, targets, space)
    movable = movable_classes(space.taxonomy)

    def count(name: str, target: int, labels: NDArray[np.generic]) -> None:
        truth = truths[target]
        labels = np.where(labels == UNKNOWN, space.taxonomy.free_id, labels).astype(np.uint8)  # as it is exported
        table[name].confusion += confusion(labels, truth.semantics, truth.scored, len(movable), name).T
        table[name].trails += int((movable[labels] & left[target]).sum())
        table[name].beside += int((movable[labels] & beside[target]).sum())

    for target in targets:
        count("before the vote", target, arrays["semantics"][target])
    for name, stage in stages.items():
        poll = PollingPlace(stage, space, "cpu").open(log.id, Inputs(0, log.frames, arrays))
        for target in targets:
            count(name, target, poll.on(target)["semantics"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--every", type=int, default=9, help="one target in so many frames")
    parser.add_argument("--recipe", help="whose voting options are the default [default: that of the grid]")
    options = parser.parse_args()
    version, reader = open_version(options.version), open_logs(options.logs)
    shipped = {0.2: "semantickitti_lidar", 0.4: "nuscenes_lidar"}
    default = load_recipe(options.recipe or shipped[version.space.grid.voxel_size]).voting
    assert default is not None
    logs = list(reader.logs(list(version.logs)))
    cameras = all(frame.cameras for log in logs for frame in log.frames)
    stages, classes = rows(default, cameras), len(version.space.taxonomy.classes)
    table = {name: Counts(np.zeros((classes, classes), np.int64)) for name in ("before the vote", *stages)}
    for log in logs:
        truths = [reader.voxel_truth(frame) for frame in log.frames]
        targets = range(options.every // 2, len(log.frames), options.every)
        score_log(version, log, [truth for truth in truths if truth is not None], targets, table, stages)
    for name, counts in table.items():
        print(f"{name:36}{counts.line(version.space.taxonomy)}", flush=True)


if __name__ == "__main__":
    main()
