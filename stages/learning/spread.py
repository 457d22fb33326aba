"""Which of many frames or windows are looked at whole."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


class EvenlySpread(Dataset[Tensor]):
    """At most ``limit`` of the numbers below ``total``, evenly spread."""

    def __init__(self, total: int, limit: int) -> None:
        self.chosen = np.linspace(0, total - 1, min(limit, total)).astype(int).tolist()

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, number: int) -> Tensor:
        return torch.tensor(self.chosen[number])
