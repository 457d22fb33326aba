"""Training of the built-in network: what a step is, how held-out frames are scored, and what goes into the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from occlabel.schemas.drive_log import LogReader
from occlabel.schemas.errors import BadLog, BadRecipe, BadWeights
from occlabel.schemas.scan_facts import beam_count
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.fitting import calibrate, temperature_at_hits
from occlabel.stages.completion.labelled import Images, Labelled, Split, split_by_log, split_few
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import SHIPPED, Options
from occlabel.stages.completion.point_teacher import PointTeacher
from occlabel.stages.completion.prediction import predictor
from occlabel.stages.completion.remembered import Remembered
from occlabel.stages.completion.samples import Crops, Draft, WholeFrames
from occlabel.stages.completion.teacher import FULL, Lesson
from occlabel.stages.completion.weight_file import network_of, shipped_weights, weight_facts
from occlabel.stages.completion.widened import begin_with
from occlabel.stages.learning.fitting import scores_of
from occlabel.stages.learning.halfway import meet_halfway
from occlabel.stages.learning.objective import THINNING, Objective
from occlabel.stages.learning.purpose import temperature_of
from occlabel.stages.learning.rarity import LOOKED_AT, Sought
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest, provenance, read_facts
from occlabel.stages.learning.weights import save_weights

TRAINING = 2
"""Raised when the same options and lessons give other weights."""

_SCANS = 15
"""By which the beams of a training's LiDARs are counted."""

_ENOUGH = 24
"""Held-out frames by which biases are fitted that were fitted once already: six, of one log, cost 1.4 points of mIoU on
others."""


class CompletionTask(lightning.LightningModule):
    """The sum of the losses of an objective, AdamW, a one-cycle cosine."""

    def __init__(self, network: LMSCNet, objective: Objective, rate: float, steps: int, settled: bool = False) -> None:
        """``settled``: normalisation statistics stay what they are."""
        super().__init__()
        self.network = network
        self.settled = settled
        self.objective = objective
        self.rate = rate
        self.steps = steps
        self.confusion = torch.zeros(network.classes, network.classes, dtype=torch.int64)
        self.train()

    def train(self, mode: bool = True) -> CompletionTask:
        super().train(mode)
        if self.settled:
            for layer in self.network.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        return self

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        volume = batch["volume"].contiguous(memory_format=torch.channels_last)
        columns = self.network.columns(volume).permute(0, 2, 3, 1)
        cells = torch.arange(len(volume), device=volume.device)[:, None] * columns[0, ..., 0].numel() + batch["cells"]
        cells = cells.flatten()
        near = self.network.surroundings(self.network.voxels(volume), cells)
        columns = columns.flatten(0, 2).index_select(0, cells)
        target = batch["target"].flatten()
        decided = (target == self.network.free_id) & self.network.hits(near).flatten()  # and not by the network
        known = (target != UNKNOWN) & ~decided
        if self.network.paint is not None:  # which says nothing about where something is
            known &= target != self.network.free_id
        if "trust" in batch:
            known &= batch["trust"].flatten() > 0
        scored = torch.nonzero(known)[:, 0]
        scores = self.network.some_scores(columns, near, scored)
        target = target[scored]
        trust = batch["trust"].flatten()[scored] if "trust" in batch else None
        believed = batch["believed"][:, None, None].expand_as(batch["target"]).flatten()[scored]
        losses: dict[str, Tensor] = self.objective(scores, target, trust, believed)
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
        learned = [value for value in self.network.parameters() if value.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=self.rate, weight_decay=0.02, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, total_steps=self.steps + 1, pct_start=0.05)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_completion(
    space: LabelSpace, reader: LogReader, out: Path, options: Options, command: str, images: Images | None = None
) -> dict[str, str]:
    """Trains a network for ``space`` on the truth of the reader's logs and writes it to ``out``; returns the facts in
    the file. Where ``images`` say what they see, what they add to the network of ``options.start`` is learned, and it
    alone.

    Checkpoints and curves lie in the folder ``out`` with the suffix ``.training``. Raises BadLog when the logs hold
    too little truth, BadRecipe when nobody says what its classes are in ``space``.
    """
    if options.truth == "voxels":
        learned, held_out, logs = split_by_log(reader, space, options.held_out_every)
        refuse_nothing(learned, "see what its truth scores (occlabel logs show)")
        split = Split(learned, held_out, tuple(logs))
        return teach(split if images is None else split.shown(images), out, options, {"command": command})
    assert options.truth == "points"  # without truth there is a recipe, which stages do not know
    split = split_few(reader, space, options.held_out_every, PointTeacher(reader, space))
    split = split if images is None else split.shown(images)
    refuse_nothing(split.learned, "label points nearer to the car, or see whether the labels are those of the scans")
    split = replace(split, learned=recalling(split.learned, options))
    return teach(split, out, options, {"command": command})


def teach(split: Split, out: Path, options: Options, told: dict[str, str]) -> dict[str, str]:
    """Trains a network on what was ``split`` and writes it to ``out``; returns the facts in the file; what was ``told``
    of them counts."""
    learned, held_out, space = split.learned, split.held_out, split.learned.space
    painted = learned.painted_classes > 0
    start = start_of(options, space)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id, painted)
    census = _census(learned)
    counts = torch.from_numpy(census.sum(axis=0)[: network.classes])
    if start is None:
        with torch.no_grad():  # starting from how frequent the classes are saves the first hundred steps
            network.classify.bias.copy_(torch.log((counts + 1) / (counts + 1).sum()))
    else:
        begin_with(network, start, space)
    if network.paint is not None:
        network.requires_grad_(False)
        network.paint.requires_grad_(True)
    adapts = start is not None and options.truth != "voxels" and not painted
    before = {name: value.clone() for name, value in network.state_dict().items()}
    free_id = space.taxonomy.free_id
    objective = Objective(counts, free_id)
    task = CompletionTask(network, objective, options.rate, options.whole_steps, settled=adapts or painted)
    draft = Draft(
        crop=options.crop,
        columns=options.voxels // (network.fold**2 * network.heights),
        sweeps=options.sweeps,
        thinning=THINNING,
        sought=Sought.of(census, network.classes, free_id),
        seed=options.seed,
    )
    frames = WholeFrames(held_out, options.held_out_frames, options.sweeps)
    fit(task, Crops(learned, draft), frames, options, out.with_suffix(".training"))
    network.cpu().eval()
    if start is not None and options.halfway and not painted:
        meet_halfway(network, before)
    temperature = _how_sure(network, WholeFrames(held_out, options.calibration_frames, options.sweeps), options, start)
    return write_weights(network, temperature, out, space, facts_of(split, options, start) | told)


def refuse_paint(options: Options, space: LabelSpace) -> None:
    """Raises BadRecipe where nothing can be learned of images with these ``options``, before priors look at them."""
    if options.truth == "none":
        raise BadRecipe(
            "--truth none adapts the LiDAR network, and completion.paint adds what images say: set paint: false to "
            "adapt, and train paint on logs with truth"
        )
    if options.truth == "voxels" and options.halfway:
        raise BadRecipe(
            "--halfway: what images say is learned beside the weights of --start, which stay as they are: leave it out"
        )
    if start_of(options, space) is None:
        raise BadRecipe(
            "what images say is learned on top of a LiDAR network: give --start shipped, or a weight file, and set "
            "paint: false to train one from nothing"
        )


def start_of(options: Options, space: LabelSpace) -> Path | None:
    """The weight file that a training goes on from; None: it begins from nothing. Raises BadWeights for ``shipped``
    where nothing is shipped for ``space``."""
    if options.start != SHIPPED:
        return options.start
    path = shipped_weights(space)
    if path is None:
        raise BadWeights(
            "--start shipped: no completion weights are shipped for the grid and taxonomy of the recipe; name a weight "
            "file, or train from nothing on logs with voxel truth"
        )
    return path


def temperature_before(start: Path | None) -> float:
    return 1.0 if start is None else temperature_of(start, read_facts(start))


def _how_sure(network: LMSCNet, frames: WholeFrames, options: Options, start: Path | None) -> float:
    """The temperature, by what is held out. Only voxel truth also moves the biases, where enough is held out, and makes
    surer than before: the other kinds are silent of what nothing was seen of. What a network with paint says without
    any stays what it was."""
    if network.paint is not None:
        return temperature_before(start)
    if options.truth == "voxels":
        return calibrate(network, frames, biased=start is None or len(frames) >= _ENOUGH)
    before = temperature_before(start)
    return before if options.truth == "none" else max(before, temperature_at_hits(network, frames))


def facts_of(split: Split, options: Options, start: Path | None) -> dict[str, str]:
    """What the header says of where weights come from."""
    return {
        "truth": options.truth,
        "seed": str(options.seed),
        "sweeps": str(options.sweeps),
        **({"held_out": split.remark} if split.remark else {}),
        **({"start": named_with_digest(start)} if start else {}),
        "logs": provenance(log.text for log in split.logs),
        **_beams(split.learned),
    }


def write_weights(
    network: LMSCNet, temperature: float, out: Path, space: LabelSpace, told: dict[str, str]
) -> dict[str, str]:
    """Writes a weight file that serves ``space``; returns its facts."""
    facts = weight_facts(space, network_of(network.paint is not None)) | {"temperature": f"{temperature:.4f}"} | told
    tensors = {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}
    save_weights(out, tensors, facts)
    return facts


def refuse_nothing(learned: Labelled, otherwise: str) -> None:
    """Raises BadLog when what is to be ``learned`` names nothing, before the work; ``otherwise`` ends the sentence with
    what else to do."""
    free_id = learned.space.taxonomy.free_id
    lessons = (learned.truth(number) for number in range(len(learned)))
    if not any(((truth != UNKNOWN) & (truth != free_id)).any() for truth in lessons):
        raise BadLog(
            f"{learned.pupils[0].reader.root}: nothing is to be learned of {len(learned)} frames: no voxel of the "
            f"recipe's grid is known to hold one of its classes; {otherwise}"
        )


def recalling(learned: Labelled, options: Options) -> Labelled:
    """The same, where labels of points are silent with what the network of ``options.start`` says there: else it would
    be forgotten."""
    start = start_of(options, learned.space)
    if start is None or options.truth != "points":
        return learned
    network, temperature = starting(start, learned.space, learned.painted_classes > 0)
    remembered = Remembered(predictor(network, temperature, learned.space, "cpu"), learned, options.sweeps)
    return learned.taught(remembered.ask)


def starting(start: Path, space: LabelSpace, painted: bool = False) -> tuple[LMSCNet, float]:
    """The network as it begins from a weight file, in evaluation mode, and its temperature."""
    network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id, painted)
    begin_with(network, start, space)
    return network.eval(), temperature_before(start)


def _census(labelled: Labelled) -> NDArray[np.float64]:
    """Voxels of each frame by class id [frames, 256], of those that are looked at; of what counts little, little, and
    nothing of what nobody checked."""
    census = np.zeros((len(labelled), 256))
    known = [number for number, pupil in enumerate(labelled.pupils) if not pupil.believed]
    for place in EvenlySpread(len(known), LOOKED_AT).chosen:
        census[known[place]] = _counted(labelled.lesson(known[place]))
    return census


def _counted(lesson: Lesson) -> NDArray[np.float64]:
    """Voxels by class id [256]."""
    weights = None if lesson.trust is None else lesson.trust.ravel() / FULL
    return np.bincount(lesson.semantics.ravel(), weights, minlength=256).astype(np.float64)


def _beams(labelled: Labelled) -> dict[str, str]:
    """How many beams most LiDARs have, by a few scans of the logs; nothing where none shows it."""
    some = (labelled.pupils[number] for number in EvenlySpread(len(labelled), _SCANS).chosen)
    scans = (p.reader.points(p.frame.sweep) for p in some if p.frame.sweep is not None)
    counts = sorted(count for points in scans if (count := beam_count(points)) is not None)
    return {"beams": str(counts[len(counts) // 2])} if counts else {}
