"""From what segmentation networks say, masks by query or scores by pixel, to segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.priors.segments.overlaps import PixelSegments, Segment, flattened

if TYPE_CHECKING:
    from torch import Tensor

_OWN = 0.8
"""Of its mask, a segment keeps at least this share against others, or it is a leftover of theirs (Mask2Former)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which class each label means: ``class_ids`` by label, UNKNOWN for none."""

    taxonomy: Taxonomy
    class_ids: tuple[int, ...]

    def gathered(self, labels: Tensor, dim: int) -> Tensor:
        """``labels``, with the probability of each label along ``dim``, as those of the classes and, last, of no class.

        Labels that mean one class are one: neither need be likely by itself.
        """
        import torch

        # A product of matrices, because sums at indices go in another order each time on a GPU.
        classes = len(self.taxonomy.classes)
        means = labels.new_zeros((len(self.class_ids), classes + 1))
        for label, class_id in enumerate(self.class_ids):
            means[label, classes if class_id == UNKNOWN else class_id] = 1
        return torch.tensordot(labels.movedim(dim, -1), means, dims=1).movedim(-1, dim)


def panoptic(
    queries: Tensor, masks: Tensor, read: Callable[[Tensor], Tensor], threshold: float, meaning: Meaning
) -> PixelSegments:
    """Panoptic inference of Mask2Former (Cheng et al. 2022), which OneFormer and EoMT share.

    ``queries`` [q, labels + 1]: scores before softmax, last of nothing at all; ``masks`` [q, h, w]: before the sigmoid;
    ``read`` takes some of them to the pixels that are asked for, [., v, u].

    Queries that most likely show nothing, or a class by less than ``threshold``, are left out. A pixel is of the query
    with the highest product of class and mask probability, if it is more likely than not in its mask. What loses more
    than a fifth of its mask to others is left out.
    """
    import torch

    every = queries.float().softmax(dim=-1)
    classes = meaning.gathered(every[:, :-1], dim=1)
    likelihood, which = torch.cat([classes, every[:, -1:]], dim=1).max(dim=1)
    kept = (which < classes.shape[1]) & (likelihood > threshold)
    likelihood, which, inside = likelihood[kept], which[kept], read(masks[kept]).float().sigmoid()
    shape = (inside.shape[-2], inside.shape[-1])
    if not len(which):
        return flattened([], shape, meaning.taxonomy)
    winner = (likelihood[:, None, None] * inside).argmax(dim=0)
    segments = []
    for index, (class_id, score) in enumerate(zip(which.tolist(), likelihood.tolist(), strict=True)):
        mask = inside[index] >= 0.5
        own = mask & (winner == index)
        if class_id == len(meaning.taxonomy.classes) or int((winner == index).sum()) <= _OWN * int(mask.sum()):
            continue
        segments.append(Segment(own.cpu().numpy(), class_id, min(score, 1.0)))
    return flattened(segments, shape, meaning.taxonomy)


def by_pixel(queries: Tensor, masks: Tensor) -> Tensor:
    """[labels, v, u]: how much each label speaks for a pixel, the sum of class times mask probability over the queries
    (semantic inference of MaskFormer, Cheng et al. 2021); ``queries`` as for ``panoptic``, ``masks`` [q, v, u]."""
    import torch

    likelihood = queries.float().softmax(dim=-1)[:, :-1]
    return torch.einsum("ql,qvu->lvu", likelihood, masks.float().sigmoid())


def semantic(labels: Tensor, meaning: Meaning) -> PixelSegments:
    """The likeliest class of each pixel, no class among them; ``labels`` [labels, v, u], 0 or more. No instances."""
    score, which = meaning.gathered(labels, dim=0).max(dim=0)
    found = which.cpu().numpy().astype(np.uint8)
    scores: NDArray[np.uint8] = np.rint(score.clamp(0, 1).cpu().numpy() * 255).astype(np.uint8)
    silent = found == len(meaning.taxonomy.classes)
    found[silent], scores[silent] = UNKNOWN, 0
    return PixelSegments(found, np.zeros(found.shape, np.uint16), scores)
