"""The command line as a user types it, in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any


def occlabel(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs ``occlabel`` and holds its exit code against ``code``."""
    command: list[Any] = [Path(sys.executable).parent / "occlabel", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return result
