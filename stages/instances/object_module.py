"""The Object Module of OffsetOcc (section 3.3): queries find objects and say of which voxels each consists.

Queries start at the peaks of a map of centres (``proposals.py``), read the voxel embeddings around their reference by
3D deformable cross-attention (``deformable_attention.py``), and speak with each other by self-attention; from layer to
layer the reference moves to where the object's centre is thought to be. Each gives a class, a centre, K offsets and K
scores: equation 1.

Where we differ from the paper, and why:
- Queries start where an object may be, and their number is an option of each use rather than of the weights.
- Queries farther apart than NEAR do not attend to each other: what is learned on crops then holds on whole grids.
- K follows from voxel size and largest object (``lattice.py``). A linear layer to K x 4 numbers would have 39 million
  weights at 0.2 m. Instead a query says how much of each of RANK shapes it has; a shape is the product of a function of
  x, y and one of z, which a small network gives for every point of the lattice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from occlabel.stages.instances.deformable_attention import DeformableAttention
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.proposals import HIDDEN, CentreMap, peaks

WIDTH = 128
LAYERS = 4
RANK = 96
NEAR = 12.0
"""[m]."""
_HEADS, _POINTS, _FEED_FORWARD = 4, 8, 512
_FREQUENCIES = 6
_PRIOR = -3.0


@dataclass(frozen=True, slots=True)
class Found:
    """What one layer says of its queries."""

    classes: Tensor
    """[n, Q, things]: logits, one a thing class; none of them high: background."""
    centres: Tensor
    """[n, Q, 3] metres."""


@dataclass(frozen=True, slots=True)
class Objects:
    """What the module says of a scene."""

    layers: tuple[Found, ...]
    """From the first to the last, which counts."""
    shapes: Tensor
    """[n, Q, 4, RANK]: for ``ObjectModule.points``."""
    centre_logits: Tensor
    """[n, X, Y]: the map of centres."""


class ObjectModule(nn.Module):
    """For embeddings [n, channels, x, y, layers] and so many thing classes."""

    def __init__(self, channels: int, layers: int, fold: int, things: int, lattice: Lattice) -> None:
        """``fold``: voxels along an axis for one of the embeddings."""
        super().__init__()
        self.lattice = lattice
        self.centre_map = CentreMap(channels, layers, fold)
        self.content = nn.Parameter(torch.zeros(WIDTH))
        self.start = nn.Linear(HIDDEN, WIDTH)
        self.place = nn.Sequential(nn.Linear(_waves(3), WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.layers = nn.ModuleList(_Layer(channels) for _ in range(LAYERS))
        self.classify = nn.ModuleList(_classifier(things) for _ in range(LAYERS))
        self.move = nn.ModuleList(_mover() for _ in range(LAYERS))
        self.shape = _perceptron(WIDTH, 4 * RANK)
        self.flat = _perceptron(_waves(2), RANK)
        self.tall = _perceptron(_waves(1), RANK)
        self.bias = nn.Parameter(torch.tensor(_PRIOR))
        rest = torch.from_numpy(lattice.rest)
        self.register_buffer("rest", rest, persistent=False)

    def forward(self, volume: Tensor, low: Tensor, high: Tensor, queries: int) -> Objects:
        """The objects of embeddings ``volume`` [n, channels, x, y, layers] of the box low..high ([n, 3] metres)."""
        logits, features = self.centre_map(volume)
        proposals = peaks(logits.detach(), features, low, high, queries)
        state = self.start(proposals.features) + self.content
        places, found = proposals.places, []
        for layer, classify, move in zip(self.layers, self.classify, self.move, strict=True):
            state = layer(state, self.place(waves(places)), places, volume, low, high)
            centres = places + move(state)
            found.append(Found(classify(state), centres))
            places = centres.detach()
        shapes = self.shape(state).unflatten(-1, (4, RANK))
        return Objects(tuple(found), shapes, logits)

    def points(self, shapes: Tensor, columns: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Offsets [q, K, 3] in metres and score logits [q, K] of ``shapes`` [q, 4, RANK].

        An offset is the point's rest position and what the query adds to it. ``columns`` (int64, rows of the lattice's
        disc) asks for the points of these only.
        """
        layers, reach = self.lattice.layers, self.lattice.length / 2
        rest: Tensor = self.get_buffer("rest")
        rest = rest.view(-1, layers, 3)
        tall = self.tall(waves(rest[0, :, 2:], reach))
        rest = rest if columns is None else rest[columns]
        flat = self.flat(waves(rest[:, 0, :2], reach))
        basis = (flat[:, None] * tall).flatten(0, 1)  # [K, RANK]
        values = shapes @ basis.T / math.sqrt(RANK)
        return rest.flatten(0, 1) + self.lattice.pitch * values[:, 1:].transpose(1, 2), values[:, 0] + self.bias


class _Layer(nn.Module):
    """Self-attention, deformable cross-attention and a feed-forward network, each with a residual and a norm after."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.speak = nn.MultiheadAttention(WIDTH, _HEADS, batch_first=True)
        self.read = DeformableAttention(WIDTH, channels, _HEADS, _POINTS)
        self.think = nn.Sequential(nn.Linear(WIDTH, _FEED_FORWARD), nn.ReLU(), nn.Linear(_FEED_FORWARD, WIDTH))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(
        self, state: Tensor, place: Tensor, places: Tensor, volume: Tensor, low: Tensor, high: Tensor
    ) -> Tensor:
        asked = state + place
        apart = (torch.cdist(places, places) > NEAR).repeat_interleave(_HEADS, dim=0)
        state = self.norms[0](state + self.speak(asked, asked, state, attn_mask=apart, need_weights=False)[0])
        state = self.norms[1](state + self.read(state + place, places, volume, low, high))
        result: Tensor = self.norms[2](state + self.think(state))
        return result


def waves(places: Tensor, reach: float = 51.2) -> Tensor:
    """Sines and cosines of ``places`` [..., axes] (metres) at octaves from 2 ``reach`` downwards, and the places."""
    scaled = places / reach
    octaves = math.pi * 2 ** torch.arange(_FREQUENCIES, device=places.device)
    angles = (scaled[..., None] * octaves).flatten(-2)
    return torch.cat([scaled, angles.sin(), angles.cos()], dim=-1)


def _waves(axes: int) -> int:
    return axes * (1 + 2 * _FREQUENCIES)


def _classifier(things: int) -> nn.Linear:
    """One whose queries are background at the start, as most are: the start of a focal loss."""
    classify = nn.Linear(WIDTH, things)
    nn.init.constant_(classify.bias, _PRIOR)
    return classify


def _mover() -> nn.Sequential:
    """One that stays where it is at the start."""
    last = nn.Linear(WIDTH, 3)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), last)


def _perceptron(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs))
