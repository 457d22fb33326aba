"""Image encoders: features at a sixteenth of the image, of ``channels`` channels, of images and of how they were taken.

The paper's is a residual network that has learned from photographs. The one that a CPU can train with is the trunk of
glance, which has learned how far things are and what they are, and does not learn on, so that what it says of an image
is computed once in a training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.completion.drocc.parts import Encoder
from occlabel.stages.learning.resnet import Kind, ResNet
from occlabel.stages.learning.trunk import COARSE, FEATURES, FINEST, ROWS, Trunk

SHRINK = 16
"""Pixels of the image along each axis for one feature."""
_NECK = 2
"""Times the channels of the stem: those of the features."""
_PIXELS = 127.5


def image_encoder(kind: Encoder, stem: int) -> ResidualEncoder | GlanceEncoder:
    """By its name."""
    return GlanceEncoder(stem) if kind == "glance" else ResidualEncoder(kind, stem)


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution and its normalisation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class ResidualEncoder(nn.Module):
    """A residual network whose coarsest features are added to those before them."""

    def __init__(self, kind: Kind, stem: int) -> None:
        super().__init__()
        self.channels = _NECK * stem
        self.body = ResNet(kind, 3, stem)
        self.across = nn.Conv2d(self.body.widths[-2], self.channels, 1)
        self.down = nn.Conv2d(self.body.widths[-1], self.channels, 1)
        self.smooth = nn.Sequential(layer(self.channels, self.channels, 3), nn.ReLU(inplace=True))

    def forward(self, images: Tensor, intrinsics: Tensor) -> Tensor:
        """[n, channels, h / 16, w / 16] of ``images`` uint8 [n, h, w, 3] RGB, both sides multiples of 16."""
        *_, fine, coarsest = self.body(_scaled(images))
        sixteenth = self.across(fine)
        coarse = functional.interpolate(self.down(coarsest), sixteenth.shape[-2:], mode="bilinear")
        return self.smooth(sixteenth + coarse)


class Memory:
    """What a trunk that stays as it is has said of images, 134 kB of one with 224 x 400 pixels, for the next time that
    they are shown: to the network, to its average over steps, or to another that begins with the same trunk."""

    def __init__(self) -> None:
        self._said: dict[bytes, Tensor] = {}

    def __deepcopy__(self, others: dict[int, object]) -> Memory:
        return self

    def recall(self, images: Tensor, intrinsics: Tensor, ask: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """What ``ask`` says of ``images`` [n, h, w, 3] and their ``intrinsics`` [n, 3, 3], asked of those alone that
        nobody has shown yet."""
        if not len(images):  # none of a frame can be read
            return ask(images, intrinsics)
        keys = [
            hashlib.blake2b(image.cpu().numpy().tobytes() + principal.cpu().numpy().tobytes()).digest()
            for image, principal in zip(images, intrinsics[:, 1, 2], strict=True)
        ]
        new = torch.tensor([key not in self._said for key in keys], dtype=torch.bool)
        if bool(new.any()):
            said = ask(images[new], intrinsics[new]).cpu()
            self._said.update(zip((key for key, one in zip(keys, new, strict=True) if one), said, strict=True))
        # Where steps are of mixed bfloat16, float16 is no number to put together.
        with torch.autocast(images.device.type, enabled=False):
            return torch.stack([self._said[key] for key in keys]).to(images.device)


class GlanceEncoder(nn.Module):
    """The trunk of glance, which stays as it is, and two layers that read it."""

    def __init__(self, stem: int) -> None:
        super().__init__()
        self.channels = _NECK * stem
        self.trunk = Trunk().eval().requires_grad_(False)
        self.read = nn.Sequential(
            layer(FEATURES + COARSE, self.channels, 1), nn.ReLU(inplace=True),
            layer(self.channels, self.channels, 3), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.memory: Memory | None = None
        """Where what the trunk says is kept."""

    def train(self, mode: bool = True) -> GlanceEncoder:
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, images: Tensor, intrinsics: Tensor) -> Tensor:
        """[n, channels, h / 16, w / 16] of ``images`` uint8 [n, h, w, 3] RGB, both sides multiples of 16, that were
        taken with K ``intrinsics`` [n, 3, 3]."""
        if self.memory is None:
            said = self._seen(images, intrinsics)
        else:
            said = self.memory.recall(images, intrinsics, self._seen)
        return self.read(said.float())

    @torch.no_grad()
    def _seen(self, images: Tensor, intrinsics: Tensor) -> Tensor:
        """float16 [n, FEATURES + COARSE, h / 16, w / 16]."""
        pixels = _scaled(images)
        below = torch.arange(images.shape[1], device=images.device) - intrinsics[:, 1, 2, None]
        rows = (below / ROWS)[:, None, :, None].expand(-1, 1, -1, images.shape[2])
        found = self.trunk.levels(torch.cat([pixels, rows], dim=1).contiguous(memory_format=torch.channels_last))
        return torch.cat([functional.avg_pool2d(found.finest, SHRINK // FINEST), found.coarsest], dim=1).half()


def _scaled(images: Tensor) -> Tensor:
    """[n, 3, h, w], 0 in the middle of black and white."""
    return (images.movedim(-1, 1).float() / _PIXELS - 1).contiguous(memory_format=torch.channels_last)
