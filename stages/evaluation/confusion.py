"""Confusion matrices: what every score is made of."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadPredictions

Scalar = TypeVar("Scalar", bound=np.generic)
Counts = dict[str, NDArray[Any]]
"""What was counted, as plain arrays by name: counts of several logs, made apart, add up to those of all."""
Range = tuple[tuple[int, int], tuple[int, int]]
"""((x0, x1), (y0, y1)) in voxels; all heights."""


def confusion(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8], scored: NDArray[np.bool_], classes: int, where: str
) -> NDArray[np.int64]:
    """Counts [prediction, truth] of the elements that are ``scored`` and whose truth is a class.

    The three arrays are of one shape; ``classes`` is the number of classes, the free class included. Raises
    BadPredictions, naming ``where`` the prediction lies, when a scored prediction is no class.
    """
    counted = scored & (truth < classes)
    predicted, true = prediction[counted], truth[counted]
    if predicted.size and predicted.max() >= classes:
        raise BadPredictions(
            f"{where} predicts an id that is no class of the benchmark on {int((predicted >= classes).sum())} scored "
            "voxels; the official evaluation would stop there: write a class, or free, instead"
        )
    cell = predicted.astype(np.intp)
    cell *= classes
    cell += true
    return np.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def crop(volume: NDArray[Scalar], box: Range) -> NDArray[Scalar]:
    """The part of ``volume`` [x, y, z] in ``box``, a view."""
    (x0, x1), (y0, y1) = box
    return volume[x0:x1, y0:y1]
