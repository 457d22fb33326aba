"""How good an onboard model is on held-out logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.taxonomy import UNKNOWN

if TYPE_CHECKING:
    from occlabel.stages.completion.labelled import Labelled
    from occlabel.stages.completion.lmscnet import LMSCNet


class Scores(BaseModel):
    """Over all voxels of which the truth is known, 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    iou: float
    """Of occupied against free."""
    miou: float
    """Mean over the occupied classes that the truth holds."""
    classes: dict[str, float]
    """IoU of each of them."""


def score(network: LMSCNet, temperature: float, judged: Labelled, device: str) -> Scores:
    """Of the ``network`` as it looks onboard, at a frame's own sweep."""
    import torch

    from occlabel.stages.completion.prediction import predictor
    from occlabel.stages.completion.sweeps import Sweeps
    from occlabel.stages.completion.trained import Trained
    from occlabel.stages.learning.fitting import scores_of

    taxonomy = judged.space.taxonomy
    classes = len(taxonomy.classes)
    predict = predictor(network.to(torch.device(device)), temperature, judged.space, device, Trained().looks)
    confusion = np.zeros((classes, classes), np.int64)
    for number in range(len(judged)):
        ((semantics, _),) = predict([Sweeps(judged.scan(number))])
        truth = judged.truth(number)
        pairs = truth[truth != UNKNOWN].astype(np.int64) * classes + semantics[truth != UNKNOWN]
        confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    iou, miou = scores_of(torch.from_numpy(confusion), taxonomy.free_id)
    hits, union = np.diag(confusion), confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    present = [c for c in taxonomy.occupied_ids if confusion[c].sum() > 0]
    return Scores(iou=iou, miou=miou, classes={taxonomy.names[c]: float(hits[c] / union[c]) for c in present})
