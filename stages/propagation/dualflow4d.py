"""DualFlow4D: several frames of onboard labels correct each other (OccFiner, section III-B, equations 3 to 6).

Each frame's labels are encoded from above (``encoder.py``), cut into overlapping patches (``soft_split.py``), and sent
through transformer blocks in which they meet along two flows: near and far over bird's-eye view and time
(``focal_attention.py``), and along height and time within each pillar (``pillar_attention.py``). Composed again, the
features go back to the voxels of each frame (``head.py``).

No code of the paper was released. Where it is silent, this is what we chose:
- The labels enter weighted by the onboard model's confidence; the paper's enter alone.
- Features come from four halvings (16 columns a cell), a patch token is 256 wide, patches lie 3 cells apart as in
  E2FGVI, whose transformer is the paper's ancestor; 4 heads; a feed-forward layer of 640 brings the blocks to the
  paper's parameter count.
- The spatial embedding is added to the features before they are split (equation 3), the temporal one, which the paper
  tried and dropped, in the same way.
- The head sees the labels of the other frames at a voxel's own place in the world, beside the transformer's features:
  see there.
"""

from __future__ import annotations

from torch import Tensor, nn

from occlabel.stages.propagation.coordinates import COORDINATES
from occlabel.stages.propagation.encoder import WIDTHS, LabelEncoder, PlaceEncoder
from occlabel.stages.propagation.focal_attention import FocalAttention
from occlabel.stages.propagation.head import Head
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.pillar_attention import PillarAttention
from occlabel.stages.propagation.soft_split import SoftComposition, SoftSplit

_TOKEN = 256
_HEADS = 4
_FEED_FORWARD = 640
_BLOCKS = 2


class DualFlow4D(nn.Module):
    """The network for grids of ``heights`` voxels and so many classes."""

    def __init__(self, heights: int, classes: int, free_id: int, parts: Parts | None = None) -> None:
        super().__init__()
        self.parts = parts = parts or Parts()
        channels = WIDTHS[-1]
        self.encode = LabelEncoder(heights, classes)
        self.place = PlaceEncoder(COORDINATES) if parts.spatial_embedding else None
        self.moment = PlaceEncoder(1) if parts.temporal_embedding else None
        if parts.transformer:
            self.split = SoftSplit(channels, _TOKEN)
            self.blocks = nn.ModuleList(Block(_TOKEN, heights) for _ in range(_BLOCKS))
            self.compose = SoftComposition(channels, _TOKEN)
        self.head = Head(heights, classes, free_id, parts.unlabelled)

    def propagate(self, features: Tensor, coordinates: Tensor, times: Tensor) -> Tensor:
        """Features of the frames of n windows after they have seen each other, [n, T, width, x, y] as they came.

        ``coordinates`` [n, T, COORDINATES, x, y] relative to each window's pivot (equation 1), ``times`` [n, T] in
        seconds after it.
        """
        n, time, _, x, y = features.shape
        placed = features.flatten(0, 1)
        if self.place is not None:
            placed = placed + self.place(coordinates.flatten(0, 1))
        if self.moment is not None:
            placed = placed + self.moment(times.reshape(-1, 1, 1, 1).expand(-1, 1, x, y))
        if not self.parts.transformer:
            return placed.unflatten(0, (n, time))
        tokens = self.split(placed).unflatten(0, (n, time))
        for block in self.blocks:
            tokens = block(tokens)
        composed: Tensor = self.compose(tokens.flatten(0, 1), (x, y))
        return features + composed.unflatten(0, (n, time))


class Block(nn.Module):
    """One transformer block: both flows in parallel, their sum, and a feed-forward layer."""

    def __init__(self, width: int, heights: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.focal = FocalAttention(width, _HEADS)
        self.pillar = PillarAttention(width, heights)
        self.from_bev = nn.Linear(width, width)
        self.from_pillar = nn.Linear(width, width)
        nn.init.eye_(self.from_bev.weight)  # the way along which tokens stay what they are
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, _FEED_FORWARD), nn.GELU(), nn.Linear(_FEED_FORWARD, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, time, x, y, width]."""
        normed = self.norm(tokens)
        bev = self.focal(normed) + tokens  # equation 4
        pillar = self.pillar(normed)  # equation 5
        result: Tensor = self.from_pillar(pillar) + self.from_bev(bev)  # equation 6
        return result + self.feed(result)
