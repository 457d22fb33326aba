"""Training of OccAny: what a step is, how held-out views are scored, what is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.occany.losses import forcing_loss, pointmap_loss
from occlabel.stages.completion.occany.network import OccAny, Said, views_of
from occlabel.stages.completion.occany.options import Options
from occlabel.stages.completion.occany.samples import Drive, Samples, Scenes, Teacher
from occlabel.stages.completion.occany.sizes import FAR, Meaning
from occlabel.stages.completion.occany.trust import RIGHT, Trust, fitted
from occlabel.stages.completion.occany.weight_file import check, facts_of
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_weights, save_weights

_APART = 1_000_003
"""Held-out views are drawn from the seed and this."""


class Segmenter(NamedTuple):
    """Whose feature maps are reproduced."""

    teacher: Teacher
    head: NDArray[np.float32]
    """[labels, features]: its last layer."""
    bias: NDArray[np.float32]
    """[labels]."""
    meaning: Meaning


@dataclass
class Score:
    """Pixels of held-out views whose depth is known and up to FAR: how many, how many are right, in all and where no
    point falls; and those whose label is the segmenter's of the real image."""

    pixels: int = 0
    right: int = 0
    empty: int = 0
    filled: int = 0
    named: int = 0
    alike: int = 0

    def add(self, said: Said, batch: dict[str, Tensor], network: OccAny) -> None:
        near = batch["truth"] < FAR
        right = near & ((said.depth - batch["truth"]).abs() <= RIGHT)
        empty = near & (batch["depth"] == 0)
        self.pixels, self.right = self.pixels + int(near.sum()), self.right + int(right.sum())
        self.empty, self.filled = self.empty + int(empty.sum()), self.filled + int((right & empty).sum())
        if said.features is not None:
            own, taught = (network.labels(one).argmax(dim=1) for one in (said.features, batch["taught"]))
            self.named, self.alike = self.named + own.numel(), self.alike + int((own == taught).sum())

    @property
    def told(self) -> dict[str, float]:
        shares = {
            "right": (self.right, self.pixels),
            "filled": (self.filled, self.empty),
            "alike": (self.alike, self.named),
        }
        return {name: part / whole for name, (part, whole) in shares.items() if whole}


class OccAnyTask(lightning.LightningModule):
    """AdamW, whose rate rises over a tenth of the steps and falls to nothing with a cosine."""

    def __init__(self, network: OccAny, held_out: Samples, options: Options) -> None:
        super().__init__()
        self.network, self.apart, self.options = network, held_out, options
        self.score = Score()

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        # Without units for it a CPU takes ten times as long over 16 bits as over 32.
        with torch.autocast(self.device.type, enabled=self.device.type == "cuda"):
            said = self.network(views_of(batch, self.network.classes))
        found = losses(said, batch)
        self.log_dict({name: loss.detach() for name, loss in found.items()}, prog_bar=True)
        return torch.stack(list(found.values())).sum()

    def on_validation_epoch_start(self) -> None:
        self.score = Score()

    def validation_step(self, batch: Tensor, index: int) -> None:
        one = {name: part[None].to(self.device) for name, part in self.apart[int(batch)].items()}
        with torch.autocast(self.device.type, enabled=False):
            said = self.network(views_of(one, self.network.classes))
            found = losses(said, one)
            self.score.add(said, one, self.network)
        self.log("val_loss", torch.stack(list(found.values())).sum(), prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({f"val_{name}": share for name, share in self.score.told.items()}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.options.rate, betas=(0.9, 0.95))
        steps = self.options.whole_steps + 1
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.options.rate, total_steps=steps, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def losses(said: Said, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """By name; ``batch`` is of ``samples.parts_of``."""
    found = {"pointmap": pointmap_loss(said, batch["truth"], batch["slant"])}
    return found if said.features is None else found | {"forcing": forcing_loss(said, batch["taught"])}


@torch.no_grad()
def trust_of(network: OccAny, held_out: Samples, views: int) -> tuple[Trust, dict[str, float]]:
    """How confident the network must be, by so many held-out views, and its ``Score`` there."""
    score, sure, away = Score(), [], []
    for number in range(views):
        one = {name: part[None] for name, part in held_out[number].items()}
        said = network(views_of(one, network.classes))
        score.add(said, one, network)
        believed = said.depth < FAR
        sure.append(said.confidence[believed].numpy())
        away.append((said.depth - one["truth"]).abs()[believed].numpy())
    return fitted(np.concatenate(sure), np.concatenate(away)), score.told


def train_occany(
    space: LabelSpace,
    learned: Sequence[Drive],
    held_out: Sequence[Drive],
    segmenter: Segmenter | None,
    out: Path,
    options: Options,
    facts: dict[str, str],
) -> dict[str, str]:
    """Trains a network on the views of ``learned`` and writes it to ``out``; returns the file's facts, of which
    ``facts`` are some.

    Checkpoints and curves lie in the folder ``out`` with the suffix ``.training``. ``segmenter`` is None without
    segmentation forcing. Raises BadLog when there is nothing to learn from or to hold out, BadWeights when ``start``
    holds a network of other sizes.
    """
    movable = np.zeros(256, np.bool_)
    movable[[one.id for one in space.taxonomy.classes if one.movable]] = True
    teacher = None if segmenter is None else segmenter.teacher
    seen, apart = (Scenes(drives, options, movable, teacher) for drives in (learned, held_out))
    if not len(seen) or not len(apart):
        raise BadLog(
            f"{len(seen)} images to learn from and {len(apart)} held out are too few: give two logs or more, as one in "
            f"{options.held_out_every} is held out, or others with --held-out"
        )
    network, meaning = _started(space, segmenter, options)
    others = Samples(apart, options.seed + _APART)
    task = OccAnyTask(network, others, options)
    some = EvenlySpread(options.held_out_views, options.held_out_views)
    fit(task, Samples(seen, options.seed), some, options, out.with_suffix(".training"))
    network.cpu().eval()
    rounded = {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}
    network.load_state_dict(rounded)
    trust, told = trust_of(network, others, options.trusted_views)
    facts = facts_of(space.taxonomy, options.sizes, meaning, trust) | facts | {
        "images": str(len(seen)),
        "steps": str(options.whole_steps),
        "seed": str(options.seed),
        "held_out": ", ".join(f"{name} {share:.4f}" for name, share in told.items()),
        **({"start": named_with_digest(options.start)} if options.start else {}),
    }  # fmt: skip
    save_weights(out, rounded, facts)
    return facts


def check_start(options: Options, space: LabelSpace) -> None:
    """Raises BadWeights when ``start`` is no such network, of other sizes or of another taxonomy."""
    if options.start is not None and (sizes := check(options.start, space.taxonomy)[0]) != options.sizes:
        raise BadWeights(f"{options.start} holds a network of {sizes}, the training asks for {options.sizes}")


def _started(space: LabelSpace, segmenter: Segmenter | None, options: Options) -> tuple[OccAny, Meaning]:
    """A network to be trained, with the segmenter's last layer in it, by whose features it is taught: a start may have
    another's."""
    meaning = Meaning((), 0) if segmenter is None else segmenter.meaning
    check_start(options, space)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = OccAny(len(space.taxonomy.names), len(meaning.classes), options.sizes)
    if options.start is not None:
        load_weights(network, options.start)
    if segmenter is not None:
        network.head.copy_(torch.from_numpy(segmenter.head))
        network.bias.copy_(torch.from_numpy(segmenter.bias))
    return network, meaning
