"""What several test folders use."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer.main
import typer.testing
from in_memory import stay_in_memory

if TYPE_CHECKING:
    from simulated import Simulated


def pytest_configure() -> None:
    stay_in_memory()


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    """A network that nobody trained is the same in every run of its test."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _commands_are_made_once() -> Iterator[None]:
    """Of the annotations of some forty functions; a process of a user does it once too."""
    made = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", made)
        patch.setattr(typer.testing, "_get_command", made)
        yield


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
