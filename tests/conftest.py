"""What several test folders use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulated import Simulated


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    """A network that nobody trained is the same in every run of its test."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real logs and golden values beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared with real logs and golden values beside the repository")
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """See ``simulated.py``."""
    from simulated import simulated_in

    return simulated_in(tmp_path_factory)
