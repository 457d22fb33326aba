"""The demo in small: every step of it runs, and leaves what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from occlabel.pipeline.published.version import open_version


@pytest.mark.slow
def test_the_demo_publishes_scores_and_draws(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "occlabel"), "demo", "--out", "demo", "--logs", "1", "--frames", "2"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "51.2 m" in result.stdout
    version = open_version(str(tmp_path / "demo@v1"))
    assert version.info.frames == 2
    assert {path.suffix for path in (tmp_path / "demo/pictures").iterdir()} == {".png"}
