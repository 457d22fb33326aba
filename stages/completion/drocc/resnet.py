"""The image encoder: a residual network (He et al. 2016), slim by default; features at a sixteenth of the image."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.completion.drocc.parts import Encoder

SHRINK = 16
"""Pixels of the image along each axis for one feature."""
_BLOCKS: dict[Encoder, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
_NECK = 2
"""Times the channels of the stem: those of the features."""


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution and its normalisation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class _Residual(nn.Module):
    def __init__(self, inputs: int, middle: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * middle if bottleneck else middle
        relu = nn.ReLU(inplace=True)
        self.body = (
            nn.Sequential(
                layer(inputs, middle, 1), relu, layer(middle, middle, 3, stride), relu, layer(middle, outputs, 1)
            )
            if bottleneck
            else nn.Sequential(layer(inputs, middle, 3, stride), relu, layer(middle, outputs, 3))
        )
        self.shortcut = nn.Identity() if stride == 1 and inputs == outputs else layer(inputs, outputs, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.body(features) + self.shortcut(features))


class ImageEncoder(nn.Module):
    """Images [n, 3, h, w], both sides multiples of 16, to features [n, ``channels``, h / 16, w / 16]."""

    def __init__(self, kind: Encoder, stem: int) -> None:
        super().__init__()
        self.channels = _NECK * stem
        self.stem = nn.Sequential(layer(3, stem, 7, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1))
        wide, inputs, stages = kind == "resnet50", stem, []
        widths = []
        for number, blocks in enumerate(_BLOCKS[kind]):
            middle, parts = stem << number, []
            for block in range(blocks):
                parts.append(_Residual(inputs, middle, 2 if number and not block else 1, wide))
                inputs = 4 * middle if wide else middle
            stages.append(nn.Sequential(*parts))
            widths.append(inputs)
        self.stages = nn.ModuleList(stages)
        self.across = nn.Conv2d(widths[-2], self.channels, 1)
        self.down = nn.Conv2d(widths[-1], self.channels, 1)
        self.smooth = nn.Sequential(layer(self.channels, self.channels, 3), nn.ReLU(inplace=True))

    def forward(self, images: Tensor) -> Tensor:
        features, levels = self.stem(images), []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        sixteenth = self.across(levels[-2])
        coarse = functional.interpolate(self.down(levels[-1]), sixteenth.shape[-2:], mode="bilinear")
        return self.smooth(sixteenth + coarse)
