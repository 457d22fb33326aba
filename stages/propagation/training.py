"""Training of DualFlow4D on the labels of an onboard model: what a step is, how held-out windows are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.words import counted
from occlabel.stages.learning.fitting import Sample, best_biases, best_temperature, picked, scores_of, strides_of
from occlabel.stages.learning.halfway import meet_halfway
from occlabel.stages.learning.objective import THINNING, Objective
from occlabel.stages.learning.purpose import said
from occlabel.stages.learning.rarity import LOOKED_AT, Sought
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_weights, save_weights
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.encoder import SCALE
from occlabel.stages.propagation.head import Surroundings
from occlabel.stages.propagation.options import Options
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.refine import Refiner
from occlabel.stages.propagation.samples import Crops, Labelled, Views, views
from occlabel.stages.propagation.sequence import kinds
from occlabel.stages.propagation.weight_file import check, facts_of

_BIAS = 1.5
"""Most that calibration adds to the score of a class. On other towns more did worse."""


def check_options(options: Options, space: LabelSpace) -> None:
    """Raises OcclabelError when crops are not whole cells of the encoder or too small, BadWeights when ``start`` does
    not fit."""
    if options.crop < SCALE or options.crop % SCALE:
        raise OcclabelError(f"a crop of {options.crop} columns is no multiple of {SCALE}, the encoder's coarsest cell")
    if options.crop == SCALE and options.batch * (options.local + options.references) < 2:
        raise OcclabelError(
            f"a crop of {SCALE} columns of one frame is one cell, and one alone has no mean that it could be held "
            "against: give a larger --crop, --batch, --local or --references"
        )
    if options.start is not None:
        parts, wanted = said(options.start, check(options.start, space), "parts", Parts), options.parts
        if parts.layers != wanted.layers:
            raise BadWeights(f"{options.start} holds a network with the {parts}, the training asks for {wanted}")


class PropagationTask(lightning.LightningModule):
    """Cross entropy plus Lovász-softmax over the refined frames of a window (equation 13)."""

    def __init__(self, network: DualFlow4D, seen: Views, objective: Objective, free_id: int, rate: float) -> None:
        super().__init__()
        self.network = network
        self.seen = seen
        self.free_id = free_id
        self.rate = rate
        self.objective = objective
        self.confusion = torch.zeros(2, seen.classes, seen.classes, dtype=torch.int64)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        scores, target = self.scored(batch)
        losses: dict[str, Tensor] = self.objective(scores, target)
        self.log_dict({name: loss.detach() for name, loss in losses.items()}, prog_bar=True)
        return torch.stack(list(losses.values())).sum()

    def scored(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Scores [n, classes] and truth [n] of the voxels of a batch that are learned from."""
        network, classes = self.network, self.seen.classes
        labels, confidence = batch["labels"], batch["confidence"]
        n, time = labels.shape[:2]
        refined = batch["cells"].shape[1]
        levels = network.encode(*kinds(labels.flatten(0, 1), confidence.flatten(0, 1), classes))
        features = levels[-1].unflatten(0, (n, time))
        propagated = network.propagate(features, batch["coordinates"], batch["times"])[:, :refined].flatten(0, 1)
        own = [level.unflatten(0, (n, time))[:, :refined].flatten(0, 1) for level in levels]
        columns = network.head.columns(own, propagated).flatten(1, 2)  # [n * refined, blocks, features]
        cells = batch["cells"].flatten(0, 1)
        columns = columns.gather(1, cells[..., None].expand(-1, -1, columns.shape[2])).flatten(0, 1)[:, None, None]
        around = Surroundings(batch["around"].flatten(0, 2), batch["sure"].flatten(0, 2))
        scores, chosen = network.head.scores(columns, around)
        target = batch["target"].flatten()[chosen]
        known = torch.nonzero(target != UNKNOWN)[:, 0]
        return scores.float().index_select(0, known), target[known]

    def on_validation_epoch_start(self) -> None:
        self.confusion.zero_()

    def validation_step(self, batch: Tensor, index: int) -> None:
        refiner = Refiner(self.network, self.device.type)
        glimpse = self.seen.glimpse(int(batch))
        frame = glimpse.pivot
        truth = torch.from_numpy(self.seen.truth(int(batch), frame)).flatten().long()
        refined, _ = refiner.refine(glimpse, frame, refiner.look(glimpse, frame))
        for row, labels in enumerate((glimpse.labels[frame], refined)):
            found = torch.from_numpy(labels).flatten().long()
            scored = (truth != UNKNOWN) & (found < glimpse.classes)
            pairs = truth[scored] * glimpse.classes + found[scored]
            counts = torch.bincount(pairs, minlength=glimpse.classes**2)
            self.confusion[row] += counts.reshape(glimpse.classes, glimpse.classes)

    def on_validation_epoch_end(self) -> None:
        (iou_before, miou_before), (iou, miou) = (scores_of(part, self.free_id) for part in self.confusion)
        self.log_dict({"val_iou": iou, "val_miou": miou}, prog_bar=True)
        self.log_dict({"onboard_iou": iou_before, "onboard_miou": miou_before}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.98)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}


def train_propagation(
    space: LabelSpace, logs: Sequence[Labelled], out: Path, options: Options, facts: dict[str, str],
    also_held_out: Sequence[Labelled] = (),
) -> dict[str, str]:  # fmt: skip
    """Trains a network for ``space`` on onboard labels of ``logs`` and writes it to ``out``; returns the file's facts.

    Every ``held_out_every``-th log is held out, or the last of a few, and ``also_held_out``. ``facts`` say what else
    the file shall tell. Raises BadLog when the logs hold too few whole windows.
    """
    tenth = logs[options.held_out_every - 1 :: options.held_out_every] or logs[1:][-1:]
    learned = [log for log in logs if all(log is not other for other in tenth)]
    held_out = [*tenth, *also_held_out]
    classes, free_id = len(space.taxonomy.classes), space.taxonomy.free_id
    seen, apart = (views(part, space.grid, classes, options.reach) for part in (learned, held_out))
    if not seen.windows or not apart.windows:
        raise BadLog(
            f"{counted(len(learned), 'log')} to learn from and {len(held_out)} held out have {len(seen.windows)} and "
            f"{len(apart.windows)} windows, and some of both are needed: a window needs "
            f"{options.reach.local + options.reach.references} frames with poses on some "
            f"{2 * options.reach.distance:g} m of way; give more or longer logs"
        )
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = DualFlow4D(space.grid.shape[2], classes, free_id, options.parts)
    if options.start is not None:
        load_weights(network, options.start)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    census = _census(seen, EvenlySpread(len(seen.windows), LOOKED_AT).chosen)
    objective = Objective(torch.from_numpy(census.sum(axis=0)[:classes]), free_id)
    task = PropagationTask(network, apart, objective, free_id, options.rate)
    sought = Sought.of(census, classes, free_id)
    samples = Crops(seen, options.crop, options.patches, free_id, THINNING, sought, options.seed)
    windows = EvenlySpread(len(apart.windows), options.held_out_windows)
    fit(task, samples, windows, options, out.with_suffix(".training"))
    network.cpu().eval()
    if options.halfway:
        meet_halfway(network, before)
    temperature = calibrate(network, apart, EvenlySpread(len(apart.windows), options.calibration_windows), free_id)
    facts = facts_of(space, options.parts, options.reach) | facts | {
        "temperature": f"{temperature:.4f}",
        "seed": str(options.seed),
        **({"start": named_with_digest(options.start)} if options.start else {}),
    }  # fmt: skip
    save_weights(out, {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}, facts)
    return facts


@torch.no_grad()
def calibrate(network: DualFlow4D, seen: Views, windows: EvenlySpread, free_id: int) -> float:
    """Adds to the network's biases what makes the mean IoU of held-out windows highest; returns the temperature."""
    refiner = Refiner(network, "cpu")
    strides = strides_of(_census(seen, windows.chosen).sum(axis=0)[: seen.classes])
    parts = []
    for n, number in enumerate(windows.chosen):
        scores, truth = _in_question(refiner, seen, number)
        which = picked(truth, strides, n)
        odd = torch.full((len(which),), seen.windows[number][0] % 2 == 1)
        parts.append((scores[which], truth[which], odd))
    scores, targets, odd = (torch.cat(part) for part in zip(*parts, strict=True))
    sample = Sample(scores, targets, strides)
    one_log = bool(odd.all()) or not bool(odd.any())
    biases = best_biases(sample, free_id) if one_log else best_biases(sample, free_id, odd, _BIAS)
    network.head.classify.bias.add_(biases)
    return best_temperature(replace(sample, scores=sample.scores + biases))


def _in_question(refiner: Refiner, seen: Views, number: int) -> tuple[Tensor, Tensor]:
    """Scores [n, classes] and truth [n] of the voxels of a window's pivot that the network decides."""
    glimpse = seen.glimpse(number)
    truth = torch.from_numpy(seen.truth(number, glimpse.pivot))
    scores, truths = [], []
    for rows, part, chosen in refiner.scores(glimpse, glimpse.pivot, refiner.look(glimpse, glimpse.pivot)):
        scores.append(part)
        truths.append(truth[rows].flatten()[chosen].long())
    return torch.cat(scores), torch.cat(truths)


def _census(seen: Views, numbers: Sequence[int]) -> NDArray[np.int64]:
    """Voxels by class id [windows, 256] in the truth of the pivots of some windows; none in the others."""
    census = np.zeros((len(seen.windows), 256), np.int64)
    for number in numbers:
        pivot = len(seen.windows[number][1].local) // 2
        census[number] = np.bincount(seen.truth(number, pivot).ravel(), minlength=256)
    return census
