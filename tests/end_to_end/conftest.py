"""What several of these tests work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_hands import HandHere, KeptHands, OneRay


@pytest.fixture
def tried_out_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are tried out before a run in this process, which has loaded their libraries: a process of its own takes
    longer for that than for all else of a tiny network. ``test_rehearse.py`` is about that process."""
    monkeypatch.setattr("occlabel.workers.rehearsal.Hand", HandHere)


@pytest.fixture(scope="package")
def one_ray() -> Iterator[OneRay]:
    """A Ray of this process that all runs of this folder share, with the hands that the first of them brought up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # the workers must find the toy stages
        hands = KeptHands(workers=1)
    yield OneRay(hands=hands)
    hands.close()
