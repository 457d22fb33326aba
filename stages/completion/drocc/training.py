"""Training of Dr.Occ on logs whose voxels and depth are known: what a step is, how held-out frames are scored.

The paper names no loss. As the networks it builds on: cross entropy where a camera sees (BEVDet), scene-class
affinities and Lovász-softmax (FB-OCC), each with weight 1, and cross entropy of the depth of pixels with weight 0.05
(BEVDet).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.drocc.image_encoder import GlanceEncoder, Memory
from occlabel.stages.completion.drocc.network import DrOcc, Views
from occlabel.stages.completion.drocc.options import Options
from occlabel.stages.completion.drocc.parts import Experts, Parts
from occlabel.stages.completion.drocc.samples import Drive, Lesson, Samples, Scenes
from occlabel.stages.completion.drocc.weight_file import check, facts_of, load_network
from occlabel.stages.learning.fitting import Sample, best_temperature, picked, scores_of, strides_of
from occlabel.stages.learning.losses import geometric_affinity, semantic_affinity
from occlabel.stages.learning.objective import THINNING, Objective
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_part, save_weights

_DEPTH = 0.05
_COUNTED = 1000
"""Frames by which it is known how frequent classes are: a class that is in none of them would not be learned."""


def check_options(options: Options, space: LabelSpace) -> None:
    """Raises BadWeights when ``start`` is no such network as the options ask for, nor one without some of its parts."""
    if options.start is None:
        return
    parts, sizes, _ = check(options.start, space)
    if sizes != options.sizes or parts not in (options.parts, *_simpler(options.parts)):
        raise BadWeights(
            f"{options.start} holds a network with the {parts} and {sizes}, the training asks for {options.parts} and "
            f"{options.sizes}"
        )


def _simpler(parts: Parts) -> list[Parts]:
    """Networks whose layers are among those of one with ``parts``; where features are put is no layer."""
    refined = (False, parts.refined)
    experts: tuple[Experts, ...] = ("none", parts.experts)
    return [Parts(*one) for one in product(refined, experts, (False, True))]


def begun_with(space: LabelSpace, options: Options) -> DrOcc:
    """A network of ``options.start``, or of nothing but the seed and ``options.trunk``; parts that the start lacks are
    of the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = DrOcc(space, options.parts, options.sizes)
    if isinstance(network.encoder, GlanceEncoder) and options.trunk is not None:
        load_part(network.encoder.trunk, options.trunk)
    if options.start is not None:
        start, _ = load_network(options.start, space)
        network.load_state_dict(start.state_dict(), strict=False)
    return network


class DrOccTask(lightning.LightningModule):
    """AdamW and a one-cycle cosine; the weight decay is the paper's."""

    def __init__(self, network: DrOcc, held_out: Scenes, counts: Tensor, free_id: int, schedule: tuple[float, int]):
        """``counts`` [classes]: voxels of each class in the logs; ``schedule``: highest rate, and steps."""
        super().__init__()
        self.network, self.held_out, self.free_id = network, held_out, free_id
        self.rate, self.steps = schedule
        self.objective = Objective(counts, free_id)
        self.confusion = torch.zeros(len(counts), len(counts), dtype=torch.int64)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        each = [self.losses({name: part[n] for name, part in batch.items()}) for n in range(len(batch["target"]))]
        losses = {name: torch.stack([one[name] for one in each]).mean() for name in each[0]}
        self.log_dict({name: loss.detach() for name, loss in losses.items()}, prog_bar=True)
        return torch.stack(list(losses.values())).sum()

    def losses(self, sample: dict[str, Tensor]) -> dict[str, Tensor]:
        """By name, of one frame."""
        told = self.network(Views(*(sample[name] for name in Views._fields)))
        known = sample["target"] != UNKNOWN
        target = sample["target"][known]
        scores = self.network.decoder.scores(told.decoded, sample["voxels"][known])
        likely, stands_for = scores.softmax(dim=1), self.objective.get_buffer("stands_for")
        return {
            **self.objective(scores, target),
            "semantic": semantic_affinity(likely, target, stands_for),
            "geometric": geometric_affinity(likely, target, self.free_id, stands_for),
            "depth": _DEPTH * depth_loss(told.depth, sample["depth_bins"][sample["there"][0]]),
        }

    def on_validation_epoch_start(self) -> None:
        self.confusion.zero_()

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.confusion += _confusion(*in_question(self.network, self.held_out, int(batch)))

    def on_validation_epoch_end(self) -> None:
        iou, miou = scores_of(self.confusion, self.free_id)
        self.log_dict({"val_iou": iou, "val_miou": miou}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, total_steps=self.steps + 1, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def depth_loss(scores: Tensor, bins: Tensor) -> Tensor:
    """Cross entropy of ``scores`` [n, bins, h, w] against ``bins`` [n, h, w]; 0 where all are -1."""
    if not bool((bins >= 0).any()):
        return scores.sum() * 0
    return functional.cross_entropy(scores, bins, ignore_index=-1)


@torch.no_grad()
def in_question(network: DrOcc, scenes: Scenes, number: int) -> tuple[Tensor, Tensor]:
    """Scores [n, classes] and truth [n] int64 of the voxels of a frame that have truth."""
    device = network.get_buffer("references").device
    seen = scenes.seen(number)
    truth = seen.truth.flatten()
    voxels = torch.nonzero(truth != UNKNOWN)[:, 0]
    told = network(Views(*(part.to(device) for part in seen.views)))
    scores = [network.decoder.scores(told.decoded, part.to(device)).cpu() for part in voxels.split(1 << 16)]
    classes = network.decoder.classes
    return torch.cat([torch.zeros(0, classes), *scores]), truth[voxels].long()


def train_drocc(
    space: LabelSpace,
    lesson: Lesson,
    out: Path,
    options: Options,
    facts: Mapping[str, str] = MappingProxyType({}),
    memory: Memory | None = None,
) -> dict[str, str]:
    """Trains a network for ``space`` by the ``lesson`` and writes it to ``out``; returns the facts in the file.

    Checkpoints and curves lie in the folder ``out`` with the suffix ``.training``; ``facts`` say what else the file
    shall tell, and ``memory`` is that of a training before on the same images with the same trunk. Raises BadLog when
    nothing is to be learned from or held out.
    """
    seen, apart = (
        Scenes(tuple(some), space.grid, options.sizes, _cameras(some)) for some in (lesson.learned, lesson.held_out)
    )
    if not len(seen) or not len(apart):
        raise BadLog(
            f"{len(seen)} frames to learn from and {len(apart)} held out are too few: give two logs or more, as one in "
            f"{options.held_out_every} is held out, or others with --held-out"
        )
    free_id = space.taxonomy.free_id
    network = begun_with(space, options)
    if isinstance(network.encoder, GlanceEncoder):
        network.encoder.memory = memory or Memory()
    counts = torch.from_numpy(_counts(seen, EvenlySpread(len(seen), _COUNTED).chosen, len(space.taxonomy.classes)))
    task = DrOccTask(network, apart, counts, free_id, (options.rate, options.whole_steps))
    some = EvenlySpread(len(apart), options.held_out_frames)
    fit(task, Samples(seen, free_id, THINNING, options.seed), some, options, out.with_suffix(".training"))
    temperature, scores = judged(network.cpu().eval(), apart, free_id, options.scored_frames)
    told = facts_of(space, options.parts, options.sizes) | dict(lesson.facts) | dict(facts) | {
        "frames": str(len(seen)),
        "steps": str(options.whole_steps),
        "seed": str(options.seed),
        "temperature": f"{temperature:.4f}",
        "held_out": json.dumps(scores),
        **({"trunk": named_with_digest(options.trunk)} if options.trunk else {}),
        **({"start": named_with_digest(options.start)} if options.start else {}),
    }  # fmt: skip
    save_weights(out, {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}, told)
    return told


def judged(network: DrOcc, scenes: Scenes, free_id: int, frames: int) -> tuple[float, dict[str, float]]:
    """The temperature of the network's confidence, and what it scores on at most so many frames: IoU of occupied
    against free and mean IoU over the classes of the truth, where a camera sees."""
    classes = network.decoder.classes
    chosen, confusion = EvenlySpread(len(scenes), frames).chosen, torch.zeros(classes, classes, dtype=torch.int64)
    strides, parts = strides_of(_counts(scenes, chosen, classes)), []
    for n, number in enumerate(chosen):
        scores, truth = in_question(network, scenes, number)
        confusion += _confusion(scores, truth)
        which = picked(truth, strides, n)
        parts.append((scores[which], truth[which]))
    iou, miou = scores_of(confusion, free_id)
    found = {"iou": round(iou, 4), "miou": round(miou, 4), "frames": len(chosen)}
    scores, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    return best_temperature(Sample(scores, targets, strides)), found


def _confusion(scores: Tensor, truth: Tensor) -> Tensor:
    """[truth, predicted] in voxels."""
    classes = scores.shape[1]
    pairs = truth * classes + scores.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def _cameras(drives: Sequence[Drive]) -> int:
    return max((drive.cameras for drive in drives), default=0)


def _counts(scenes: Scenes, numbers: Sequence[int], classes: int) -> NDArray[np.int64]:
    """Voxels of each class [classes] in the truth of some frames."""
    total = np.zeros(256, np.int64)
    for number in numbers:
        total += np.bincount(scenes.truth(number).ravel(), minlength=256)
    return total[:classes]
