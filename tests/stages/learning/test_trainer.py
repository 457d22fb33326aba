"""The trainer: what is averaged over the steps, and what is not."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor

from occlabel.schemas.errors import OcclabelError
from occlabel.stages.learning.options import TrainingOptions
from occlabel.stages.learning.run_record import forget
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


SAMPLES: Any = list(range(1000))


def begun(folder: Path) -> TrainingOptions:
    options = TrainingOptions(steps=2, epoch=2, batch=1)
    fit(Climb(), SAMPLES, SAMPLES[:1], options, folder)
    return options


def test_a_run_goes_on_when_it_is_asked_to_and_is_the_same(tmp_path: Path) -> None:
    options = begun(tmp_path)
    with pytest.raises(OcclabelError, match=r"holds a training run; go on with --resume"):
        fit(Climb(), SAMPLES, SAMPLES[:1], options, tmp_path)
    again = Climb()
    fit(again, SAMPLES, SAMPLES[:1], options.model_copy(update={"resume": True, "start": Path("elsewhere")}), tmp_path)
    assert again.weight.item() > 0 and not again.scored, "nothing was left to do"
    forget(tmp_path)
    fit(Climb(), SAMPLES, SAMPLES[:1], options.model_copy(update={"seed": 1}), tmp_path)


@pytest.mark.parametrize(
    ("change", "begins", "first", "said"),
    [
        ({"seed": 9}, 0.0, 0, "seed 0, and now 9"),
        ({"steps": 4}, 0.0, 0, "steps 2, and now 4"),
        ({}, 1.0, 0, "it began with other weights"),
        ({}, 0.0, 5, "it learns from other logs"),
    ],
)
def test_no_run_goes_on_as_another(
    tmp_path: Path, change: dict[str, int], begins: float, first: int, said: str
) -> None:
    options = begun(tmp_path).model_copy(update={"resume": True, **change})
    module = Climb()
    with torch.no_grad():
        module.weight.fill_(begins)
    with pytest.raises(OcclabelError, match=rf"holds another training run \({said}"):
        fit(module, SAMPLES[first:], SAMPLES[:1], options, tmp_path)


def test_a_run_of_which_nobody_wrote_down_what_it_was_does_not_go_on(tmp_path: Path) -> None:
    options = begun(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(OcclabelError, match="nobody wrote down"):
        fit(Climb(), SAMPLES, SAMPLES[:1], options.model_copy(update={"resume": True}), tmp_path)
