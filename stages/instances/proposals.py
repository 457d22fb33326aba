"""Where objects may be: peaks of a map of centres, from which the queries start.

DETR's queries start anywhere and learn over hundreds of epochs to part the scene among them. Where the embeddings say
well enough that a centre is near, a query that starts there has only to say of which object (as two-stage Deformable
DETR and TransFusion do): it converges in minutes on a CPU, and Q can be as large as the scene needs without training
anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 64
_PRIOR = -4.0  # one cell in fifty is a centre: the start of a focal loss
_SPREAD = 0.4
"""[m]: pedestrians stand closer than cars; a hill wider than the gap between two would melt them into one."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """The Q likeliest centres of each scene."""

    features: Tensor
    """[n, Q, hidden]: of the column there."""
    places: Tensor
    """[n, Q, 3] metres; the height is half way up the grid."""


class CentreMap(nn.Module):
    """Embeddings [n, channels, x, y, layers] to how likely the centre of an object is in each column of voxels.

    Of voxels, not of cells: bicycles in a rack stand closer than two cells of 0.8 m.
    """

    def __init__(self, channels: int, layers: int, fold: int) -> None:
        super().__init__()
        self.fold = fold
        self.hidden = nn.Sequential(
            nn.Conv2d(channels * layers, HIDDEN, 1), nn.ReLU(inplace=True),
            nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.score = nn.Conv2d(HIDDEN, fold**2, 1)
        nn.init.constant_(self.score.bias, _PRIOR)  # type: ignore[arg-type]

    def forward(self, volume: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [n, x * fold, y * fold] and features [n, hidden, x, y]."""
        hidden = self.hidden(volume.permute(0, 1, 4, 2, 3).flatten(1, 2))
        return functional.pixel_shuffle(self.score(hidden), self.fold)[:, 0], hidden


def peaks(logits: Tensor, features: Tensor, low: Tensor, high: Tensor, wanted: int) -> Proposals:
    """The ``wanted`` highest of ``logits`` [n, x, y] that no neighbour exceeds, or all cells if they are fewer.

    features [n, hidden, x / fold, y / fold]; low and high [n, 3]: metres, the box that the map covers.
    """
    height = functional.max_pool2d(logits[:, None], 3, stride=1, padding=1)[:, 0]
    standing = torch.where(logits == height, logits, logits - 1e4).flatten(1)
    cell = standing.topk(min(wanted, standing.shape[1]), dim=1).indices
    x, y = logits.shape[1:]
    index = torch.stack([cell // y, cell % y], dim=-1)
    size = (high - low)[:, None, :2] / torch.tensor([x, y], device=low.device)
    flat = low[:, None, :2] + (index + 0.5) * size
    middle = ((low + high) / 2)[:, None, 2:].expand(-1, flat.shape[1], -1)
    fold = x // features.shape[2]
    column = index[..., 0] // fold * features.shape[3] + index[..., 1] // fold
    found = features.flatten(2).gather(2, column[:, None].expand(-1, features.shape[1], -1)).transpose(1, 2)
    return Proposals(found, torch.cat([flat, middle], dim=2))


def centre_targets(centres: Tensor, present: Tensor, low: Tensor, high: Tensor, shape: tuple[int, int]) -> Tensor:
    """What the map should say, 0..1 [n, x, y]: 1 in the cell of a centre, falling off around it as a Gaussian.

    centres [n, G, 3] metres, present bool [n, G].
    """
    x, y = shape
    steps = [torch.arange(size, device=centres.device) for size in shape]
    size = ((high - low)[:, :2] / torch.tensor([x, y], device=low.device))[:, None]
    cell = ((centres[..., :2] - low[:, None, :2]) / size).floor()
    falls = [
        (-(((step - cell[..., axis, None]) * size[..., axis, None]) ** 2) / (2 * _SPREAD**2)).exp()
        for axis, step in enumerate(steps)
    ]
    hills = falls[0][..., :, None] * falls[1][..., None, :] * present[..., None, None]
    return hills.amax(dim=1) if hills.shape[1] else hills.new_zeros(len(centres), x, y)


def centre_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss of a map of centres, lenient near them (CenterNet, equation 1), per centre."""
    p = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    centre = target > 0.999
    loss = torch.where(centre, -((1 - p) ** 2) * p.log(), -((1 - target) ** 4) * p**2 * (1 - p).log())
    return loss.sum() / centre.sum().clamp(min=1)
