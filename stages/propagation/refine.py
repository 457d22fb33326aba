"""Refining frames with a trained network: each frame is encoded once, whatever the number of windows that see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.arrays import HIT
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Arrays
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.head import BLOCK, Surroundings
from occlabel.stages.propagation.head_on_cpu import HeadOnCpu
from occlabel.stages.propagation.sequence import Bytes, Glimpse, glimpse, kinds
from occlabel.stages.propagation.windows import Window

_STRIP = 16
"""Rows of columns that are scored at once: their scores stay in the cache of one core."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is made of the network's scores."""

    temperature: float = 1.0
    """By which scores are divided before the softmax."""
    gate: float = 0.0
    """A label is changed when the network is at least so many times as sure of its own as the onboard model was."""


class Refiner:
    """The network at work on one device."""

    def __init__(
        self, network: DualFlow4D, device: str, verdict: Verdict | None = None, layer_by_layer: bool = False
    ) -> None:
        """``layer_by_layer`` calls the head's own layers, which the CPU otherwise goes around."""
        self.network = network.to(device).eval()
        self.device = device
        self.verdict = verdict or Verdict()
        self.on_cpu = HeadOnCpu(network.head) if device == "cpu" and not layer_by_layer else None

    @torch.inference_mode()
    def encode(self, labels: Bytes, confidence: Bytes, classes: int) -> list[Tensor]:
        """The pyramid of one frame [1, width, X / 2 ** k, Y / 2 ** k] from its padded volumes [X, Y, Z]."""
        volumes = [torch.from_numpy(volume[None]).to(self.device) for volume in (labels, confidence)]
        with self._precision():
            levels: list[Tensor] = self.network.encode(*kinds(volumes[0], volumes[1], classes))
        return levels

    def look(self, glimpse: Glimpse, frame: int) -> Tensor:
        """Features of the columns of one frame of a window, of which nothing is encoded yet."""
        pairs = zip(glimpse.labels, glimpse.confidence, strict=True)
        return self.columns(glimpse, [self.encode(*pair, glimpse.classes) for pair in pairs], [frame])[0]

    @torch.inference_mode()
    def columns(self, glimpse: Glimpse, levels: Sequence[list[Tensor]], frames: Sequence[int]) -> list[Tensor]:
        """Features of the columns [1, X / BLOCK, Y / BLOCK, n] of ``frames`` of a window, of the pyramids of all."""
        coordinates = torch.from_numpy(glimpse.coordinates())[None].to(self.device)
        times = torch.from_numpy(glimpse.moments())[None].to(self.device)
        with self._precision():
            features = torch.stack([level[-1] for level in levels], dim=1)
            propagated = self.network.propagate(features, coordinates, times)
            return [self.network.head.columns(levels[n], propagated[:, n]) for n in frames]

    @torch.inference_mode()
    def scores(self, glimpse: Glimpse, frame: int, columns: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Strip by strip of one frame: its rows, class scores [n, classes] of the voxels that are in question, and
        which of the strip's [rows, Y, Z] those are."""
        rows = glimpse.grid.shape[0]
        for first in range(0, rows, _STRIP):
            strip = slice(first, min(first + _STRIP, rows))
            features = columns[:, strip.start // BLOCK : strip.stop // BLOCK]
            with self._precision():
                yield strip, *self._scores(features, glimpse, frame, strip)

    def _scores(self, columns: Tensor, glimpse: Glimpse, frame: int, rows: slice) -> tuple[Tensor, Tensor]:
        if self.on_cpu is not None:
            return self.on_cpu.scores(columns, glimpse, frame, rows)
        size = (rows.stop - rows.start, glimpse.grid.shape[1])
        found = glimpse.around(frame, np.array([[rows.start, 0]]), size)
        around = Surroundings(*(torch.from_numpy(part).to(self.device) for part in found))
        scores, chosen = self.network.head.scores(columns, around)
        return scores.float(), chosen

    def refine(self, glimpse: Glimpse, frame: int, columns: Tensor) -> tuple[Bytes, Bytes]:
        """Semantics and confidence [X, Y, Z] of one frame; where its onboard label is UNKNOWN it stays so, but for a
        network that decides what is not labelled (``Parts``)."""
        semantics, confidence = glimpse.labels[frame].copy(), glimpse.confidence[frame].copy()
        for rows, scores, chosen in self.scores(glimpse, frame, columns):
            at = chosen.cpu().numpy()
            label, sure = semantics[rows].reshape(-1), confidence[rows].reshape(-1)  # views of whole rows
            label[at], sure[at] = self._decide(scores, label[at], sure[at])
        return semantics, confidence

    @torch.inference_mode()
    def _decide(self, scores: Tensor, labels: Bytes, sure: Bytes) -> tuple[Bytes, Bytes]:
        """Labels and confidence [n] of voxels from their scores [n, classes] and their onboard labels [n]."""
        # Classes first: the maximum over 20 classes is then taken along contiguous memory.
        scores = scores.T.clone(memory_format=torch.contiguous_format).div_(self.verdict.temperature)
        best, label = scores.max(dim=0)
        shares = scores.sub_(best).exp_()  # in place: fresh memory of this size costs more than the sums
        total = shares.sum(dim=0)
        probability = 1 / total
        if self.verdict.gate > 0:
            before = torch.from_numpy(labels).to(scores.device).long()
            labelled = before < len(scores)
            onboard = torch.from_numpy(sure).to(scores.device).float() / 255
            keep = labelled & (probability < self.verdict.gate * onboard)
            before = before.where(labelled, label)
            label = torch.where(keep, before, label)
            probability = torch.where(keep, shares.gather(0, before[None])[0] / total, probability)
        return _bytes(label), _bytes((probability * 255).round())

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu")


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    return values.to(torch.uint8).cpu().numpy()


@dataclass(frozen=True, slots=True)
class Onboard:
    """What the onboard model said of some frames, and where and when they were."""

    labels: Bytes
    """[frame, X, Y, Z], as the next."""
    confidence: Bytes
    poses: Sequence[Matrix | None]
    """``world_from_grid`` of each."""
    times: Sequence[float]


def refine_rows(
    refiner: Refiner, windows: Sequence[Window], rows: slice, onboard: Onboard, grid: Grid, classes: int
) -> Arrays:
    """Semantics and confidence [row, X, Y, Z] of the ``rows`` of ``onboard``, by their windows."""
    pyramids: dict[int, list[Tensor]] = {}
    labels, confidence = onboard.labels, onboard.confidence
    semantics, sure = labels[rows].copy(), confidence[rows].copy()
    x, y = grid.shape[:2]
    for window in windows:
        seen = glimpse(window, labels, confidence, onboard.poses, onboard.times, grid, classes)
        for number, row in enumerate(window.frames):
            if row not in pyramids:
                pyramids[row] = refiner.encode(seen.labels[number], seen.confidence[number], classes)
        own = [number for number, row in enumerate(window.local) if rows.start <= row < rows.stop]
        columns = refiner.columns(seen, [pyramids[row] for row in window.frames], own)
        for number, features in zip(own, columns, strict=True):
            found = refiner.refine(seen, number, features)
            row = window.local[number] - rows.start
            semantics[row], sure[row] = (volume[:x, :y] for volume in found)
    return {"semantics": semantics, "confidence": sure}


def keep_hits(found: Arrays, before: Arrays, observed: Bytes, free: int) -> None:
    """Puts back, in place, the labels from ``before`` where the network made ``free`` of what a frame's own sweep hit.

    Semantics and confidence [row, X, Y, Z] in both, ``observed`` [row, X, Y, Z].
    """
    lost = (observed == HIT) & (found["semantics"] == free) & (before["semantics"] != free)
    for name, array in found.items():
        array[lost] = before[name][lost]
