"""Training of the built-in network: what a step is, how held-out frames are scored, and what goes into the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor

from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.scan_facts import beam_count
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.fitting import calibrate
from occlabel.stages.completion.labelled import Labelled, split_by_log
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import Options
from occlabel.stages.completion.samples import Crops, Draft, WholeFrames
from occlabel.stages.completion.trained import weight_facts
from occlabel.stages.completion.widened import begin_with
from occlabel.stages.learning.fitting import scores_of
from occlabel.stages.learning.objective import THINNING, Objective
from occlabel.stages.learning.rarity import rarity
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import save_weights


class CompletionTask(lightning.LightningModule):
    """Cross entropy with mild class weights plus Lovász-softmax, AdamW, a one-cycle cosine."""

    def __init__(self, network: LMSCNet, objective: Objective, rate: float, steps: int) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.rate = rate
        self.steps = steps
        self.confusion = torch.zeros(network.classes, network.classes, dtype=torch.int64)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        volume = batch["volume"].contiguous(memory_format=torch.channels_last)
        columns = self.network.columns(volume).permute(0, 2, 3, 1)
        cells = torch.arange(len(volume), device=volume.device)[:, None] * columns[0, ..., 0].numel() + batch["cells"]
        cells = cells.flatten()
        near = self.network.surroundings(self.network.voxels(volume), cells)
        features = self.network.features(columns.flatten(0, 2).index_select(0, cells), near)
        target = batch["target"].flatten()
        decided = (target == self.network.free_id) & self.network.hits(near).flatten()  # and not by the network
        scored = torch.nonzero((target != UNKNOWN) & ~decided)[:, 0]
        features = features.flatten(0, 1).index_select(0, scored)
        scores = self.network.classify(self.network.mix(features)).float()
        target = target[scored]
        losses: dict[str, Tensor] = self.objective(scores, target)
        self.log_dict({name: loss.detach() for name, loss in losses.items()}, prog_bar=True)
        return torch.stack(list(losses.values())).sum()

    def on_validation_epoch_start(self) -> None:
        self.confusion.zero_()

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        predicted = self.network(batch["volume"].contiguous(memory_format=torch.channels_last)).argmax(dim=-1)
        scored = batch["truth"] != UNKNOWN
        pairs = batch["truth"][scored].long() * self.network.classes + predicted[scored]
        self.confusion += torch.bincount(pairs, minlength=self.confusion.numel()).reshape_as(self.confusion).cpu()

    def on_validation_epoch_end(self) -> None:
        iou, miou = scores_of(self.confusion, self.network.free_id)
        self.log_dict({"val_iou": iou, "val_miou": miou}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=0.02, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, total_steps=self.steps + 1, pct_start=0.05)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_completion(space: LabelSpace, reader: LogReader, out: Path, options: Options, command: str) -> dict[str, str]:
    """Trains a network for ``space`` on the reader's logs and writes it to ``out``; returns the facts in the file.

    Checkpoints and curves lie in the folder ``out`` with the suffix ``.training``. Raises BadLog when the logs hold
    too little truth.
    """
    learned, held_out, logs = split_by_log(reader, space, options.held_out_every)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id)
    counts = _counts(learned, network.classes)
    if options.start is None:
        with torch.no_grad():  # starting from how frequent the classes are saves the first hundred steps
            network.classify.bias.copy_(torch.log((counts + 1) / (counts + 1).sum()))
    else:
        begin_with(network, options.start, space)
    task = CompletionTask(network, Objective(counts, space.taxonomy.free_id), options.rate, options.whole_steps)
    draft = Draft(
        crop=options.crop,
        columns=options.voxels // (network.fold**2 * network.heights),
        sweeps=options.sweeps,
        thinning=THINNING,
        rarity=rarity(counts.numpy(), space.taxonomy.free_id),
        seed=options.seed,
    )
    frames = WholeFrames(held_out, options.held_out_frames, options.sweeps)
    fit(task, Crops(learned, draft), frames, options, out.with_suffix(".training"))
    network.cpu().eval()
    temperature = calibrate(network, WholeFrames(held_out, options.calibration_frames, options.sweeps))
    facts = weight_facts(space) | {
        "temperature": f"{temperature:.4f}",
        "seed": str(options.seed),
        "sweeps": str(options.sweeps),
        "command": command,
        **({"start": named_with_digest(options.start)} if options.start else {}),
        "logs": _provenance(log.text for log in logs),
        **_beams(learned),
    }
    tensors = {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}
    save_weights(out, tensors, facts)
    return facts


def _counts(labelled: Labelled, classes: int) -> Tensor:
    """Voxels of each class over at most 100 frames, evenly spread."""
    chosen = np.linspace(0, len(labelled.frames) - 1, min(100, len(labelled.frames))).astype(int)
    counts = sum(np.bincount(labelled.truth(int(i)).ravel(), minlength=256)[:classes] for i in chosen)
    return torch.from_numpy(np.asarray(counts) * (len(labelled.frames) / len(chosen)))


def _beams(labelled: Labelled) -> dict[str, str]:
    """How many beams the LiDAR has, by the first scan that shows it; nothing where none does."""
    scans = (labelled.reader.points(frame.sweep) for frame in labelled.frames[:10] if frame.sweep is not None)
    count = next((found for points in scans if (found := beam_count(points)) is not None), None)
    return {} if count is None else {"beams": str(count)}


def _provenance(digests: Iterable[str]) -> str:
    digests = list(digests)
    return f"{len(digests)} logs, digest {hashlib.blake2b(chr(10).join(digests).encode(), digest_size=12).hexdigest()}"
