"""What heads of the dense prediction transformer (Ranftl et al. 2021) are made of: tokens of four depths as maps, fused
from the coarsest to the finest. Tensors are named as in its weight files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu


class HeadSizes(NamedTuple):
    """Of a head."""

    channels: tuple[int, int, int, int]
    """Made of the tokens of each depth, from finest to coarsest."""
    features: int
    """While they are fused."""


def projections(width: int, channels: Sequence[int]) -> nn.ModuleList:
    """Of maps with ``width`` numbers in a cell to those of each depth."""
    return nn.ModuleList(nn.Conv2d(width, inner, 1) for inner in channels)


def resizings(channels: Sequence[int]) -> nn.ModuleList:
    """To four times the cells of a map's side, to twice, to as many, and to half."""
    return nn.ModuleList(
        [
            nn.ConvTranspose2d(channels[0], channels[0], 4, 4),
            nn.ConvTranspose2d(channels[1], channels[1], 2, 2),
            nn.Identity(),
            nn.Conv2d(channels[3], channels[3], 3, 2, 1),
        ]
    )


def adapters(sizes: HeadSizes) -> dict[str, nn.Module]:
    """``layer1_rn`` to ``layer4_rn``: maps of each depth with as many features."""
    return {
        f"layer{n}_rn": nn.Conv2d(inner, sizes.features, 3, padding=1, bias=False)
        for n, inner in enumerate(sizes.channels, 1)
    }


def fusions(features: int, ending: str = "") -> dict[str, nn.Module]:
    """``refinenet1`` to ``refinenet4``, with an ``ending`` behind their names: what ``fused`` goes through."""
    return {f"refinenet{n}{ending}": _Fusion(features, alone=n == 4) for n in range(1, 5)}


def fused(scratch: nn.ModuleDict, levels: Sequence[Tensor], ending: str = "") -> Tensor:
    """Four maps [b, features, h, w], from finest to coarsest, as one of twice the finest's sides."""
    height, width = levels[0].shape[2:]
    sizes = [(2 * height, 2 * width), *(level.shape[2:] for level in levels[:3])]
    result: Tensor = scratch[f"refinenet4{ending}"](levels[3], None, sizes[3])
    for n in (3, 2, 1):
        result = scratch[f"refinenet{n}{ending}"](result, levels[n - 1], sizes[n - 1])
    return result


def resized(given: Tensor, size: Sequence[int]) -> Tensor:
    """[b, c, h, w] to ``size``, corners on corners."""
    return interpolate(given, tuple(size), mode="bilinear", align_corners=True)


class _Fusion(nn.Module):
    def __init__(self, features: int, alone: bool) -> None:
        super().__init__()
        if not alone:
            self.resConfUnit1 = _Residual(features)
        self.resConfUnit2 = _Residual(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(self, coarse: Tensor, finer: Tensor | None, size: Sequence[int]) -> Tensor:
        if finer is not None:
            coarse = coarse + self.resConfUnit1(finer)
        result: Tensor = self.out_conv(resized(self.resConfUnit2(coarse), size))
        return result


class _Residual(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(features, features, 3, padding=1) for _ in range(2))

    def forward(self, given: Tensor) -> Tensor:
        result: Tensor = given + self.conv2(relu(self.conv1(relu(given))))
        return result
