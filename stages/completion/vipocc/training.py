"""Training of ViPOcc on video without labels: what a step is, how held-out images are scored, what is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.stages.completion.vipocc.field import Field, Looked, ViPOcc
from occlabel.stages.completion.vipocc.losses import colour_loss, depth_loss, seen_in, temporal_loss
from occlabel.stages.completion.vipocc.options import Options
from occlabel.stages.completion.vipocc.rendering import Rendered, depths, render
from occlabel.stages.completion.vipocc.samples import ASKED, Drive, Place, Samples, Videos
from occlabel.stages.completion.vipocc.sizes import FAR, NEAR
from occlabel.stages.completion.vipocc.weight_file import check, facts_of
from occlabel.stages.learning.snog import PATCH
from occlabel.stages.learning.spread import EvenlySpread
from occlabel.stages.learning.trainer import fit
from occlabel.stages.learning.weight_header import named_with_digest
from occlabel.stages.learning.weights import load_weights, save_weights
from occlabel.stages.sensing.resized import scales

_LATE, _SLOWER = 0.6, 0.1
"""From this share of the steps on the rate is so much smaller: the last 10 of 25 epochs."""
_POINTS = 4096
"""Of an image by which it is scored, at most."""


@dataclass
class Score:
    """Sums of relative errors of depth at points of held-out images, within NEAR and FAR."""

    points: int = 0
    prior: float = 0.0
    branch: float = 0.0
    rendered: float = 0.0

    @property
    def abs_rel(self) -> tuple[float, float, float]:
        """Of the priors, of the branch and of what the field renders; NaN without points."""
        if not self.points:
            return (np.nan, np.nan, np.nan)
        return self.prior / self.points, self.branch / self.points, self.rendered / self.points

    @torch.no_grad()
    def add(self, network: ViPOcc, videos: Videos, place: Place, samples: int) -> None:
        """One more image, at the points where priors and a sweep both say how far it is."""
        view, shown = videos.view(place), videos.shown(place)
        seen = view.read()
        if shown is None or seen.image is None or seen.measured is None:
            return
        true, prior = seen.measured.astype(np.float32), seen.depth.astype(np.float32)
        at = np.argwhere((true > NEAR) & (true < FAR) & np.isfinite(prior) & (prior > 0))
        at = at[:: max(1, len(at) // _POINTS)]
        if not len(at):
            return
        scale = scales((seen.image.shape[0], seen.image.shape[1]), (videos.sizes.rows, videos.sizes.columns))
        pixels = torch.from_numpy((at * DEPTH.stride + 0.5) * scale - 0.5).float()  # [n, 2]: row, column
        device = next(network.parameters()).device
        looked = Looked(
            torch.from_numpy(shown.image).permute(2, 0, 1)[None].float().to(device) / 255,
            torch.from_numpy(shown.prior)[None, None].to(device),
            torch.from_numpy(shown.intrinsics).float()[None].to(device),
        )
        rays = rays_of(looked.intrinsics, pixels[None].to(device))
        field = network.look(looked)
        found = render(lambda places: density_at(network, field, places), rays, depths(rays.shape[:-1], samples, rays))
        inverse = network.refined(looked)[0, 0].cpu().numpy()
        row, column = (np.clip(np.rint(pixels[:, n].numpy()).astype(int), 0, inverse.shape[n] - 1) for n in range(2))
        true, prior = true[tuple(at.T)], prior[tuple(at.T)]
        near = inverse[row, column]
        branch = np.where(near > 0, 1 / np.maximum(near, 1 / FAR), prior)
        self.points += len(at)
        for name, said in (("prior", prior), ("branch", branch), ("rendered", found.depth[0].cpu().numpy())):
            setattr(self, name, getattr(self, name) + float((np.abs(said - true) / true).sum()))


class ViPOccTask(lightning.LightningModule):
    """Adam, a tenth of the rate at the end; equation 7 with the weights of the released code."""

    def __init__(self, network: ViPOcc, held_out: Videos, options: Options) -> None:
        super().__init__()
        self.network, self.held_out, self.options = network, held_out, options
        self.score, self.apart = Score(), Samples(held_out, options)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        jitter = torch.Generator().manual_seed(self.options.seed * 1_000_003 + self.global_step)
        # Without units for it a CPU takes ten times as long over 16 bits as over 32.
        with torch.autocast(self.device.type, enabled=self.device.type == "cuda"):
            found = losses(self.network, batch, self.options, jitter)
        self.log_dict({name: loss.detach() for name, loss in found.items()}, prog_bar=True)
        return torch.stack(list(found.values())).sum()

    def on_validation_epoch_start(self) -> None:
        self.score = Score()

    def validation_step(self, batch: Tensor, index: int) -> None:
        number = int(batch)
        with torch.autocast(self.device.type, enabled=False):
            self.score.add(self.network, self.held_out, self.held_out.places[number], self.options.samples)
            told = {name: part[None].to(self.device) for name, part in self.apart[number].items()}
            found = losses(self.network, told, self.options, None)
        self.log("val_loss", torch.stack(list(found.values())).sum(), prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        prior, branch, rendered = self.score.abs_rel
        self.log_dict({"val_abs_rel": rendered, "val_abs_rel_branch": branch, "val_abs_rel_prior": prior})

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.options.rate)
        late = [max(1, round(_LATE * self.options.whole_steps))]
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, late, _SLOWER)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def losses(
    network: ViPOcc, batch: dict[str, Tensor], options: Options, jitter: torch.Generator | None
) -> dict[str, Tensor]:
    """By name, weighted; ``batch`` is one of ``Samples``."""
    looked = [Looked(*(batch[name][:, n] for name in ("images", "prior", "intrinsics"))) for n in range(ASKED)]
    field = network.look(looked[0])
    with torch.autocast(field.features.device.type, enabled=False):
        rendered = [_rendered(network, field, batch, n, options.samples, jitter) for n in range(ASKED)]
        colours = [_colours(one, batch, n) for n, one in enumerate(rendered)]
    inverses = torch.stack([network.refined(one) for one in looked], dim=1)
    with torch.autocast(field.features.device.type, enabled=False):
        pixels = _pixels(batch["patches"][:, 0])
        beside = torch.linalg.inv(batch["own_from_view"][:, 1])
        pair = temporal_loss(batch["images"][:, :ASKED], inverses, beside, batch["intrinsics"][:, 0])
        return {
            "colour": torch.stack(colours).mean(),
            "depth": options.depth * depth_loss(rendered[0].depth, _at(inverses[:, 0], pixels)[..., 0]),
            "temporal": options.temporal * pair,
        }


def rays_of(intrinsics: Tensor, pixels: Tensor) -> Tensor:
    """Rays [b, ..., 3] of length 1 along the axis through ``pixels`` [b, ..., 2] (row, column)."""
    points = torch.cat([pixels.flip(-1), torch.ones_like(pixels[..., :1])], dim=-1)
    return torch.einsum("bij,b...j->b...i", torch.linalg.inv(intrinsics), points)


def density_at(network: ViPOcc, field: Field, places: Tensor) -> Tensor:
    """Density [b, ...] at ``places`` [b, ..., 3]."""
    return network.density(field, places.flatten(1, -2)).reshape(places.shape[:-1])


def _pixels(corners: Tensor) -> Tensor:
    """[b, P, PATCH, PATCH, 2] of patches whose upper left pixels are ``corners`` [b, P, 2]."""
    steps = torch.arange(PATCH, device=corners.device)
    inside = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)
    return corners[:, :, None, None] + inside


def _at(images: Tensor, pixels: Tensor) -> Tensor:
    """[b, ..., c]: of ``images`` [b, c, h, w] the ``pixels`` [b, ..., 2]."""
    batch = torch.arange(len(images), device=images.device).reshape(-1, *[1] * (pixels.dim() - 2))
    return images.permute(0, 2, 3, 1)[batch, pixels[..., 0], pixels[..., 1]]


def _rendered(
    network: ViPOcc, field: Field, batch: dict[str, Tensor], view: int, samples: int, jitter: torch.Generator | None
) -> Rendered:
    """The patches of a view, [b, P, PATCH, PATCH] rays, through the field of the first."""
    rays = rays_of(batch["intrinsics"][:, view], _pixels(batch["patches"][:, view]).float())
    pose = batch["own_from_view"][:, view]

    def density(places: Tensor) -> Tensor:
        flat = places.flatten(1, -2) @ pose[:, :3, :3].transpose(1, 2) + pose[:, None, :3, 3]
        return network.density(field, flat).reshape(places.shape[:-1])

    return render(density, rays, depths(rays.shape[:-1], samples, rays, jitter))


def _colours(rendered: Rendered, batch: dict[str, Tensor], view: int) -> Tensor:
    """The colour loss of the patches of a view, by all others."""
    others_from_own, seen = torch.linalg.inv(batch["own_from_view"]), []
    for other in range(batch["images"].shape[1]):
        if other != view:
            there = others_from_own[:, other] @ batch["own_from_view"][:, view]
            colours, inside = seen_in(batch["images"][:, other], there, batch["intrinsics"][:, other], rendered.places)
            inside = inside * batch["there"][:, other].reshape(-1, *[1] * (inside.dim() - 1))
            seen.append((colours.flatten(0, 1), inside.flatten(0, 1)))
    patches = _at(batch["images"][:, view], _pixels(batch["patches"][:, view])).flatten(0, 1).permute(0, 3, 1, 2)
    return colour_loss(Rendered(*(part.flatten(0, 1) for part in rendered)), seen, patches)


def check_start(options: Options) -> None:
    """Raises BadWeights when ``start`` holds no such networks, or of other sizes."""
    if options.start is not None and (sizes := check(options.start)) != options.sizes:
        raise BadWeights(f"{options.start} holds networks of {sizes}, the training asks for {options.sizes}")


def train_field(
    learned: Sequence[Drive], held_out: Sequence[Drive], out: Path, options: Options, facts: dict[str, str]
) -> dict[str, str]:
    """Trains the networks on the images of ``learned``, scores them on those of ``held_out`` and writes ``out``;
    returns the file's facts. ``facts`` say what else the file shall tell.

    Checkpoints and curves lie in the folder ``out`` with the suffix ``.training``. Raises BadLog when there is nothing
    to learn from or to hold out, BadWeights when ``start`` holds networks of other sizes.
    """
    seen, apart = (Videos(drives, options.sizes) for drives in (learned, held_out))
    if not len(seen) or not len(apart):
        raise BadLog(
            f"{len(seen)} images to learn from and {len(apart)} held out are too few: images count that have a pose, a "
            "calibration and another of the same camera before or after them; give two logs or more, or others with "
            "--held-out"
        )
    check_start(options)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = ViPOcc(options.sizes)
    if options.start is not None:
        load_weights(network, options.start)
    chosen = EvenlySpread(len(apart), options.held_out_images)
    task = ViPOccTask(network, apart, options)
    fit(task, Samples(seen, options), chosen, options, out.with_suffix(".training"))
    network.cpu().eval()
    rounded = {name: t.half() if t.ndim > 1 else t for name, t in network.state_dict().items()}
    network.load_state_dict(rounded)
    score = Score()
    for number in chosen.chosen:
        score.add(network, apart, apart.places[number], options.samples)
    if score.points:
        facts = facts | {"abs_rel": "{:.4f} prior, {:.4f} branch, {:.4f} rendered".format(*score.abs_rel)}
    start = {"start": named_with_digest(options.start)} if options.start else {}
    facts = facts_of(options.sizes) | facts | {"images": str(len(seen)), "seed": str(options.seed)} | start
    save_weights(out, rounded, facts)
    return facts
