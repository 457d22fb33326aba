"""What a training run was asked, kept beside its checkpoint: only that run goes on from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from occlabel.schemas.formats.appearing import appearing
from occlabel.stages.learning.options import TrainingOptions

_ANYWHERE = {"resume", "device", "start"}
"""Options that may be others when a run goes on; of the start its content decides, not its name."""


@dataclass(frozen=True)
class RunRecord:
    """By what a run is known again."""

    options: dict[str, Any]
    begins: str
    """Digest of the network as it begins: of seed, start and shape."""
    learns: str
    """Digest of the first sample, which is drawn from all there are."""

    @staticmethod
    def of(module: torch.nn.Module, sample: Any, options: TrainingOptions) -> RunRecord:
        asked = options.model_dump(mode="json", exclude=_ANYWHERE)
        return RunRecord(asked, _digest(module.state_dict()), _digest(sample))

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with appearing(_place(folder)) as partial:
            partial.write_text(json.dumps(asdict(self), indent=1))

    def unlike(self, folder: Path) -> str | None:
        """By what the run in ``folder`` is another one, for a sentence; None for the same."""
        try:
            before = json.loads(_place(folder).read_text())
            options = dict(before["options"])
            parts = before["begins"], before["learns"]
        except (OSError, ValueError, KeyError, TypeError):
            return "nobody wrote down what was asked of it"
        names = [name for name in {**self.options, **options} if self.options.get(name) != options.get(name)]
        if names:
            return ", ".join(f"{name} {options.get(name)}, and now {self.options.get(name)}" for name in names)
        if parts[0] != self.begins:
            return "it began with other weights, or another network"
        return None if parts[1] == self.learns else "it learns from other logs, or other labels of them"


def forget(folder: Path) -> None:
    """No run goes on from the checkpoint in ``folder`` any more."""
    (folder / "last.ckpt").unlink(missing_ok=True)


def _place(folder: Path) -> Path:
    return folder / "run.json"


def _digest(value: Any) -> str:
    digest = hashlib.blake2b(digest_size=12)
    _add(value, digest)
    return digest.hexdigest()


def _add(value: Any, digest: Any) -> None:
    if isinstance(value, dict):
        for name in sorted(value):
            digest.update(str(name).encode())
            _add(value[name], digest)
    elif isinstance(value, list | tuple):
        for one in value:
            _add(one, digest)
    elif isinstance(value, torch.Tensor | np.ndarray):
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    else:
        digest.update(repr(value).encode())
