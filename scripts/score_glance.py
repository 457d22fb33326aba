"""How well glance sees depth and segments of simulated logs that it never saw, beside what needs no eyes.

    occlabel simulate --format kitti --split val --seed 7300 --logs 6 --frames 3 --rate 1 --image-scale 0.5 \
        --priors exact --out VAL
    python scripts/score_glance.py VAL --rows TRAIN --weights glance.safetensors

The rival knows of TRAIN (of the same layout) the mean inverse depth and the most frequent class of each row below the
principal point. Scores are over every fourth pixel whose truth is nearer than 80 m, means over images; mIoU is over the
classes of the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from occlabel.pipeline.teaching.train_glance import pictures_of
from occlabel.schemas.stage import Hands
from occlabel.stages.evaluation.depth import depth_scores
from occlabel.stages.priors.glance.looking import input_size, look, resized_row
from occlabel.stages.priors.glance.pictures import Meanings, Picture, Shown
from occlabel.stages.priors.glance.training import mean_iou
from occlabel.stages.priors.glance.weight_file import load_network

_STRIDE = 4
_BANDS, _BAND = 128, 4
"""Bands of so many rows around the principal point, at the size that the network sees."""
Guess = Callable[[Shown], tuple[NDArray[np.float32], NDArray[np.int64]]]
"""Depth, NaN for none, and row of the table of classes, at every fourth pixel."""


def bands(shown: Shown) -> tuple[NDArray[np.int64], float]:
    """Of every fourth row of a picture its band; and the focal length at the size that the network sees."""
    height, width = shown.depth.shape
    size = input_size(height, width)
    rows = (resized_row(row, height, size[0]) for row in range(0, height, _STRIDE))
    principal = resized_row(float(shown.intrinsics[1, 2]), height, size[0])
    band = np.array([(row - principal) // _BAND + _BANDS // 2 for row in rows], np.int64)
    return np.clip(band, 0, _BANDS - 1), float(shown.intrinsics[0, 0]) * size[1] / width


def by_rows(pictures: list[Picture], meanings: Meanings) -> Guess:
    """What is usual of each band."""
    total, count = np.zeros(_BANDS), np.zeros(_BANDS)
    votes = np.zeros((_BANDS, len(meanings.table)), np.int64)
    for picture in pictures:
        shown = picture.read(meanings)
        band, focal = bands(shown)
        inverse, classes = focal / shown.depth[::_STRIDE, ::_STRIDE], shown.classes[::_STRIDE, ::_STRIDE]
        np.add.at(total, band, np.nansum(inverse, axis=1))
        np.add.at(count, band, np.isfinite(inverse).sum(axis=1))
        lines = np.broadcast_to(band[:, None], classes.shape)
        np.add.at(votes, (lines[classes >= 0], classes[classes >= 0]), 1)

    def guess(shown: Shown) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        band, focal = bands(shown)
        columns = -(-shown.depth.shape[1] // _STRIDE)
        depth = focal * count[band] / np.maximum(total[band], 1e-6)
        depth[count[band] == 0] = 80
        lines = depth.astype(np.float32), votes[band].argmax(axis=1)
        return np.repeat(lines[0][:, None], columns, axis=1), np.repeat(lines[1][:, None], columns, axis=1)

    return guess


def by_network(weights: Path, meanings: Meanings, classes: range) -> Guess:
    network, table = load_network(weights, Hands()), torch.from_numpy(meanings.table).float()

    def guess(shown: Shown) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        (seen,) = look(network, [shown.image], [shown.intrinsics], _STRIDE, Hands())
        likely = torch.tensordot(seen.labels, table.T, dims=([0], [0]))
        return seen.depth, (likely[..., classes.start : classes.stop + 2].argmax(dim=-1) + classes.start).numpy()

    return guess


def scored(pictures: list[Picture], meanings: Meanings, classes: range, guess: Guess) -> str:
    rows, silent = [], []
    confusion = torch.zeros(len(meanings.table), len(meanings.table), dtype=torch.int64)
    for picture in pictures:
        shown = picture.read(meanings)
        said, found = guess(shown)
        true, right = shown.depth[::_STRIDE, ::_STRIDE], shown.classes[::_STRIDE, ::_STRIDE]
        near = true < 80
        known = near & np.isfinite(said)
        silent.append(1 - known.sum() / max(1, near.sum()))
        if known.any():
            scores = depth_scores(said[known].astype(float), true[known].astype(float))
            rows.append((scores.abs_rel, scores.rmse_log, scores.within[0]))
        inside = (right >= classes.start) & (right < classes.stop)
        pairs = torch.from_numpy(right[inside] * len(confusion) + found[inside])
        confusion += torch.bincount(pairs, minlength=confusion.numel()).reshape_as(confusion)
    abs_rel, rmse_log, within = np.mean(rows, axis=0)
    miou = 100 * float(mean_iou(confusion))
    return f"{abs_rel:8.3f} {rmse_log:9.3f} {within:7.3f} {100 * np.mean(silent):9.1f} {miou:6.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="logs of the same layout, by which rows are known")
    parser.add_argument("--weights", type=Path, required=True)
    told = parser.parse_args()
    pictures, known = ([p for log in pictures_of(root) for p in log] for root in (told.root, told.rows))
    meanings = Meanings([pictures[0].taxonomy])
    (classes,) = meanings.scored
    print(f"{len(pictures)} images      Abs Rel  RMSE log  < 1.25  silent %   mIoU")
    for name, guess in (
        ("usual of a row", by_rows(known, meanings)),
        ("glance", by_network(told.weights, meanings, classes)),
    ):
        print(f"{name:15s} {scored(pictures, meanings, classes, guess)}")


if __name__ == "__main__":
    main()
