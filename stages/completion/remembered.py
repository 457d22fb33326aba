"""What a network said before a training, kept where the training is told nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.labelled import Labelled, Pupil
from occlabel.stages.completion.slot import Prediction
from occlabel.stages.completion.sweeps import Sweeps
from occlabel.stages.completion.teacher import FULL, Ask, Lesson

SHARE = 0.25
"""Of its confidence, that a label is trusted by which nobody gave."""
_KEPT = 300
"""Frames whose labels are kept in memory, 4 MB each; of more each is asked again."""


class Remembered:
    """Lessons, and where they are silent what ``predict`` says: labels of points say nothing of what no ray reached."""

    def __init__(
        self, predict: Callable[[Sequence[Sweeps]], Sequence[Prediction]], labelled: Labelled, sweeps: int
    ) -> None:
        """``sweeps``: of how many other frames, at most."""
        self._predict = predict
        self._labelled = labelled
        self._sweeps = sweeps
        self._numbers = {id(pupil): number for number, pupil in enumerate(labelled.pupils)}
        self._said: dict[int, Lesson] = {}

    def ask(self, pupil: Pupil) -> Ask:
        return partial(self._lesson, self._numbers[id(pupil)])

    def _lesson(self, number: int) -> Lesson:
        if number in self._said:
            return self._said[number]
        labelled = self._labelled
        others = labelled.others(number, range(min(self._sweeps, labelled.there(number))))
        ((semantics, confidence),) = self._predict([Sweeps(labelled.scan(number), tuple(others))])
        truth = labelled.truth(number)
        silent = truth == UNKNOWN
        trust = np.where(silent, np.rint(confidence * SHARE).astype(np.uint8), np.uint8(FULL))
        lesson = Lesson(np.where(silent, semantics, truth), trust)
        if len(self._said) < _KEPT:
            self._said[number] = lesson
        return lesson
