"""What the parts of the vote are worth: each changed in turn, from the paper's registration to that of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.ablation.trails import PAPER, inputs_of, movable_classes, trails
from occlabel.schemas.arrays import CONFIDENCE, OBSERVED, SEMANTICS
from occlabel.schemas.drive_log import DriveLog, VoxelTruth
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation.confusion import confusion
from occlabel.stages.voting.stage import Registration
from occlabel.stages.voting.vote import PollingPlace

BEFORE = "before the vote"


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
        ("what its sweep hit is not free", ("evidence",)),
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

    def ghosts(self, taxonomy: Taxonomy) -> int:
        return int(self.confusion[taxonomy.free_id][movable_classes(taxonomy)].sum())

    def line(self, taxonomy: Taxonomy) -> str:
        """mIoU of the classes that the truth holds, of those that can move and of the others, and the counts."""
        hits = self.confusion.diagonal()
        iou = hits / np.maximum(self.confusion.sum(0) + self.confusion.sum(1) - hits, 1)
        present = (self.confusion.sum(1) > 0) & (np.arange(len(hits)) != taxonomy.free_id)
        movable = movable_classes(taxonomy)
        every, moving, still = (100 * iou[which].mean() for which in (present, present & movable, present & ~movable))
        scores = f"mIoU {every:5.1f}   movable {moving:5.1f}   static {still:5.1f}"
        return f"{scores}   ghosts {self.ghosts(taxonomy):7,}   trails {self.trails:6,}   beside {self.beside:7,}"


class Table:
    """The rows of an ablation: the labels before the vote, and those of each stage."""

    def __init__(self, stages: dict[str, Registration], taxonomy: Taxonomy) -> None:
        classes = len(taxonomy.classes)
        self.stages = stages
        self.counts = {name: Counts(np.zeros((classes, classes), np.int64)) for name in (BEFORE, *stages)}


def score_log(
    version: PublishedVersion, log: DriveLog, truths: list[VoxelTruth], targets: range, hands: Hands, table: Table
) -> None:
    """Adds the frames ``targets`` of ``log`` to the counts of every row of ``table``."""
    space = version.space
    frames = {frame.name: frame for frame in version.frames(log.id)}
    arrays: dict[str, NDArray[np.generic]] = {
        spec.name: np.stack([frames[f.name][spec] for f in log.frames]) for spec in (SEMANTICS, CONFIDENCE, OBSERVED)
    }
    free = trails(log, truths, targets, space, hands)
    movable = movable_classes(space.taxonomy)

    def count(name: str, target: int, labels: NDArray[np.generic]) -> None:
        truth, counts = truths[target], table.counts[name]
        exported = np.where(labels == UNKNOWN, space.taxonomy.free_id, labels).astype(np.uint8)
        counts.confusion += confusion(exported, truth.semantics, truth.scored, len(movable), name).T
        counts.trails += int((movable[exported] & free.left[target]).sum())
        counts.beside += int((movable[exported] & free.beside[target]).sum())

    for target in targets:
        count(BEFORE, target, arrays[SEMANTICS.name][target])
    for name, stage in table.stages.items():
        poll = PollingPlace(stage, space, hands).open(inputs_of(log, arrays))
        for target in targets:
            count(name, target, poll.on(target)["semantics"])
