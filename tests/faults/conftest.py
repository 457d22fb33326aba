"""What was away for a moment is asked again at once: that it is asked again is what these tests are about."""

import pytest


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occlabel.pipeline.running.loop._PAUSE", 0.05)
    monkeypatch.setattr("occlabel.workers.trouble._PAUSE", 0.005)
