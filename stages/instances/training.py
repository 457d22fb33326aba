"""Training of OffsetOcc on refined labels: what a step is, how held-out frames are scored, what goes into the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.stages.instances.damage import Damage
from occlabel.stages.instances.lattice import Lattice, largest_object
from occlabel.stages.instances.object_losses import Truth, losses
from occlabel.stages.instances.offsetocc import Finder, OffsetOcc
from occlabel.stages.instances.options import Options
from occlabel.stages.instances.panoptic_vote import panoptic_vote
from occlabel.stages.instances.samples import Crops, Scene, Scenes, alike, census_of
from occlabel.stages.instances.voxel_embeddings import SCALE
from occlabel.stages.instances.weight_file import check, facts_of, things_of
from occlabel.stages.learning.purpose import said
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_weights, save_weights


class ObjectTask(lightning.LightningModule):
    """AdamW with a one-cycle cosine on the losses of ``object_losses.py``."""

    def __init__(
        self,
        network: OffsetOcc,
        finder: Finder,
        things: NDArray[np.bool_],
        held_out: Scenes,
        options: Options,
    ) -> None:
        super().__init__()
        self.network = network
        self.finder = finder
        self.things = things
        self.held_out = held_out
        self.options = options
        self.counts = np.zeros(3, np.int64)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        options = self.options
        objects = self.network(batch["labels"].long(), batch["low"], batch["high"], options.queries)
        truth = Truth(batch["classes"], batch["centres"], batch["phase"], batch["filled"])
        # A generator of its own for each step: the columns are the same after a resume.
        chance = torch.Generator().manual_seed(options.seed * 1_000_003 + self.global_step)
        found = losses(
            self.network.objects, objects, truth, batch["low"], batch["high"], decoupled=options.decoupled,
            assignment=options.assignment, draw=lambda n: torch.rand(n, generator=chance),
        )  # fmt: skip
        self.log_dict({name: loss.detach() for name, loss in found.items()}, prog_bar=True)
        return torch.stack(list(found.values())).sum()

    def on_validation_epoch_start(self) -> None:
        self.counts[:] = 0

    def validation_step(self, batch: Tensor, index: int) -> None:
        scene, threads = self.held_out[int(batch)], torch.get_num_threads()
        seeds = self.finder.find(scene.labels, queries=256, score=_SCORE)
        found = panoptic_vote(
            scene.labels, seeds.ids, self.things, self.held_out.grid.voxel_size, _RADIUS, seed_classes=seeds.classes
        )
        torch.set_num_threads(threads)  # the vote's threads reset torch's
        self.counts += recognised(found, scene)

    def on_validation_epoch_end(self) -> None:
        right, found, true = self.counts.tolist()
        self.log_dict({"val_rq": 2 * right / max(found + true, 1), "val_found": right / max(true, 1)}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.options.rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.options.rate, total_steps=self.options.whole_steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


_SCORE, _RADIUS = 0.5, 1.2
"""With which held-out frames are scored: near the defaults of the stage."""


def recognised(found: NDArray[np.uint32], scene: Scene) -> NDArray[np.int64]:
    """[3]: found objects whose IoU with a true one is over a half, all found, all true. Classes do not matter."""
    true = np.zeros(found.shape, np.int64)
    true[tuple(scene.voxels.T.astype(np.int64))] = np.repeat(
        np.arange(1, len(scene.classes) + 1), np.diff(scene.starts)
    )
    most = len(scene.classes) + 1
    pairs, count = np.unique(found.astype(np.int64) * most + true, return_counts=True)
    left, right = np.divmod(pairs, most)
    of_found, of_true = np.bincount(left, count), np.bincount(right, count, most)
    both = (left > 0) & (right > 0)
    union = of_found[left] + of_true[right] - count
    return np.array([int((both & (2 * count > union)).sum()), int((of_found[1:] > 0).sum()), most - 1])


def crop_columns(crop: float, grid: Grid) -> int:
    """Columns of a crop's edge, a multiple of the encoder's coarsest cell. Raises OcclabelError below one cell."""
    columns = int(crop / grid.voxel_size + 1e-6) // SCALE * SCALE
    if columns < SCALE:
        raise OcclabelError(f"a crop of {crop} m is less than {SCALE} voxels of {grid.voxel_size} m; give more")
    return columns


def check_options(options: Options, space: LabelSpace) -> None:
    """Raises OcclabelError when crops are too small, BadWeights when ``start`` holds no network for ``space``."""
    if crop_columns(options.crop, space.grid) == SCALE and options.batch == 1:
        raise OcclabelError(
            f"a crop of {options.crop} m is one cell of the encoder, and one alone has no mean that it could be held "
            f"against; give {2 * SCALE * space.grid.voxel_size:g} or more, or --batch 2"
        )
    if options.start is not None:
        found, wanted = said(options.start, check(options.start, space), "lattice", Lattice), _lattice(space)
        if found != wanted:
            raise BadWeights(f"{options.start} holds a network of the {found}, the recipe needs {wanted}")


def _lattice(space: LabelSpace) -> Lattice:
    return Lattice(space.grid.voxel_size, *largest_object(space.taxonomy))


def train_instances(
    space: LabelSpace, logs: Sequence[Scenes], out: Path, options: Options, facts: dict[str, str]
) -> dict[str, str]:
    """Trains a network for ``space`` on the frames of ``logs`` and writes it to ``out``; returns the file's facts.

    Every ``held_out_every``-th log is held out. ``facts`` say what else the file shall tell. Raises BadLog when there
    is no object to learn from, or no log to hold out; as ``check_options`` does.
    """
    check_options(options, space)
    crop = crop_columns(options.crop, space.grid)
    held_out = logs[options.held_out_every - 1 :: options.held_out_every] or logs[-1:]
    learned = [log for log in logs if all(log is not other for other in held_out)]
    classes = len(space.taxonomy.classes)
    seen, apart = (
        Scenes([frame for log in part for frame in log.frames], space.grid, classes) for part in (learned, held_out)
    )
    if not len(seen) or not len(apart):
        raise BadLog(f"{len(logs)} logs hold {len(seen)} frames to learn from and {len(apart)} held out; give more")
    things = things_of(space)
    known = np.isin(np.arange(256), things)
    lattice = _lattice(space)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = OffsetOcc(space.grid.shape[2], classes, len(things), lattice)
    if options.start is not None:
        load_weights(network, options.start)
    finder = Finder(network, space, things, options.device)
    task = ObjectTask(network, finder, known, apart, options)
    census = census_of(seen, len(things))
    counts = census.sum(axis=0)
    if not counts.sum():
        raise BadLog(f"the {len(seen)} frames to learn from show no object of a thing class")
    damage = Damage(known, space.taxonomy.free_id, space.grid.voxel_size)
    samples = Crops(seen, alike(census), lattice, crop, options.seed, damage, options.damaged)
    frames = EvenlySpread(len(apart), options.held_out_frames)
    fit(task, samples, frames, options, out.with_suffix(".training"))
    network.cpu().eval()
    facts = facts_of(space, lattice, counts.tolist()) | facts | {
        "seed": str(options.seed),
        "training": f"{options.assignment} assignment, {'decoupled' if options.decoupled else 'coupled'}",
        **({"start": named_with_digest(options.start)} if options.start else {}),
    }  # fmt: skip
    save_weights(out, {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}, facts)
    return facts
