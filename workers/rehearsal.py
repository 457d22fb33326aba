"""Trying out a stage before the work of a run: in a process of its own, which the stage may well take along."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Stage
from occlabel.workers.hand import Hand
from occlabel.workers.unit import Failure


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the process is told to do."""

    stage: Stage
    space: LabelSpace
    hands: Hands

    def perform(self) -> Failure | None:
        try:
            self.stage.try_out(self.space, self.hands)
        except OcclabelError as error:
            return Failure("data", str(error))
        return None


def try_out(title: str, stage: Stage, space: LabelSpace, hands: Hands, seconds: float) -> None:
    """Raises OcclabelError when ``stage``, which sentences call ``title``, cannot work in ``space``, or is not done
    within ``seconds``. A stage that has nothing to try out takes no time."""
    if type(stage).try_out is Stage.try_out:
        return
    hand = Hand(hands.threads)
    try:
        outcome = pickle.loads(hand.work(pickle.dumps(Rehearsal(stage, space, hands)), seconds))
    finally:
        hand.close()
    if isinstance(outcome, Failure):
        raise OcclabelError(f"{title} was tried out before the run and cannot be used: {outcome.error}")
