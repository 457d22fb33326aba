"""How many of all wrong voxels, or labelled points, lie in the first part of a review's queue.

    python scripts/score_review.py STORE@VERSION --truth TOWN --format semantickitti
    python scripts/score_review.py STORE@VERSION --truth KITTI --format semantickitti --at points

The queue is ranked without truth; truth only says where labels are wrong. Parts are of all places that the grids of the
labelled frames cover; in brackets is how many of the scored voxels (or points) lie in them: a place that many frames
see has many.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labelled_log import LabelledFrame
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.quality.counting import Question, labelled_frames, unread
from occlabel.pipeline.review.blocks import LAYERS, Blocks, block_keys, count_blocks, layer_heights
from occlabel.schemas.taxonomy import UNKNOWN

PARTS = (0.01, 0.05, 0.1, 0.25)


def marks(frame: LabelledFrame, at: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Voxels [n, 3] that are scored, one for each point, and whether the label is wrong there."""
    grid, free = frame.grid, frame.joined.target.taxonomy.free_id
    if at == "voxels":
        truth, seen = frame.voxel_truth, frame.seen
        scored = seen.within(truth.scored)
        return np.argwhere(scored), (seen.semantics != truth.semantics)[scored]
    truth_of_points = frame.point_truth
    assert truth_of_points is not None
    cells, inside = grid.cells(frame.points)
    known = inside & (truth_of_points.semantics != UNKNOWN) & (truth_of_points.semantics != free)
    places = cells[known]
    return places, frame.classes[tuple(places.T)] != truth_of_points.semantics[known]


def scored(version: PublishedVersion, log: str, question: Question) -> tuple[Blocks, NDArray[np.int64], int]:
    """The blocks of the log; of each, and last of all others together, how many are wrong and how many scored [n, 2];
    and how many places there are."""
    blocks = count_blocks(version, log)
    place = {tuple(key): n for n, key in enumerate(blocks.keys.tolist())}
    found, number = np.zeros((len(place) + 1, 2), np.int64), {name: n for n, name in enumerate(blocks.names)}
    grid = version.space.grid
    layers = layer_heights(grid)
    places: set[tuple[int, ...]] = set()
    for frame in labelled_frames(question, question.joined(VersionLabels(version)), log).frames():
        if unread(frame, question.at) is not None:
            continue
        keys = block_keys(version.frame(log, frame.name).world_from_grid, grid, number[frame.name])
        cells, inverse = np.unique(keys, axis=0, return_inverse=True)
        places |= set(map(tuple, cells.tolist()))
        where = np.array([place.get(tuple(cell), len(place)) for cell in cells.tolist()])[inverse.ravel()]
        voxels, wrong = marks(frame, question.at)
        at = where[(voxels[:, 0] * grid.shape[1] + voxels[:, 1]) * LAYERS + layers[voxels[:, 2]]]
        found[:, 0] += np.bincount(at[wrong], minlength=len(found))
        found[:, 1] += np.bincount(at, minlength=len(found))
    return blocks, found, len(places)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--format", choices=("semantickitti", "occ3d"), required=True)
    parser.add_argument("--at", choices=("voxels", "points"), default="voxels")
    parser.add_argument("--log", action="append", help="only this log; may be given again")
    told = parser.parse_args()
    version = open_version(told.version)
    question = Question(told.truth.absolute(), told.format, told.at)
    ranks, wrong, beside, places = [], [], np.zeros(2, np.int64), 0
    for log in told.log or version.logs:
        blocks, found, covered = scored(version, log, question)
        places += covered
        ranks.append(blocks.wrong)
        wrong.append(found[:-1])
        beside += found[-1]
    order = np.argsort(-np.concatenate(ranks), kind="stable")
    counts = np.concatenate(wrong)
    whole = np.maximum(counts.sum(axis=0) + beside, 1)
    taken = np.cumsum(counts[order], axis=0) / whole
    print(
        f"{places} places, {len(order)} with labels; {whole[0]} of {whole[1]} {told.at} are wrong, {beside[0]} of them"
    )
    print("where nothing is labelled occupied, which the queue does not show")
    for part in PARTS:
        bad, of_all = taken[min(max(int(part * places), 1), len(order)) - 1]
        print(f"the first {100 * part:2.0f}% of places hold {100 * bad:4.1f}% of what is wrong ({100 * of_all:4.1f}%)")


if __name__ == "__main__":
    main()
