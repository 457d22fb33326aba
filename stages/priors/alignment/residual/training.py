"""Training of the residual network without labels: what a step is, how held-out images are scored, what is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.errors import BadLog
from occlabel.stages.learning.purpose import check_purpose
from occlabel.stages.learning.reprojection import Neighbours, photometric
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_weights, save_weights
from occlabel.stages.priors.alignment.residual.asking import answer, inverse_of, upsampled
from occlabel.stages.priors.alignment.residual.network import FARTHEST, Residual, corrected
from occlabel.stages.priors.alignment.residual.options import Options
from occlabel.stages.priors.alignment.residual.samples import Crops, Views
from occlabel.stages.priors.alignment.residual.weight_file import COMMAND, NEAREST, PURPOSE, Shares

_SMOOTH = 0.1
"""Weight of the wish that the residual change only where the image does."""
_EDGE = 10.0
"""How much less it is wished at an edge: e to the minus this, times the step of brightness."""
_HEARD = 0.3
"""Of natural logarithms: a point that is off by more is of a surface that the camera does not see."""
_JUDGED = 80.0
"""[m] within which depth is scored, as depth benchmarks do."""


@dataclass
class Score:
    """Of depth at points of held-out images."""

    points: int = 0
    before: float = 0.0
    """Sums of relative errors: of the alignment, ..."""
    after: float = 0.0
    """... and of what the network makes of it."""
    normal: NDArray[np.float64] | None = None
    """[2, 3]: normal equations of ``Shares``."""

    @property
    def abs_rel(self) -> tuple[float, float]:
        """Before and after; NaN without points."""
        return (self.before / self.points, self.after / self.points) if self.points else (np.nan, np.nan)

    def shares(self) -> Shares:
        """What best explains the squared errors; nothing is a negative part of a variance."""
        if self.normal is None:
            return Shares()
        (aa, ab, ay), (_, bb, by) = self.normal.tolist()
        alone, other = Shares(max(ay, 0) / max(aa, 1e-12), 0.0), Shares(0.0, max(by, 0) / max(bb, 1e-12))
        det = aa * bb - ab * ab
        if det <= 1e-9 * aa * bb:
            return alone
        both = Shares((bb * ay - ab * by) / det, (aa * by - ab * ay) / det)
        if both.before >= 0 and both.moved >= 0:
            return both
        return alone if both.moved < 0 else other

    def add(self, network: Residual, views: Views, place: int) -> None:
        """One more image."""
        seen = views[place]
        if seen.image is None:
            return
        share = answer(network, seen.image, seen.depth, seen.deviation, views.views[place].intrinsics)
        before, true = inverse_of(seen.depth), inverse_of(seen.measured)
        at = (before > 0) & (true > 1 / _JUDGED)
        before, true, share = before[at].astype(np.float64), true[at].astype(np.float64), share[at].astype(np.float64)
        after = np.clip(before * (1 + share), 1 / FARTHEST, 1 / NEAREST)
        error = np.abs(true / after - 1)
        self.points += len(true)
        self.before += float(np.abs(true / before - 1).sum())
        self.after += float(error.sum())
        parts = np.stack([seen.deviation[at].astype(np.float64) ** 2, share**2, np.minimum(error, _HEARD) ** 2], axis=1)
        parts = parts[np.isfinite(parts).all(axis=1)]
        # Errors of what is off by much anyway must not decide alone.
        parts /= parts[:, :2].sum(axis=1, keepdims=True) + 1e-4
        found = parts[:, :2].T @ parts
        self.normal = found if self.normal is None else self.normal + found


class ResidualTask(lightning.LightningModule):
    """AdamW with a one-cycle cosine; photometric consistency, points, and smoothness of the residual."""

    def __init__(self, network: Residual, held_out: Views, options: Options) -> None:
        super().__init__()
        self.network = network
        self.held_out = held_out
        self.options = options
        self.score = Score()

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        share = self.network(batch["image"], batch["inverse"], batch["deviation"], batch["rays"])
        with torch.autocast(share.device.type, enabled=False):
            found = losses(share, batch, self.options)
        self.log_dict({name: loss.detach() for name, loss in found.items()}, prog_bar=True)
        return torch.stack(list(found.values())).sum()

    def on_validation_epoch_start(self) -> None:
        self.score = Score()

    def validation_step(self, batch: Tensor, index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            self.score.add(self.network, self.held_out, int(batch))

    def on_validation_epoch_end(self) -> None:
        before, after = self.score.abs_rel
        self.log_dict({"val_abs_rel": after, "val_abs_rel_before": before}, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.options.rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.options.rate, total_steps=self.options.whole_steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def losses(share: Tensor, batch: dict[str, Tensor], options: Options) -> dict[str, Tensor]:
    """By name, weighted. ``share`` [b, 1, v, u] is what the network says of a batch of ``Crops``."""
    inverse = corrected(batch["inverse"], share)
    fine, known = upsampled(inverse)
    around = Neighbours(batch["beside"], batch["inside"], batch["moved"], batch["intrinsics"])
    measured = batch["measured"]
    both = (inverse > 0) & (measured > 0)
    off = torch.where(both, torch.log(inverse.clamp(min=1e-6)) - torch.log(measured.clamp(min=1e-6)), 0.0).abs()
    return {
        "photometric": options.photometric * photometric(batch["target"], fine, known, around),
        "points": options.points * off.clamp(max=_HEARD).sum() / both.sum().clamp(min=1),
        "smooth": _SMOOTH * smoothness(share, batch["image"]),
    }


def smoothness(share: Tensor, image: Tensor) -> Tensor:
    """Mean step of ``share`` [b, 1, v, u] to its neighbours, less where the image [b, 3, 4 v, 4 u] has an edge."""
    small = torch.nn.functional.avg_pool2d(image.float(), image.shape[-1] // share.shape[-1])
    across, down = (
        share.diff(dim=dim).abs() * torch.exp(-_EDGE * small.diff(dim=dim).abs().mean(1, True)) for dim in (3, 2)
    )
    return across.mean() + down.mean()


def check_start(options: Options) -> None:
    """Raises BadWeights when ``start`` is no such network."""
    if options.start is not None:
        check_purpose(options.start, PURPOSE, COMMAND)


def train_residual(
    learned: Views, held_out: Views, out: Path, options: Options, facts: dict[str, str]
) -> dict[str, str]:
    """Trains a network on the images of ``learned``, scores it on those of ``held_out`` and writes it to ``out``;
    returns the file's facts. ``facts`` say what else the file shall tell.

    Raises BadLog when there is nothing to learn from or nothing to score, BadWeights when ``start`` is no such network.
    """
    check_start(options)
    if not len(held_out):
        raise BadLog(f"no image is left to hold out of {len(learned)}; give more logs, or some with --held-out")
    if not any(learned.beside) and not any(np.isfinite(learned[n].measured).any() for n in range(len(learned))):
        raise BadLog(
            f"nothing can be learned of {len(learned)} images: none has another of the same camera beside it between "
            "which the poses are known, and no point falls into one"
        )
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = Residual()
    if options.start is not None:
        load_weights(network, options.start)
    chosen = EvenlySpread(len(held_out), options.held_out_images)
    task = ResidualTask(network, held_out, options)
    samples = Crops(learned, options.height, options.width, options.seed)
    fit(task, samples, chosen, options, out.with_suffix(".training"))
    network.cpu().eval()
    rounded = {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}
    network.load_state_dict(rounded)
    score = Score()
    for place in chosen.chosen:
        score.add(network, held_out, place)
    if score.points:
        facts = facts | {"abs_rel": "{:.4f} before, {:.4f} after".format(*score.abs_rel)}
    facts = PURPOSE | score.shares().fact() | facts | {
        "seed": str(options.seed),
        **({"start": named_with_digest(options.start)} if options.start else {}),
    }  # fmt: skip
    save_weights(out, rounded, facts)
    return facts
