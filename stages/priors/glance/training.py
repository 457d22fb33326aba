"""Training of glance on pictures whose depth and segments are known exactly: what a step is, how it is scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.errors import BadLog
from occlabel.stages.learning.losses import class_weights
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import check_ready, fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_weights, save_weights
from occlabel.stages.priors.glance.network import Glance, Said
from occlabel.stages.priors.glance.options import Options
from occlabel.stages.priors.glance.pictures import NOT_LEARNED, Meanings, Picture
from occlabel.stages.priors.glance.samples import Crops, Whole
from occlabel.stages.priors.glance.weight_file import check, purpose

_COUNTED = 100
"""Pictures by which it is known how frequent classes are."""
_SPREAD = 0.2
"""Of the loss of depth, for how well its error is foretold."""


class GlanceTask(lightning.LightningModule):
    """Absolute error of the logarithm of inverse depth, how well that error is foretold, and cross entropy of the
    labels; AdamW, a one-cycle cosine."""

    def __init__(self, meanings: Meanings, counts: NDArray[np.int64], rate: float, steps: int) -> None:
        super().__init__()
        self.network = Glance()
        self.rate, self.steps, self.scored = rate, steps, meanings.scored
        self.register_buffer("table", torch.from_numpy(meanings.table).float(), persistent=False)
        self.register_buffer("weights", class_weights(torch.from_numpy(counts)), persistent=False)
        self.confusion = torch.zeros(len(counts), len(counts), dtype=torch.int64)
        self.errors: list[Tensor] = []

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        said: Said = self.network(batch["image"].contiguous(memory_format=torch.channels_last))
        losses = depth_losses(said, batch["inverse"]) | {"labels": self.label_loss(said.labels, batch["classes"])}
        self.log_dict({name: loss.detach() for name, loss in losses.items()}, prog_bar=True)
        return torch.stack(list(losses.values())).sum()

    def label_loss(self, scores: Tensor, rows: Tensor) -> Tensor:
        """Of ``scores`` [n, LABELS, v, u] against ``rows`` [n, v, u] of the table: minus the logarithm of how likely
        the labels are together that are right, weighed by class."""
        known = rows != NOT_LEARNED
        target = rows[known]
        likely = scores.movedim(1, -1)[known].float().softmax(dim=-1)
        right = (likely * self.get_buffer("table")[target]).sum(dim=-1)
        mass = self.get_buffer("weights")[target]
        loss: Tensor = -(right.clamp(min=1e-6).log() * mass).sum() / mass.sum().clamp(min=1e-6)
        return loss

    def on_validation_epoch_start(self) -> None:
        self.confusion.zero_()
        self.errors.clear()

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        said: Said = self.network(batch["image"].contiguous(memory_format=torch.channels_last))
        known = batch["inverse"].isfinite()
        if bool(known.any()):
            # The logarithms' difference is that of the depths: how many times too far it is.
            times = (batch["inverse"] - said.inverse)[known].exp()
            self.errors.append((times - 1).abs().mean().cpu())
        rows = batch["classes"].cpu()
        likely = torch.tensordot(said.labels.softmax(dim=1).cpu(), self.get_buffer("table").cpu().T, dims=([1], [0]))
        for classes in self.scored:
            inside = (rows >= classes.start) & (rows < classes.stop)
            truth = rows[inside]
            found = likely[inside][:, classes.start : classes.stop + 2].argmax(dim=1) + classes.start
            pairs = truth * len(self.confusion) + found
            self.confusion += torch.bincount(pairs, minlength=self.confusion.numel()).reshape_as(self.confusion)

    def on_validation_epoch_end(self) -> None:
        error = torch.stack(self.errors).mean() if self.errors else torch.tensor(torch.nan)
        self.log_dict({"val_abs_rel": error, "val_miou": mean_iou(self.confusion)}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=0.02, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, total_steps=self.steps + 1, pct_start=0.05)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def depth_losses(said: Said, inverse: Tensor) -> dict[str, Tensor]:
    """Of depth and of its spread, the second without a gradient to depth: what is hard is not to be learned less."""
    known = inverse.isfinite()
    if not bool(known.any()):
        return {"depth": said.inverse.sum() * 0, "spread": said.spread.sum() * 0}
    error, spread = (said.inverse - inverse)[known].abs(), said.spread[known]
    foretold = error.detach() * (-spread).exp() + spread
    return {"depth": error.mean(), "spread": _SPREAD * foretold.mean()}


def mean_iou(confusion: Tensor) -> Tensor:
    """Over the classes that the truth has; ``confusion`` [truth, predicted]."""
    hits = confusion.diag().double()
    union = confusion.sum(0) + confusion.sum(1) - hits
    present = confusion.sum(1) > 0
    return (hits[present] / union[present]).mean().float() if bool(present.any()) else torch.tensor(torch.nan)


def train_glance(
    learned: Sequence[Picture], held_out: Sequence[Picture], out: Path, options: Options, facts: dict[str, str]
) -> dict[str, str]:
    """Trains a network on the pictures and writes it to ``out``; returns the facts in the file.

    Checkpoints and curves lie in the folder ``out`` with the suffix ``.training``; ``facts`` say what else the file
    shall tell.

    Raises BadLog when nothing is to be learned from or held out, BadWeights when ``start`` is no such network.
    """
    if not learned or not held_out:
        raise BadLog(
            f"{len(learned)} images to learn from and {len(held_out)} held out are too few: give two logs or more, as "
            "one in ten is held out, or others with --held-out"
        )
    check_ready(out.with_suffix(".training"), options)
    if options.start is not None:
        check(options.start)
    meanings = Meanings([picture.taxonomy for picture in (*learned, *held_out)])
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        task = GlanceTask(meanings, _counts(learned, meanings), options.rate, options.whole_steps)
    if options.start is not None:
        load_weights(task.network, options.start)
    crops = Crops(learned, meanings, (options.height, options.width), options.seed)
    some = EvenlySpread(len(held_out), options.held_out_images).chosen
    fit(task, crops, Whole([held_out[n] for n in some], meanings), options, out.with_suffix(".training"))
    network = task.network.cpu().eval()
    facts = purpose() | facts | {
        "images": str(len(learned)),
        "steps": str(options.whole_steps),
        "seed": str(options.seed),
        **({"start": named_with_digest(options.start)} if options.start else {}),
    }  # fmt: skip
    save_weights(out, {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}, facts)
    return facts


def _counts(pictures: Sequence[Picture], meanings: Meanings) -> NDArray[np.int64]:
    """Pixels of each row of the table in some of the pictures."""
    total = np.zeros(len(meanings.table), np.int64)
    for number in EvenlySpread(len(pictures), _COUNTED).chosen:
        classes = pictures[number].read(meanings).classes
        total += np.bincount(classes[classes != NOT_LEARNED], minlength=len(total))
    return total
