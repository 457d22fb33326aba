"""The head on a CPU: the sums of ``head.py`` strip by strip, without the large arrays in between.

Looking up, embedding and gathering are memory traffic, which torch does in many passes over arrays that no cache
holds; here a voxel is looked up and embedded at once, and only what is in question is gathered. The matrix products
are torch's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.stages.propagation.head import BLOCK, LABEL, VOXEL, Head
from occlabel.stages.propagation.sequence import Glimpse

Floats = NDArray[np.float32]

_WIDTH = 2 * LABEL
_RUN = 3 * _WIDTH
"""Numbers of three voxels above each other."""
_PORTION = 4096
"""Voxels that are scored at once: enough that calls cost little, few enough that what is gathered stays near."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """What the frames of a window hold at the voxels of some rows of one of them, and one voxel around."""

    embedded: Floats
    """[rows + 2, Y + 2, Z + 2, numbers]: the frame's own label, and the sum over the others'."""
    something: NDArray[np.bool_]
    """[rows + 2, Y + 2, Z + 2]: whether any frame sees anything there."""


class HeadOnCpu:
    """The trained ``head`` at work; ``scores`` equals its own within rounding."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.own, self.others = (table.weight.detach().float().numpy() for table in (head.own, head.others))

    @torch.inference_mode()
    def scores(self, columns: Tensor, glimpse: Glimpse, frame: int, rows: slice) -> tuple[Tensor, Tensor]:
        """Class scores [n, classes] of the voxels in question in some ``rows`` of a frame, and which of [rows, Y, Z]
        those are.

        ``columns`` [1, rows / BLOCK, Y / BLOCK, features] belong to the rows.
        """
        strip = self._strip(glimpse, frame, rows)
        labels, confidence = (
            np.ascontiguousarray(volumes[frame, rows]).reshape(-1) for volumes in (glimpse.labels, glimpse.confidence)
        )
        asked = np.flatnonzero(in_question(strip.something, labels, glimpse.classes, self.head.unlabelled))
        chosen, known = torch.from_numpy(asked), labels[asked] < glimpse.classes
        kinds = torch.from_numpy(np.where(known, labels[asked], glimpse.classes).astype(np.int32))
        sure = torch.from_numpy(np.where(known, confidence[asked], 0).astype(np.float32) / np.float32(255))
        scores = self.head.onboard(kinds).mul_(sure[:, None])
        blocks = self.head.unfold(columns[0]).numpy()
        around, features = torch.empty(_PORTION, 9 * _RUN), torch.empty(_PORTION, VOXEL)
        for first in range(0, len(asked), _PORTION):
            portion = asked[first : first + _PORTION]
            n = len(portion)
            gather(strip.embedded, blocks, self.head.heights, portion, around.numpy(), features.numpy())
            scores[first : first + n] += self._classified(features[:n], around[:n])
        return scores, chosen

    def _classified(self, features: Tensor, around: Tensor) -> Tensor:
        hidden = features.addmm_(around, self.head.local.weight.T).add_(self.head.local.bias)
        result: Tensor = self.head.classify(self.head.mix(hidden))
        return result

    def _strip(self, glimpse: Glimpse, frame: int, rows: slice) -> _Strip:
        _, y, z = glimpse.grid.shape
        shape = (rows.stop - rows.start + 2, y + 2, z + 2)
        strip = _Strip(np.zeros((*shape, 2 * self.own.shape[1]), np.float32), np.zeros(shape, np.bool_))
        order, maps = glimpse.maps(frame)
        tables, volumes = (self.own, self.others), (glimpse.labels, glimpse.confidence)
        embed(*volumes, order, maps, rows.start - 1, self.head.free_id, *tables, strip.embedded, strip.something)
        return strip


@numba.njit(cache=True, nogil=True)
def embed(labels, confidence, order, maps, first, free, own, others, embedded, something):  # type: ignore[no-untyped-def]
    """Fills a ``_Strip`` of zeros with its first row at ``first``.

    ``labels`` and ``confidence`` uint8 [T, X, Y, Z]; ``order`` int64 [n] picks the frames, the strip's own first, and
    ``maps`` [n, 3, 4] lead from the voxel index there to theirs; ``own`` and ``others`` [classes + 1, numbers] are the
    tables. The nearest voxel counts, as in ``coordinates.look_up``; one without a label of a class is worth nothing.
    """
    _, shape_x, shape_y, shape_z = labels.shape
    unknown, width = own.shape[0] - 1, own.shape[1]
    for dx in range(embedded.shape[0]):
        for dy in range(embedded.shape[1]):
            x, y = first + dx, dy - 1
            for n in range(len(order)):
                frame, map_ = order[n], maps[n]
                at_x = map_[0, 0] * x + map_[0, 1] * y + map_[0, 3] + 0.5
                at_y = map_[1, 0] * x + map_[1, 1] * y + map_[1, 3] + 0.5
                at_z = map_[2, 0] * x + map_[2, 1] * y + map_[2, 3] + 0.5
                table = own if n == 0 else others
                offset = 0 if n == 0 else width
                for z in range(shape_z):
                    i = int(np.floor(at_x + map_[0, 2] * z))
                    j = int(np.floor(at_y + map_[1, 2] * z))
                    k = int(np.floor(at_z + map_[2, 2] * z))
                    if 0 <= i < shape_x and 0 <= j < shape_y and 0 <= k < shape_z:
                        kind = labels[frame, i, j, k]
                        if kind < unknown:
                            weight = np.float32(confidence[frame, i, j, k]) / np.float32(255)
                            for c in range(width):
                                embedded[dx, dy, z + 1, offset + c] += table[kind, c] * weight
                            if kind != free:
                                something[dx, dy, z + 1] = True


@numba.njit(cache=True, nogil=True)
def in_question(something, labels, unknown, unlabelled):  # type: ignore[no-untyped-def]
    """Bool [rows * Y * Z]: voxels with a label, or all if ``unlabelled``, in or next to which ``something`` [rows + 2,
    Y + 2, Z + 2] is."""
    rows, y_end, z_end = something.shape[0] - 2, something.shape[1] - 2, something.shape[2] - 2
    result = np.zeros(rows * y_end * z_end, np.bool_)
    along = np.empty(z_end + 2, np.bool_)
    for x in range(rows):
        for y in range(y_end):
            along[:] = False
            for dx in range(3):
                for dy in range(3):
                    for z in range(z_end + 2):
                        along[z] |= something[x + dx, y + dy, z]
            start = (x * y_end + y) * z_end
            for z in range(z_end):
                near = along[z] | along[z + 1] | along[z + 2]
                result[start + z] = near and (unlabelled or labels[start + z] < unknown)
    return result


@numba.njit(cache=True, nogil=True)
def gather(embedded, blocks, heights, chosen, around, features):  # type: ignore[no-untyped-def]
    """Writes ``around`` [n, 27 * numbers] and the ``features`` [n, VOXEL] of the ``chosen`` of [rows, Y, Z].

    ``blocks`` [rows / BLOCK, Y / BLOCK, BLOCK * BLOCK * Z * VOXEL] hold the features of the columns' voxels.
    """
    _, y_wide, z_wide, _ = embedded.shape
    # Plain offsets and constant lengths: views, and loops of unknown length, cost more than the copies themselves.
    flat, flat_around = embedded.reshape(-1), around.reshape(-1)
    flat_blocks, flat_features = blocks.reshape(-1), features.reshape(-1)
    for n in range(len(chosen)):
        column, z = chosen[n] // heights, chosen[n] % heights
        x, y = column // (y_wide - 2), column % (y_wide - 2)
        first = ((x * y_wide + y) * z_wide + z) * _WIDTH
        for dx in range(3):
            for dy in range(3):
                source = flat[first + (dx * y_wide + dy) * z_wide * _WIDTH :]
                target = flat_around[(9 * n + 3 * dx + dy) * _RUN :]
                for c in range(_RUN):
                    target[c] = source[c]
        block = ((x // BLOCK * blocks.shape[1] + y // BLOCK) * BLOCK + x % BLOCK) * BLOCK + y % BLOCK
        source, target = flat_blocks[(block * heights + z) * VOXEL :], flat_features[n * VOXEL :]
        for c in range(VOXEL):
            target[c] = source[c]
