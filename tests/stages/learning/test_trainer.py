"""The trainer: what is averaged over the steps, and what is not."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor

from occlabel.stages.learning.options import TrainingOptions
from occlabel.stages.learning.trainer import fit

OPTIONS = TrainingOptions(steps=120, epoch=60, batch=1)
HORIZON = 6
"""Steps: a twentieth of the run."""
WHOLE = list(range(1000))


class Climb(lightning.LightningModule):
    """A weight that each step raises by one, and a table of whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.table: Tensor
        self.register_buffer("table", torch.arange(1000), persistent=False)
        self.scored: list[tuple[float, list[int]]] = []

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        assert self.table.tolist() == WHOLE
        return -self.weight.sum()

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.scored.append((self.weight.item(), self.table.tolist()))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([self.weight], lr=1.0)


def test_weights_are_averaged_and_whole_numbers_are_not(tmp_path: Path) -> None:
    module = Climb()
    samples: Any = list(range(1000))  # all that torch asks of a data set
    fit(module, samples, samples[:1], OPTIONS, tmp_path)
    # The mean of a ramp lags behind it by horizon - 1 steps.
    assert [weight for weight, _ in module.scored] == pytest.approx([60 - HORIZON + 1, 120 - HORIZON + 1], abs=0.01)
    assert [table for _, table in module.scored] == [WHOLE] * 2
    assert module.weight.item() == pytest.approx(120 - HORIZON + 1, abs=0.01)
    assert module.table.tolist() == WHOLE
