"""The kinds of completion a recipe can pick. Cheap to import: models load in ``setup``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from occlabel.stages.completion.own_model import EntryPoint, Onnx, TorchExport
from occlabel.stages.completion.stored import Stored
from occlabel.stages.completion.trained import Trained

CompletionStage = Annotated[Trained | Stored | TorchExport | Onnx | EntryPoint, Field(discriminator="kind")]
