"""What a network says in an image of another size, read at the pixels that the arrays hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class View:
    """How the network's input shows the image: resized to ``scaled``, from ``start`` on, and padded below and to the
    right where it is larger. [pixels of the input]."""

    scaled: Size
    input: Size
    start: Size = (0, 0)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Every ``stride``-th row and column of an image."""

    image: Size
    stride: int

    @property
    def shape(self) -> Size:
        return -(-self.image[0] // self.stride), -(-self.image[1] // self.stride)

    def read(self, said: Tensor, view: View) -> Tensor:
        """``said`` [..., h, w] over the input, at the lattice [..., v, u]: bilinear between the centres of cells, as
        ``interpolate`` with ``align_corners=False``; the padding is not looked at."""
        rows, columns = (self._taps(axis, said.shape[axis - 2], view, said.device) for axis in (0, 1))
        said = said.float()
        below, weight = said.index_select(-2, rows[1]), rows[2][:, None]
        said = said.index_select(-2, rows[0]) * (1 - weight) + below * weight
        right, weight = said.index_select(-1, columns[1]), columns[2]
        return said.index_select(-1, columns[0]) * (1 - weight) + right * weight

    def inside(self, view: View, device: torch.device) -> Tensor:
        """Whether the input shows the pixels of the lattice: bool [v, u]."""
        import torch

        shown = []
        for axis in (0, 1):
            at = self._at(axis, view, device)
            shown.append((at >= 0) & (at <= view.input[axis]))
        return torch.logical_and(shown[0][:, None], shown[1])

    def _at(self, axis: int, view: View, device: torch.device) -> Tensor:
        """Of each row (axis 0) or column the place in the input [pixels; the first begins at 0]."""
        import torch

        pixels = torch.arange(0, self.image[axis], self.stride, device=device, dtype=torch.float64)
        return (pixels + 0.5) * (view.scaled[axis] / self.image[axis]) - view.start[axis]

    def _taps(self, axis: int, cells: int, view: View, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """The two cells between whose centres each row or column lies, and the weight of the second."""
        per_pixel = cells / view.input[axis]
        at = self._at(axis, view, device) * per_pixel - 0.5
        shown = min(view.scaled[axis] - view.start[axis], view.input[axis]) * per_pixel
        at = at.clamp(0, max(shown - 1, 0))
        first = at.floor().long()
        return first, (first + 1).clamp(max=cells - 1), (at - first).float()
