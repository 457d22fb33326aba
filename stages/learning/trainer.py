"""Training with Lightning: a fixed number of steps, averaged weights, curves as CSV, and resume after a kill.

An epoch is a fixed number of steps, not a pass over the data: sample number n of a run is the same whether the run was
interrupted or not, and a checkpoint lies at the end of each epoch.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from occlabel.schemas.errors import OcclabelError
from occlabel.stages.learning.options import TrainingOptions
from occlabel.stages.learning.run_record import RunRecord

_MEANT = (
    "Checkpoint directory .* exists and is not empty",  # curves, labels and poses lie beside the checkpoint
    r"module\(s\) in eval mode",  # statistics of a start stay as they were
    "is smaller than the logging interval",  # a short run has one row of curves
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own
)
"""What Lightning warns of and we do on purpose."""


class NumberedSamples(Sampler[int]):
    """Numbers of the samples of an epoch: epoch e has [e * n, (e + 1) * n). Lightning calls ``set_epoch``."""

    def __init__(self, per_epoch: int) -> None:
        self.per_epoch = per_epoch
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.epoch * self.per_epoch, (self.epoch + 1) * self.per_epoch))

    def __len__(self) -> int:
        return self.per_epoch


class _Average(WeightAveraging):
    """Exponential mean of weights and of normalisation statistics; the horizon is a twentieth of the run."""

    def __init__(self, steps: int) -> None:
        horizon = max(steps / 20, 2)

        def mean(average: Tensor, current: Tensor, count: Tensor) -> Tensor:
            # A whole number is a place in a table, say, and no quantity: its mean with itself, rounded down, can come
            # out one less at each step.
            return torch.lerp(average, current, 1 / horizon) if average.is_floating_point() else current

        super().__init__(use_buffers=True, avg_fn=mean)


def check_device(device: str) -> None:
    """Raises OcclabelError when ``device`` is cuda and there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise OcclabelError("--device cuda: no CUDA device is usable here; use --device cpu")


def check_ready(folder: Path, options: TrainingOptions) -> None:
    """Raises OcclabelError when the device is not there, or ``folder`` holds a run and ``resume`` is not asked for:
    what can be said before hours of labelling."""
    check_device(options.device)
    if (folder / "last.ckpt").exists() and not options.resume:
        raise OcclabelError(f"{folder} holds a training run; go on with --resume, or remove the folder to start anew")


def _precision(device: str) -> Literal["bf16-mixed", "32-true"]:
    """A CPU without instructions for bfloat16 makes them up, ten times slower than float32."""
    able = torch.cpu.get_capabilities()
    native = device == "cuda" or bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return "bf16-mixed" if native else "32-true"


def fit(
    module: lightning.LightningModule,
    samples: Dataset[Any],
    held_out: Dataset[Any],
    options: TrainingOptions,
    folder: Path,
) -> None:
    """Trains ``module`` in place and leaves the averaged weights in it.

    ``samples[n]`` is sample number n, for every n >= 0. The last checkpoint and ``curves/version_N/metrics.csv`` (N
    counts the resumes) go to ``folder``; to resume, the run goes on from the checkpoint there, or starts when
    there is none. Mixed bfloat16 where the machine computes with it, float32 elsewhere.
    Raises OcclabelError when the folder holds a run and ``resume`` is not asked for, or another run than this.
    """
    check_ready(folder, options)
    last, record = folder / "last.ckpt", RunRecord.of(module, samples[0], options)
    if last.exists() and (difference := record.unlike(folder)):
        raise OcclabelError(
            f"{folder} holds another training run ({difference}), which --resume would go on with; give another --out, "
            "or remove the folder to start anew"
        )
    record.write(folder)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = lightning.Trainer(
        accelerator="gpu" if options.device == "cuda" else "cpu",
        devices=1,
        precision=_precision(options.device),
        max_epochs=options.epochs,
        deterministic=options.device == "cpu",
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        log_every_n_steps=10,
        enable_model_summary=False,
        use_distributed_sampler=False,
        logger=CSVLogger(folder, name="curves"),
        callbacks=[
            _Average(options.whole_steps),
            ModelCheckpoint(folder, filename="last", every_n_epochs=1, save_top_k=1, enable_version_counter=False),
            TQDMProgressBar(refresh_rate=20),
        ],
    )
    numbers = NumberedSamples(options.epoch * options.batch)
    with warnings.catch_warnings():
        for meant in _MEANT:
            warnings.filterwarnings("ignore", f".*{meant}")
        trainer.fit(
            module,
            DataLoader(samples, options.batch, sampler=numbers),
            DataLoader(held_out, batch_size=1),
            ckpt_path=last if options.resume and last.exists() else None,
            weights_only=True,
        )
    # A run that was complete before it was resumed does not swap the averages in.
    module.load_state_dict(torch.load(last, map_location="cpu", weights_only=True)["state_dict"])
