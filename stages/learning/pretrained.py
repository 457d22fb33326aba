"""Stages that ask one foundation model, whose checkpoint is a folder or a model of the hub that was fetched."""

from __future__ import annotations

from pathlib import Path

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Stage
from occlabel.stages.learning.foundation import Checkpoint, Weights, checkpoint


class Pretrained(Stage):
    """Its weights are files of the stage."""

    weights: Weights
    """A folder with ``config.json`` and ``model.safetensors``, or the name of a model on the hub that was fetched."""
    revision: str | None = None
    """Commit, tag or branch of a model on the hub. [default: main, as it was fetched]"""

    def found(self) -> Checkpoint:
        """Raises BadWeights when the weights are not there or not whole."""
        return checkpoint(self.weights, self.revision)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return self.found().files
