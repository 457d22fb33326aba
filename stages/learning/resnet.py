"""Residual networks (He et al., "Deep residual learning for image recognition", CVPR 2016) as encoders of images."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Kind = Literal["resnet18", "resnet50"]
COARSEST = 32
"""Sides of the images are multiples of so many pixels."""
_BLOCKS: dict[Kind, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
_GROUP = 8
"""Channels that are normalised together: batches of dense prediction are too small for statistics of their own (Wu and
He, "Group normalization", ECCV 2018), and nothing has been trained before that would need them."""


class ResNet(nn.Module):
    """[n, ``inputs``, h, w] to five levels of features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the sides, of ``widths``
    channels. The paper's stem has 64 channels."""

    def __init__(self, kind: Kind, inputs: int, stem: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_layer(inputs, stem, 7, 2), nn.ReLU(inplace=True))
        wide = kind == "resnet50"
        before, stages, widths = stem, [], [stem]
        for number, blocks in enumerate(_BLOCKS[kind]):
            parts = []
            for block in range(blocks):
                parts.append(_Block(before, stem << number, 2 if number and not block else 1, wide))
                before = parts[-1].outputs
            stages.append(nn.Sequential(*parts))
            widths.append(before)
        self.stages = nn.ModuleList(stages)
        self.widths = tuple(widths)

    def forward(self, images: Tensor) -> list[Tensor]:
        levels = [self.stem(images)]
        found = functional.max_pool2d(levels[0], 3, 2, 1)
        for stage in self.stages:
            found = stage(found)
            levels.append(found)
        return levels


class _Block(nn.Module):
    def __init__(self, inputs: int, middle: int, stride: int, wide: bool) -> None:
        super().__init__()
        self.outputs = 4 * middle if wide else middle
        relu = nn.ReLU(inplace=True)
        self.body = nn.Sequential(
            *(
                (*_layer(inputs, middle, 1), relu, *_layer(middle, middle, 3, stride), relu)
                if wide
                else (*_layer(inputs, middle, 3, stride), relu)
            ),
            *_layer(middle, self.outputs, 1 if wide else 3),
        )
        same = stride == 1 and inputs == self.outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(*_layer(inputs, self.outputs, 1, stride))

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.body(features) + self.shortcut(features))


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution and its normalisation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.GroupNorm(max(outputs // _GROUP, 1), outputs)
